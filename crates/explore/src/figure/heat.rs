//! A heat map: rows of names, columns of names, a share in each cell.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Figure, FigureError, bold, failed, font};

/// Shares over two named axes.
#[derive(Clone, Debug)]
pub struct HeatMap {
    /// Above the map.
    pub title: String,
    /// Under the columns.
    pub x_label: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Names of the rows, and their values from 0 to 1.
    pub rows: Vec<(String, Vec<f64>)>,
}

const LEFT: u32 = 110;
const TOP: u32 = 50;
const CELL: (u32, u32) = (92, 30);
const BOTTOM: u32 = 100;

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

impl Figure for HeatMap {
    fn size(&self) -> (u32, u32) {
        let (columns, rows) = (self.columns.len() as u32, self.rows.len() as u32);
        (LEFT + columns * CELL.0 + 30, TOP + rows * CELL.1 + BOTTOM)
    }

    fn draw<DB: DrawingBackend>(
        &self,
        root: &DrawingArea<DB, Shift>,
        scale: u32,
    ) -> Result<(), FigureError> {
        let at = |x: u32, y: u32| ((x * scale) as i32, (y * scale) as i32);
        let centre = Pos::new(HPos::Center, VPos::Center);
        let right = Pos::new(HPos::Right, VPos::Center);
        let width = self.size().0;
        root.draw(&Text::new(
            self.title.clone(),
            at(width / 2, TOP / 2),
            bold(16, scale).pos(centre),
        ))
        .map_err(failed)?;
        for (row, (name, values)) in self.rows.iter().enumerate() {
            let y = TOP + row as u32 * CELL.1;
            let label = Text::new(
                name.clone(),
                at(LEFT - 8, y + CELL.1 / 2),
                font(13, scale).pos(right),
            );
            root.draw(&label).map_err(failed)?;
            for (column, &value) in values.iter().enumerate() {
                let x = LEFT + column as u32 * CELL.0;
                let fill = colour(value);
                let corners = [at(x, y), at(x + CELL.0 - 1, y + CELL.1 - 1)];
                root.draw(&Rectangle::new(corners, fill.filled()))
                    .map_err(failed)?;
                let ink = if value > 0.55 { &BLACK } else { &WHITE };
                let text = Text::new(
                    format!("{value:.3}"),
                    at(x + CELL.0 / 2, y + CELL.1 / 2),
                    font(13, scale).color(ink).pos(centre),
                );
                root.draw(&text).map_err(failed)?;
            }
        }
        let bottom = TOP + self.rows.len() as u32 * CELL.1;
        for (column, name) in self.columns.iter().enumerate() {
            let x = LEFT + column as u32 * CELL.0 + CELL.0 / 2;
            let text = Text::new(
                name.clone(),
                at(x, bottom + 14),
                font(13, scale).pos(centre),
            );
            root.draw(&text).map_err(failed)?;
        }
        let middle = LEFT + self.columns.len() as u32 * CELL.0 / 2;
        let label = Text::new(
            self.x_label.clone(),
            at(middle, bottom + 36),
            font(13, scale).pos(centre),
        );
        root.draw(&label).map_err(failed)?;
        self.scale(root, scale, bottom + 56)
    }
}

impl HeatMap {
    /// The colours and what they mean.
    fn scale<DB: DrawingBackend>(
        &self,
        root: &DrawingArea<DB, Shift>,
        scale: u32,
        y: u32,
    ) -> Result<(), FigureError> {
        let at = |x: u32, y: u32| ((x * scale) as i32, (y * scale) as i32);
        let wide = self.columns.len() as u32 * CELL.0;
        for step in 0..wide {
            let fill = colour(f64::from(step) / f64::from(wide - 1));
            let corners = [at(LEFT + step, y), at(LEFT + step + 1, y + 12)];
            root.draw(&Rectangle::new(corners, fill.filled()))
                .map_err(failed)?;
        }
        let centre = Pos::new(HPos::Center, VPos::Center);
        for quarter in 0..=4 {
            let text = Text::new(
                format!("{:.2}", f64::from(quarter) / 4.0),
                at(LEFT + wide * quarter / 4, y + 24),
                font(12, scale).pos(centre),
            );
            root.draw(&text).map_err(failed)?;
        }
        Ok(())
    }
}
