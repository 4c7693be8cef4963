//! Grouped bars: a group for each run, a bar for each alternative, a factor each.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::pen::{Anchor, Pen};
use super::{COLOURS, Figure, FigureError, legend, text_width};
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
    /// The heading above the chart.
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
        let pen = Pen::new(root, scale);
        pen.heading(&self.title, (self.size().0 / 2, 18), 16)?;
        pen.legend(&self.alternatives, &self.legend().0, 36)?;
        self.draw_axis(&pen)?;
        for (index, group) in self.groups.iter().enumerate() {
            let y = self.top() + index as u32 * self.group_height();
            self.draw_group(&pen, group, y)?;
        }
        Ok(())
    }
}

impl BarChart {
    /// Where a bar of a factor ends.
    fn place(&self, factor: f64) -> u32 {
        self.left() + (factor / self.most() * f64::from(WIDE)).round() as u32
    }

    /// The ticks of the axis, and what stands under it.
    fn draw_axis<DB: DrawingBackend>(&self, pen: &Pen<'_, DB>) -> Result<(), FigureError> {
        let (top, most) = (self.top(), self.most());
        let bottom = top + self.groups.len() as u32 * self.group_height();
        let step = step(most);
        let ticks = (0..=(most / step) as u32).map(|tick| f64::from(tick) * step);
        for tick in ticks {
            let x = self.place(tick);
            pen.filled((x, top - 4), (x + 1, bottom), RGBColor(215, 215, 215))?;
            let digits = usize::from(step < 1.0);
            let words = format!("{tick:.digits$}x");
            pen.words(&words, (x, bottom + 12), 12, Anchor::Centre)?;
        }
        let middle = self.left() + WIDE / 2;
        pen.words(&self.x_label, (middle, bottom + 36), 13, Anchor::Centre)
    }

    /// The bars of a run, from a height on.
    fn draw_group<DB: DrawingBackend>(
        &self,
        pen: &Pen<'_, DB>,
        group: &Group,
        top: u32,
    ) -> Result<(), FigureError> {
        let (margin, width) = (self.left(), self.size().0);
        let middle = top + self.alternatives.len() as u32 * BAR / 2;
        pen.words(&group.name, (margin - 10, middle), 13, Anchor::Right)?;
        for (bar, factor) in group.factors.iter().enumerate() {
            let y = top + bar as u32 * BAR;
            let (end, words) = match factor {
                Some(factor) => (self.place(*factor), times(*factor)),
                None => (margin, "cannot be run".to_owned()),
            };
            let colour = COLOURS[bar % COLOURS.len()];
            pen.filled((margin, y), (end, y + BAR - 2), colour)?;
            pen.words(&words, (end + 5, y + (BAR - 2) / 2), 11, Anchor::Left)?;
        }
        if let Some(ceiling) = group.ceiling {
            let words = format!("ceiling {}", times(ceiling));
            pen.words(&words, (width - 12, middle), 12, Anchor::Right)?;
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
