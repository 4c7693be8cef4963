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
    /// How many times as fast, from 1 to the largest of the map; equal steps are equal factors.
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

/// The ground of a cell that says nothing.
const NOTHING: RGBColor = RGBColor(232, 232, 232);

/// From dark blue over green to yellow, growing in lightness: legible without colour.
fn colour(value: f64) -> RGBColor {
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

    /// The largest value.
    fn most(&self) -> f64 {
        let values = self.rows.iter().flat_map(|(_, values)| values);
        values.flatten().copied().fold(1.01, f64::max)
    }

    /// Where a value lies between the ends of the colours.
    fn place(&self, value: f64) -> f64 {
        match self.scale {
            HeatScale::Share => value,
            HeatScale::Times => value.ln() / self.most().ln(),
        }
    }

    /// The value at a place.
    fn value(&self, place: f64) -> f64 {
        match self.scale {
            HeatScale::Share => place,
            HeatScale::Times => self.most().powf(place),
        }
    }

    fn words(&self, value: f64) -> String {
        match self.scale {
            HeatScale::Share => format!("{value:.3}"),
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
        (width.max(title), TOP + rows * ROW + BOTTOM)
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
                    Some(value) => (colour(self.place(value)), self.words(value)),
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
            let fill = colour(f64::from(step) / f64::from(wide - 1));
            let corners = [at(margin + step, y), at(margin + step + 1, y + 12)];
            root.draw(&Rectangle::new(corners, fill.filled()))
                .map_err(failed)?;
        }
        let centre = Pos::new(HPos::Center, VPos::Center);
        for quarter in 0..=4 {
            let text = Text::new(
                match self.scale {
                    HeatScale::Share => format!("{:.2}", f64::from(quarter) / 4.0),
                    HeatScale::Times => times(self.value(f64::from(quarter) / 4.0)),
                },
                at(margin + wide * quarter / 4, y + 24),
                font(12, scale).pos(centre),
            );
            root.draw(&text).map_err(failed)?;
        }
        Ok(())
    }
}
