//! How the lines of a chart are drawn.

use plotters::coord::ranged1d::Ranged;
use plotters::prelude::*;

use super::infinity::{AtInfinity, Beyond};
use super::lines::Line;
use super::{COLOURS, FigureError, failed};

/// A chart of two axes of numbers.
pub(super) type Chart<'a, DB, X, Y> = ChartContext<'a, DB, Cartesian2d<X, Y>>;

/// How a line and its marks look.
pub(super) struct Pencil {
    colour: RGBColor,
    style: ShapeStyle,
    marker: Vec<(i32, i32)>,
    scale: u32,
}

impl Pencil {
    /// Of the line at a place among all.
    pub(super) fn new(index: usize, scale: u32) -> Self {
        let colour = COLOURS[index % COLOURS.len()];
        Self {
            colour,
            style: colour.stroke_width(2 * scale),
            marker: marker(index, scale),
            scale,
        }
    }

    /// The line with its marks, and its entry in the legend.
    pub(super) fn line<'a, DB, X, Y>(
        &self,
        chart: &mut Chart<'a, DB, X, Y>,
        line: &Line,
    ) -> Result<(), FigureError>
    where
        DB: DrawingBackend + 'a,
        X: Ranged<ValueType = f64>,
        Y: Ranged<ValueType = f64>,
    {
        let (colour, style, scale) = (self.colour, self.style, self.scale as i32);
        let in_legend = self.marker.clone();
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), style))
            .map_err(failed)?
            .label(line.name.as_str())
            .legend(move |(x, y)| {
                let ends = vec![(0, 0), (18 * scale, 0)];
                let middle = in_legend.iter().map(|(dx, dy)| (dx + 9 * scale, *dy));
                EmptyElement::at((x, y))
                    + PathElement::new(ends, style)
                    + Polygon::new(middle.collect::<Vec<_>>(), colour.filled())
            });
        let marks = line.marks.iter().map(|&point| {
            EmptyElement::at(point) + Polygon::new(self.marker.clone(), colour.filled())
        });
        chart.draw_series(marks).map_err(failed)?;
        Ok(())
    }

    /// What the line comes to at infinity, where the y axis ends at `top`.
    pub(super) fn at_infinity<DB, X, Y>(
        &self,
        chart: &mut Chart<'_, DB, X, Y>,
        line: &Line,
        beyond: &Beyond,
        top: f64,
    ) -> Result<(), FigureError>
    where
        DB: DrawingBackend,
        X: Ranged<ValueType = f64>,
        Y: Ranged<ValueType = f64>,
    {
        let (style, scale) = (self.style, self.scale as i32);
        let AtInfinity { line, mark } = line.at_infinity;
        let limit = line.filter(|y| y.is_finite());
        let limit = limit.map(|y| PathElement::new(vec![(beyond.from, y), (beyond.to, y)], style));
        chart.draw_series(limit).map_err(failed)?;
        // An arrow out of the chart, for a line that has no limit.
        let arrow = line.filter(|y| y.is_infinite()).map(|_| {
            let corners = [(0, 24), (0, 4), (-5, 11), (0, 4), (5, 11)];
            let corners = corners.map(|(x, y)| (x * scale, y * scale));
            let place = (beyond.infinity, top);
            EmptyElement::at(place) + PathElement::new(corners.to_vec(), style)
        });
        chart.draw_series(arrow).map_err(failed)?;
        let mark = mark.map(|y| {
            let polygon = Polygon::new(self.marker.clone(), self.colour.filled());
            EmptyElement::at((beyond.infinity, y)) + polygon
        });
        chart.draw_series(mark).map_err(failed)?;
        Ok(())
    }
}

/// The corners of a line's marker around its middle: of another shape for each line, so that they
/// are told apart without colours too.
fn marker(line: usize, scale: u32) -> Vec<(i32, i32)> {
    // Smaller from line to line, so that none hides another.
    let half = (6.2 - 0.7 * line as f64).max(3.8);
    // Corners, and by how many eighths of a turn the first is off the top.
    let (corners, eighths) = match line % 8 {
        0 => (24, 0.0),
        1 => (4, 1.0),
        2 => (3, 0.0),
        3 => (4, 0.0),
        4 => (3, 4.0),
        5 => (5, 0.0),
        6 => (3, 2.0),
        _ => (3, 6.0),
    };
    // A figure of few corners is as large as a circle when its corners lie farther out.
    let radius = half * f64::from(scale) * if corners < 5 { 1.3 } else { 1.0 };
    let corner = |corner: u32| {
        let turn = f64::from(corner) / f64::from(corners) + eighths / 8.0;
        let (sin, cos) = (turn * std::f64::consts::TAU).sin_cos();
        (
            (radius * sin).round() as i32,
            (-radius * cos).round() as i32,
        )
    };
    (0..corners).map(corner).collect()
}
