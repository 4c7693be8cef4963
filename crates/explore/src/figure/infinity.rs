//! Infinity on an axis of numbers, behind a break of the axis.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{FigureError, failed, font};

/// What a [`Line`](super::Line) has at an infinite x.
#[derive(Clone, Copy, Debug, Default)]
pub struct AtInfinity {
    /// The y that the line tends to; infinite where it has no limit.
    pub line: Option<f64>,
    /// The y of a marked point.
    pub mark: Option<f64>,
}

impl AtInfinity {
    /// Whether there is nothing.
    pub(super) const fn is_empty(self) -> bool {
        self.line.is_none() && self.mark.is_none()
    }

    /// What has a place on the y axis.
    pub(super) fn ys(self) -> impl Iterator<Item = f64> {
        let ys = self.line.into_iter().chain(self.mark);
        ys.filter(|y| y.is_finite())
    }
}

/// Where the part of the x axis behind the break stands, in values of the axis.
#[derive(Clone, Copy)]
pub(super) struct Beyond {
    /// The break itself.
    pub(super) gap: f64,
    /// Where the line that stands for a limit begins.
    pub(super) from: f64,
    /// Where infinity stands.
    pub(super) infinity: f64,
    /// Where the line of a limit ends.
    pub(super) to: f64,
    /// The end of the axis.
    pub(super) end: f64,
}

/// The same in pixels.
pub(super) struct BreakPlace {
    /// The break, on the x axis.
    pub(super) bottom: (i32, i32),
    /// The upper end of the chart.
    pub(super) top: i32,
    /// The x of infinity.
    pub(super) infinity: i32,
}

impl BreakPlace {
    /// Draws the break of the axis, a dashed line above it, and the name of what is behind it.
    pub(super) fn draw<DB: DrawingBackend>(
        &self,
        root: &DrawingArea<DB, Shift>,
        scale: u32,
    ) -> Result<(), FigureError> {
        let (unit, (x, bottom)) = (scale as i32, self.bottom);
        let line = |from: (i32, i32), to: (i32, i32), style: ShapeStyle| {
            root.draw(&PathElement::new(vec![from, to], style))
                .map_err(failed)
        };
        let dash = RGBColor(150, 150, 150).stroke_width(scale);
        for y in (self.top..bottom - 6 * unit).step_by(8 * scale as usize) {
            line((x, y), (x, y + 4 * unit), dash)?;
        }
        let axis = BLACK.stroke_width(scale);
        line(
            (x - 3 * unit, bottom),
            (x + 3 * unit, bottom),
            WHITE.stroke_width(3 * scale),
        )?;
        for side in [-3, 3] {
            let middle = x + side * unit;
            line(
                (middle - 3 * unit, bottom + 6 * unit),
                (middle + 3 * unit, bottom - 6 * unit),
                axis,
            )?;
        }
        let style = font(16, scale).pos(Pos::new(HPos::Center, VPos::Center));
        let name = Text::new("∞", (self.infinity, bottom + 12 * unit), style);
        root.draw(&name).map_err(failed)
    }
}

impl Beyond {
    /// Behind a logarithmic axis from one finite x to another: a seventh of its width.
    pub(super) fn after(least: f64, most: f64) -> Self {
        let wide = (most / least).ln() / 7.0;
        let at = |part: f64| most * (part * wide).exp();
        Self {
            gap: at(0.25),
            from: at(0.45),
            infinity: at(0.65),
            to: at(0.85),
            end: at(1.0),
        }
    }
}
