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
    /// The shares of each bar, one for each part, from 0 to 1; they sum to 1 at most.
    pub shares: Vec<Vec<f64>>,
}

/// Bars of shares.
#[derive(Clone, Debug)]
pub struct SharesChart {
    /// Above all.
    pub title: String,
    /// What the shares are.
    pub parts: Vec<String>,
    /// Names of the bars.
    pub bars: Vec<String>,
    /// Side by side.
    pub panels: Vec<Panel>,
}

const TOP: u32 = 104;
const BAR: u32 = 26;
const PANEL: u32 = 240;
const BETWEEN: u32 = 44;

impl SharesChart {
    /// Room for the names of the bars.
    fn left(&self) -> u32 {
        let longest = self.bars.iter().map(|name| name.chars().count()).max();
        30 + 8 * longest.unwrap_or(0) as u32
    }

    /// Where the legend of each part begins, and the row that it is in.
    fn legend(&self) -> Vec<(u32, u32)> {
        let (mut x, mut row) = (self.left(), 0);
        let mut places = Vec::new();
        for part in &self.parts {
            let wide = 44 + 8 * part.chars().count() as u32;
            if x > self.left() && x + wide > self.size().0 {
                (x, row) = (self.left(), row + 1);
            }
            places.push((x, row));
            x += wide;
        }
        places
    }
}

impl Figure for SharesChart {
    fn size(&self) -> (u32, u32) {
        let panels = self.panels.len() as u32;
        (
            self.left() + panels * (PANEL + BETWEEN) + 10,
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
        let (width, margin) = (self.size().0, self.left());
        text(&self.title, at(width / 2, 18), bold(16, scale).pos(centre))?;
        for (index, (part, (x, row))) in self.parts.iter().zip(self.legend()).enumerate() {
            let y = 36 + 18 * row;
            box_of(at(x, y), at(x + 14, y + 12), COLOURS[index])?;
            text(part, at(x + 20, y + 6), font(13, scale).pos(left))?;
        }
        for (index, name) in self.bars.iter().enumerate() {
            let y = TOP + index as u32 * BAR + BAR / 2;
            text(name, at(margin - 8, y), font(13, scale).pos(right))?;
        }
        for (index, panel) in self.panels.iter().enumerate() {
            let x = margin + index as u32 * (PANEL + BETWEEN);
            text(
                &panel.title,
                at(x + PANEL / 2, TOP - 14),
                bold(13, scale).pos(centre),
            )?;
            for (bar, shares) in panel.shares.iter().enumerate() {
                let y = TOP + bar as u32 * BAR + 3;
                let mut before = 0.0;
                for (&share, colour) in shares.iter().zip(COLOURS) {
                    let place = |share: f64| x + (share * f64::from(PANEL)).round() as u32;
                    let (from, to) = (place(before), place((before + share).min(1.0)));
                    before += share;
                    if from == to {
                        continue;
                    }
                    box_of(at(from, y), at(to, y + BAR - 6), colour)?;
                    // A share too narrow for its number goes without.
                    if to - from >= 46 {
                        let style = font(11, scale).color(&WHITE).pos(left);
                        let words = format!("{:.1} %", 100.0 * share);
                        text(&words, at(from + 5, y + (BAR - 6) / 2), style)?;
                    }
                }
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
