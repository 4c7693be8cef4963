//! Grouped bars: a group for each run, a bar for each alternative, a factor each.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{COLOURS, Figure, FigureError, bold, failed, font, legend, text_width};
use crate::sheet::times;

/// The bars of one run.
#[derive(Clone, Debug)]
pub struct Group {
    /// What was run.
    pub name: String,
    /// How many times as fast each alternative is; `None` where it cannot be run.
    pub factors: Vec<Option<f64>>,
    /// What no alternative can pass, if something bounds them.
    pub ceiling: Option<f64>,
}

/// Bars of factors.
#[derive(Clone, Debug)]
pub struct BarChart {
    /// Above all.
    pub title: String,
    /// Under the axis.
    pub x_label: String,
    /// Names of the alternatives.
    pub alternatives: Vec<String>,
    /// From top to bottom.
    pub groups: Vec<Group>,
}

const TOP: u32 = 40;
const BAR: u32 = 15;
const BETWEEN: u32 = 14;
const WIDE: u32 = 480;
/// Room for a number behind the longest bar, and for the ceilings.
const RIGHT: u32 = 160;

impl BarChart {
    fn left(&self) -> u32 {
        let names = self.groups.iter().map(|group| text_width(&group.name));
        28 + names.max().unwrap_or(0)
    }

    fn legend(&self) -> (Vec<(u32, u32)>, u32) {
        legend(&self.alternatives, self.left(), self.size().0)
    }

    fn top(&self) -> u32 {
        TOP + self.legend().1 + 10
    }

    fn group_height(&self) -> u32 {
        self.alternatives.len() as u32 * BAR + BETWEEN
    }

    /// The longest bar.
    fn most(&self) -> f64 {
        let factors = self.groups.iter().flat_map(|group| &group.factors);
        factors.flatten().copied().fold(1.0, f64::max)
    }
}

/// A step of an axis that ends at `most`: 1, 2 or 5 times a power of ten, about six of them.
fn step(most: f64) -> f64 {
    let rough = most / 6.0;
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|times| times * power);
    steps
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(power)
}

impl Figure for BarChart {
    fn size(&self) -> (u32, u32) {
        let (left, groups) = (self.left(), self.groups.len() as u32);
        let width = left + WIDE + RIGHT;
        let legend = legend(&self.alternatives, left, width).1;
        (width, TOP + legend + 10 + groups * self.group_height() + 56)
    }

    fn draw<DB: DrawingBackend>(
        &self,
        root: &DrawingArea<DB, Shift>,
        scale: u32,
    ) -> Result<(), FigureError> {
        let at = |x: u32, y: u32| ((x * scale) as i32, (y * scale) as i32);
        let centre = Pos::new(HPos::Center, VPos::Center);
        let left = Pos::new(HPos::Left, VPos::Center);
        let right = Pos::new(HPos::Right, VPos::Center);
        let text = |words: String, place: (i32, i32), style: TextStyle<'_>| {
            root.draw(&Text::new(words, place, style.clone()))
                .map_err(failed)
        };
        let box_of = |from, to, colour: RGBColor| {
            root.draw(&Rectangle::new([from, to], colour.filled()))
                .map_err(failed)
        };
        let (width, margin, top) = (self.size().0, self.left(), self.top());
        text(
            self.title.clone(),
            at(width / 2, 18),
            bold(16, scale).pos(centre),
        )?;
        for (index, (name, (x, y))) in self.alternatives.iter().zip(self.legend().0).enumerate() {
            let y = 36 + y;
            box_of(at(x, y), at(x + 14, y + 12), COLOURS[index % COLOURS.len()])?;
            text(name.clone(), at(x + 20, y + 6), font(13, scale).pos(left))?;
        }
        let most = self.most();
        let place = |factor: f64| margin + (factor / most * f64::from(WIDE)).round() as u32;
        let bottom = top + self.groups.len() as u32 * self.group_height();
        let step = step(most);
        let ticks = (0..=(most / step) as u32).map(|tick| f64::from(tick) * step);
        for tick in ticks {
            let x = place(tick);
            box_of(at(x, top - 4), at(x + 1, bottom), RGBColor(215, 215, 215))?;
            let digits = usize::from(step < 1.0);
            text(
                format!("{tick:.digits$}x"),
                at(x, bottom + 12),
                font(12, scale).pos(centre),
            )?;
        }
        text(
            self.x_label.clone(),
            at(margin + WIDE / 2, bottom + 36),
            font(13, scale).pos(centre),
        )?;
        for (index, group) in self.groups.iter().enumerate() {
            let y = top + index as u32 * self.group_height();
            let middle = y + self.alternatives.len() as u32 * BAR / 2;
            text(
                group.name.clone(),
                at(margin - 10, middle),
                font(13, scale).pos(right),
            )?;
            for (bar, factor) in group.factors.iter().enumerate() {
                let y = y + bar as u32 * BAR;
                let (end, words) = match factor {
                    Some(factor) => (place(*factor), times(*factor)),
                    None => (margin, "cannot be run".to_owned()),
                };
                box_of(
                    at(margin, y),
                    at(end, y + BAR - 2),
                    COLOURS[bar % COLOURS.len()],
                )?;
                text(
                    words,
                    at(end + 5, y + (BAR - 2) / 2),
                    font(11, scale).pos(left),
                )?;
            }
            if let Some(ceiling) = group.ceiling {
                let words = format!("ceiling {}", times(ceiling));
                text(words, at(width - 12, middle), font(12, scale).pos(right))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_a_handful_of_round_ticks() {
        for (most, expected) in [
            (1.0, 0.2),
            (1.9, 0.5),
            (6.0, 1.0),
            (9.0, 2.0),
            (130.0, 50.0),
        ] {
            let step = step(most);
            assert!((step - expected).abs() < 1e-9, "{most}: {step}");
            assert!((2.5..=6.0).contains(&(most / step)), "{most}: {step}");
        }
    }
}
