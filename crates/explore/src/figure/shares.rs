//! Stacked shares: a panel for each quantity, a bar for each model.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{COLOURS, Figure, FigureError, bold, failed, font};

/// One quantity.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Above it.
    pub title: String,
    /// The first share of each bar, from 0 to 1; the second is the rest.
    pub shares: Vec<f64>,
}

/// Bars of two shares.
#[derive(Clone, Debug)]
pub struct SharesChart {
    /// Above all.
    pub title: String,
    /// What the two shares are.
    pub parts: [String; 2],
    /// Names of the bars.
    pub bars: Vec<String>,
    /// Side by side.
    pub panels: Vec<Panel>,
}

const LEFT: u32 = 100;
const TOP: u32 = 84;
const BAR: u32 = 26;
const PANEL: u32 = 200;
const BETWEEN: u32 = 44;

impl Figure for SharesChart {
    fn size(&self) -> (u32, u32) {
        let panels = self.panels.len() as u32;
        (
            LEFT + panels * (PANEL + BETWEEN) + 10,
            TOP + self.bars.len() as u32 * BAR + 44,
        )
    }

    fn draw<DB: DrawingBackend>(
        &self,
        root: &DrawingArea<DB, Shift>,
        scale: u32,
    ) -> Result<(), FigureError> {
        let at = |x: u32, y: u32| ((x * scale) as i32, (y * scale) as i32);
        let centre = Pos::new(HPos::Center, VPos::Center);
        let right = Pos::new(HPos::Right, VPos::Center);
        let left = Pos::new(HPos::Left, VPos::Center);
        let text = |words: &str, place: (i32, i32), style: TextStyle<'_>| {
            let text = Text::new(words.to_owned(), place, style.clone());
            root.draw(&text).map_err(failed)
        };
        let box_of = |from, to, colour: RGBColor| {
            root.draw(&Rectangle::new([from, to], colour.filled()))
                .map_err(failed)
        };
        let width = self.size().0;
        text(&self.title, at(width / 2, 18), bold(16, scale).pos(centre))?;
        for (index, part) in self.parts.iter().enumerate() {
            let x = LEFT + index as u32 * 300;
            box_of(at(x, 36), at(x + 14, 48), COLOURS[index])?;
            text(part, at(x + 20, 42), font(13, scale).pos(left))?;
        }
        for (index, name) in self.bars.iter().enumerate() {
            let y = TOP + index as u32 * BAR + BAR / 2;
            text(name, at(LEFT - 8, y), font(13, scale).pos(right))?;
        }
        for (index, panel) in self.panels.iter().enumerate() {
            let x = LEFT + index as u32 * (PANEL + BETWEEN);
            text(
                &panel.title,
                at(x + PANEL / 2, TOP - 14),
                bold(13, scale).pos(centre),
            )?;
            for (bar, &share) in panel.shares.iter().enumerate() {
                let y = TOP + bar as u32 * BAR + 3;
                let cut = x + (share * f64::from(PANEL)).round() as u32;
                box_of(at(x, y), at(cut, y + BAR - 6), COLOURS[0])?;
                box_of(at(cut, y), at(x + PANEL, y + BAR - 6), COLOURS[1])?;
                let style = font(11, scale).color(&WHITE).pos(left);
                let words = format!("{:.1} %", 100.0 * share);
                text(&words, at(x + 5, y + (BAR - 6) / 2), style)?;
            }
            let bottom = TOP + self.bars.len() as u32 * BAR + 14;
            for percent in [0, 50, 100] {
                let words = format!("{percent} %");
                let place = at(x + PANEL * percent / 100, bottom);
                text(&words, place, font(11, scale).pos(centre))?;
            }
        }
        Ok(())
    }
}
