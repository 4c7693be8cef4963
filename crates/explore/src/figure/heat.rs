//! A heat map: rows of names, columns of names, a share or a factor in each cell.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Figure, FigureError, bold, failed, font, ink, text_width};
use crate::sheet::times;

/// What the cells of a map hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeatScale {
    /// Shares from 0 to 1.
    Share,
    /// How many times as fast. The colours part at 1.00x: faster on one side, slower on the other,
    /// each further from the middle the more it differs; equal steps are equal factors.
    Times,
}

/// Values over two named axes.
#[derive(Clone, Debug)]
pub struct HeatMap {
    /// Above the map.
    pub title: String,
    /// Under the columns.
    pub x_label: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Names of the rows, and their values; `None` where there is nothing to say.
    pub rows: Vec<(String, Vec<Option<f64>>)>,
    /// What the values are.
    pub scale: HeatScale,
}

const TOP: u32 = 50;
const ROW: u32 = 30;
/// No cell is narrower.
const CELL: u32 = 92;
const BOTTOM: u32 = 100;
/// Under the legend of factors, for the words that explain it.
const WORDS: u32 = 20;

/// The ground of a cell that says nothing.
const NOTHING: RGBColor = RGBColor(232, 232, 232);

/// The ground of a cell that is neither faster nor slower.
const NEUTRAL: RGBColor = RGBColor(247, 247, 247);
/// The ground of the fastest cell that the colours reach.
const FASTER: RGBColor = RGBColor(5, 75, 140);
/// The ground of a cell that is as much slower.
const SLOWER: RGBColor = RGBColor(165, 60, 0);
/// How much of its colour a cell has that differs from 1.00x by next to nothing: that it does is
/// seen even where another cell differs by far more.
const LEAST_TINT: f64 = 0.18;
/// What the colours of factors mean.
const LEGEND: &str = "white: 1.00x, no gain; blue: faster; orange and ▼: slower";
/// Before the factor of a cell that is slower: it is told apart without colours too.
const SLOWER_MARK: &str = "▼ ";

/// The colour of a factor whose logarithm is this part of the largest in the map, -1 to 1.
fn diverging(part: f64) -> RGBColor {
    let far = if part > 0.0 { FASTER } else { SLOWER };
    let tint = LEAST_TINT + (1.0 - LEAST_TINT) * part.abs().min(1.0);
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * tint).round() as u8;
    RGBColor(
        mix(NEUTRAL.0, far.0),
        mix(NEUTRAL.1, far.1),
        mix(NEUTRAL.2, far.2),
    )
}

/// Whether a factor is written as something else than `1.00x`, and on which side it lies.
fn side(factor: f64) -> std::cmp::Ordering {
    ((factor * 100.0).round() as i64).cmp(&100)
}

/// From dark blue over green to yellow, growing in lightness: legible without colour.
fn sequential(value: f64) -> RGBColor {
    const STOPS: [(f64, f64, f64); 5] = [
        (68.0, 1.0, 84.0),
        (59.0, 82.0, 139.0),
        (33.0, 145.0, 140.0),
        (94.0, 201.0, 98.0),
        (253.0, 231.0, 37.0),
    ];
    let place = value.clamp(0.0, 1.0) * (STOPS.len() - 1) as f64;
    let index = (place as usize).min(STOPS.len() - 2);
    let part = place - index as f64;
    let mix = |a: f64, b: f64| (a + (b - a) * part).round() as u8;
    let ((r0, g0, b0), (r1, g1, b1)) = (STOPS[index], STOPS[index + 1]);
    RGBColor(mix(r0, r1), mix(g0, g1), mix(b0, b1))
}

impl HeatMap {
    /// Room for the names of the rows.
    fn left(&self) -> u32 {
        let names = self.rows.iter().map(|(name, _)| text_width(name));
        16 + names.max().unwrap_or(0)
    }

    /// Width of a cell: the name of its column fits.
    fn cell(&self) -> u32 {
        let names = self.columns.iter().map(|name| text_width(name) + 10);
        names.fold(CELL, u32::max)
    }

    /// The smallest and the largest value; 1 lies between them.
    fn ends(&self) -> (f64, f64) {
        let values = || self.rows.iter().flat_map(|(_, values)| values).flatten();
        let finite = || {
            values()
                .copied()
                .filter(|value| value.is_finite() && *value > 0.0)
        };
        (finite().fold(1.0, f64::min), finite().fold(1.0, f64::max))
    }

    /// The ground of a value.
    fn colour(&self, value: f64) -> RGBColor {
        match self.scale {
            HeatScale::Share => sequential(value),
            HeatScale::Times if side(value).is_eq() => NEUTRAL,
            HeatScale::Times => {
                let (least, most) = self.ends();
                // The same on both sides, so that half as fast is as dark as twice as fast.
                let reach = most.ln().max(-least.ln()).max(f64::MIN_POSITIVE);
                diverging(value.ln() / reach)
            }
        }
    }

    /// The value at a place of the legend, from 0 to 1.
    fn value(&self, place: f64) -> f64 {
        match self.scale {
            HeatScale::Share => place,
            HeatScale::Times => {
                let (least, most) = self.ends();
                least * (most / least).powf(place)
            }
        }
    }

    /// The places of the legend that are labelled, and their labels.
    fn ticks(&self) -> Vec<(f64, String)> {
        if self.scale == HeatScale::Share {
            let quarters = (0..=4).map(|quarter| f64::from(quarter) / 4.0);
            return quarters.map(|part| (part, format!("{part:.2}"))).collect();
        }
        let (least, most) = self.ends();
        let one = -least.ln() / (most / least).ln().max(f64::MIN_POSITIVE);
        let mut ticks = vec![(one, times(1.0))];
        for part in 0..=4 {
            let place = f64::from(part) / 4.0;
            // None that would run into that of 1.00x.
            if (place - one).abs() > 0.12 && least < most {
                ticks.push((place, times(self.value(place))));
            }
        }
        ticks
    }

    fn words(&self, value: f64) -> String {
        match self.scale {
            HeatScale::Share => format!("{value:.3}"),
            HeatScale::Times if side(value).is_lt() => format!("{SLOWER_MARK}{}", times(value)),
            HeatScale::Times => times(value),
        }
    }
}

impl Figure for HeatMap {
    fn size(&self) -> (u32, u32) {
        let (columns, rows) = (self.columns.len() as u32, self.rows.len() as u32);
        let width = self.left() + columns * self.cell() + 30;
        // Bold letters of 16 points are wider.
        let title = text_width(&self.title) * 5 / 4 + 20;
        let (wide, tall) = match self.scale {
            HeatScale::Share => (0, 0),
            HeatScale::Times => (text_width(LEGEND), WORDS),
        };
        (width.max(title).max(wide), TOP + rows * ROW + BOTTOM + tall)
    }

    fn draw<DB: DrawingBackend>(
        &self,
        root: &DrawingArea<DB, Shift>,
        scale: u32,
    ) -> Result<(), FigureError> {
        let at = |x: u32, y: u32| ((x * scale) as i32, (y * scale) as i32);
        let centre = Pos::new(HPos::Center, VPos::Center);
        let right = Pos::new(HPos::Right, VPos::Center);
        let (width, margin, cell) = (self.size().0, self.left(), self.cell());
        let text = |words: String, place: (i32, i32), style: TextStyle<'_>| {
            root.draw(&Text::new(words, place, style.clone()))
                .map_err(failed)
        };
        let title = bold(16, scale).pos(centre);
        text(self.title.clone(), at(width / 2, TOP / 2), title)?;
        for (row, (name, values)) in self.rows.iter().enumerate() {
            let y = TOP + row as u32 * ROW;
            let place = at(margin - 8, y + ROW / 2);
            text(name.clone(), place, font(13, scale).pos(right))?;
            for (column, &value) in values.iter().enumerate() {
                let x = margin + column as u32 * cell;
                let (fill, words) = match value {
                    Some(value) => (self.colour(value), self.words(value)),
                    None => (NOTHING, "-".into()),
                };
                let corners = [at(x, y), at(x + cell - 1, y + ROW - 1)];
                root.draw(&Rectangle::new(corners, fill.filled()))
                    .map_err(failed)?;
                let ink = ink(fill);
                let style = font(13, scale).color(&ink).pos(centre);
                text(words, at(x + cell / 2, y + ROW / 2), style)?;
            }
        }
        let bottom = TOP + self.rows.len() as u32 * ROW;
        for (column, name) in self.columns.iter().enumerate() {
            let x = margin + column as u32 * cell + cell / 2;
            let style = font(13, scale).pos(centre);
            text(name.clone(), at(x, bottom + 14), style)?;
        }
        let middle = margin + self.columns.len() as u32 * self.cell() / 2;
        let style = font(13, scale).pos(centre);
        text(self.x_label.clone(), at(middle, bottom + 36), style)?;
        self.colours(root, scale, bottom + 56)
    }
}

impl HeatMap {
    /// The colours and what they mean.
    fn colours<DB: DrawingBackend>(
        &self,
        root: &DrawingArea<DB, Shift>,
        scale: u32,
        y: u32,
    ) -> Result<(), FigureError> {
        let at = |x: u32, y: u32| ((x * scale) as i32, (y * scale) as i32);
        let (margin, wide) = (self.left(), self.columns.len() as u32 * self.cell());
        for step in 0..wide {
            let fill = self.colour(self.value(f64::from(step) / f64::from(wide - 1)));
            let corners = [at(margin + step, y), at(margin + step + 1, y + 12)];
            root.draw(&Rectangle::new(corners, fill.filled()))
                .map_err(failed)?;
        }
        let centre = Pos::new(HPos::Center, VPos::Center);
        for (place, words) in self.ticks() {
            let x = margin + (place * f64::from(wide)).round() as u32;
            let text = Text::new(words, at(x, y + 24), font(12, scale).pos(centre));
            root.draw(&text).map_err(failed)?;
        }
        if self.scale == HeatScale::Times {
            let place = at(self.size().0 / 2, y + 44);
            let text = Text::new(LEGEND, place, font(12, scale).pos(centre));
            root.draw(&text).map_err(failed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever else a map holds, what is slower is orange, what is faster blue, and neither is
        /// as white as no change: a factor below 1 never looks like no gain.
        #[test]
        fn slower_faster_and_no_gain_are_three_grounds(
            factors in prop::collection::vec(0.01_f64..100.0, 1..8),
        ) {
            let map = HeatMap {
                title: String::new(),
                x_label: String::new(),
                columns: vec![String::new(); factors.len()],
                rows: vec![(String::new(), factors.iter().copied().map(Some).collect())],
                scale: HeatScale::Times,
            };
            prop_assert_eq!(map.colour(1.0), NEUTRAL);
            for factor in factors {
                let RGBColor(red, _, blue) = map.colour(factor);
                let words = map.words(factor);
                match side(factor) {
                    std::cmp::Ordering::Less => {
                        prop_assert!(red >= blue + 20, "{}: {} {}", words, red, blue);
                        prop_assert!(words.starts_with(SLOWER_MARK));
                    }
                    std::cmp::Ordering::Equal => prop_assert!(words == "1.00x" && red == blue),
                    std::cmp::Ordering::Greater => {
                        prop_assert!(blue >= red + 20, "{}: {} {}", words, red, blue);
                    }
                }
                // The legend reaches from the smallest to the largest, and names 1.00x.
                let (least, most) = map.ends();
                prop_assert!(least <= factor && factor <= most);
                prop_assert!(map.ticks().iter().any(|(_, words)| words == "1.00x"));
            }
        }
    }
}
