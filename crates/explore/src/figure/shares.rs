//! Stacked shares: a panel for each quantity, a bar for each model.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{COLOURS, Figure, FigureError, bold, failed, font, ink, legend, text_width};

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

const HEAD: u32 = 36;
const BAR: u32 = 26;
const BETWEEN: u32 = 36;
/// Width of all panels together: with the names of models a page of 1060 points.
const PANELS: u32 = 940;
/// A wider panel tells no more.
const WIDEST: u32 = 320;

impl SharesChart {
    /// Room for the names of the bars.
    fn left(&self) -> u32 {
        let longest = self.bars.iter().map(|name| text_width(name)).max();
        14 + longest.unwrap_or(0)
    }

    fn panel(&self) -> u32 {
        let panels = self.panels.len().max(1) as u32;
        (PANELS / panels - BETWEEN).min(WIDEST)
    }

    fn width(&self) -> u32 {
        self.left() + self.panels.len() as u32 * (self.panel() + BETWEEN)
    }

    /// Where the bars begin.
    fn top(&self) -> u32 {
        let legend = legend(&self.parts, self.left(), self.width()).1;
        HEAD + legend + 32
    }
}

impl Figure for SharesChart {
    fn size(&self) -> (u32, u32) {
        (self.width(), self.top() + self.bars.len() as u32 * BAR + 34)
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
        let (width, margin, top) = (self.width(), self.left(), self.top());
        let wide = self.panel();
        let legend = legend(&self.parts, margin, width).0;
        text(&self.title, at(width / 2, 18), bold(16, scale).pos(centre))?;
        for (index, (part, (x, y))) in self.parts.iter().zip(legend).enumerate() {
            let y = HEAD + y;
            box_of(at(x, y), at(x + 14, y + 12), COLOURS[index])?;
            text(part, at(x + 20, y + 6), font(13, scale).pos(left))?;
        }
        for (index, name) in self.bars.iter().enumerate() {
            let y = top + index as u32 * BAR + BAR / 2;
            text(name, at(margin - 8, y), font(13, scale).pos(right))?;
        }
        for (index, panel) in self.panels.iter().enumerate() {
            let x = margin + index as u32 * (wide + BETWEEN);
            text(
                &panel.title,
                at(x + wide / 2, top - 14),
                bold(13, scale).pos(centre),
            )?;
            for (bar, shares) in panel.shares.iter().enumerate() {
                let y = top + bar as u32 * BAR + 3;
                let mut before = 0.0;
                for (&share, colour) in shares.iter().zip(COLOURS) {
                    let place = |share: f64| x + (share * f64::from(wide)).round() as u32;
                    let (from, to) = (place(before), place((before + share).min(1.0)));
                    before += share;
                    if from == to {
                        continue;
                    }
                    box_of(at(from, y), at(to, y + BAR - 6), colour)?;
                    // A share too narrow for its number goes without.
                    if to - from >= 46 {
                        let ink = ink(colour);
                        let style = font(11, scale).color(&ink).pos(left);
                        let words = format!("{:.1} %", 100.0 * share);
                        text(&words, at(from + 5, y + (BAR - 6) / 2), style)?;
                    }
                }
            }
            let bottom = top + self.bars.len() as u32 * BAR + 14;
            for percent in [0, 50, 100] {
                let words = format!("{percent} %");
                let place = at(x + wide * percent / 100, bottom);
                text(&words, place, font(11, scale).pos(centre))?;
            }
        }
        Ok(())
    }
}
