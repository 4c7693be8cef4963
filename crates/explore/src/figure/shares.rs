//! Stacked shares: a panel for each quantity, a bar for each model.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::pen::{Anchor, Pen};
use super::{COLOURS, Figure, FigureError, ink, legend, text_width};

/// The shares of one quantity, drawn side by side with those of others.
#[derive(Clone, Debug)]
pub struct Panel {
    /// The heading above the panel.
    pub title: String,
    /// The shares of each bar, one for each part, from 0 to 1; they sum to 1 at most.
    pub shares: Vec<Vec<f64>>,
}

/// Bars of shares.
#[derive(Clone, Debug)]
pub struct SharesChart {
    /// The heading above all panels.
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
        let pen = Pen::new(root, scale);
        let (width, margin, top) = (self.width(), self.left(), self.top());
        pen.heading(&self.title, (width / 2, 18), 16)?;
        pen.legend(&self.parts, &legend(&self.parts, margin, width).0, HEAD)?;
        for (index, name) in self.bars.iter().enumerate() {
            let y = top + index as u32 * BAR + BAR / 2;
            pen.words(name, (margin - 8, y), 13, Anchor::Right)?;
        }
        for (index, panel) in self.panels.iter().enumerate() {
            let x = margin + index as u32 * (self.panel() + BETWEEN);
            self.draw_panel(&pen, panel, x)?;
        }
        Ok(())
    }
}

impl SharesChart {
    /// The bars of a quantity from a place on, with a title over them and percentages under them.
    fn draw_panel<DB: DrawingBackend>(
        &self,
        pen: &Pen<'_, DB>,
        panel: &Panel,
        x: u32,
    ) -> Result<(), FigureError> {
        let (top, wide) = (self.top(), self.panel());
        pen.heading(&panel.title, (x + wide / 2, top - 14), 13)?;
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
                pen.filled((from, y), (to, y + BAR - 6), colour)?;
                // A share too narrow for its number goes without.
                if to - from >= 46 {
                    let words = format!("{:.1} %", 100.0 * share);
                    let place = (from + 5, y + (BAR - 6) / 2);
                    pen.coloured_words(&words, place, 11, ink(colour))?;
                }
            }
        }
        let bottom = top + self.bars.len() as u32 * BAR + 14;
        for percent in [0, 50, 100] {
            let words = format!("{percent} %");
            let place = (x + wide * percent / 100, bottom);
            pen.words(&words, place, 11, Anchor::Centre)?;
        }
        Ok(())
    }
}
