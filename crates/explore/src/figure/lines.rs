//! Lines, over a doubling axis mostly, with points where something was simulated again.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

use super::{COLOURS, Figure, FigureError, bold, failed, font, text_width};

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// In the legend.
    pub name: String,
    /// Points (x, y), joined.
    pub points: Vec<(f64, f64)>,
    /// Points (x, y) of their own, marked.
    pub marks: Vec<(f64, f64)>,
}

/// How the x axis goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XAxis {
    /// Equal steps are equal factors.
    Doubling,
    /// Equal steps are equal differences, from 0.
    Linear,
}

/// What the y axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// How many times as fast, from 1: logarithmic where it spans much.
    Times,
    /// A share, from 0 to 100 %.
    Share,
    /// A quantity, from 0.
    Quantity,
}

/// Lines over an axis.
#[derive(Clone, Debug)]
pub struct LineChart {
    /// Above the chart.
    pub title: String,
    /// Under the x axis.
    pub x_label: String,
    /// Beside the y axis.
    pub y_label: String,
    /// How x goes.
    pub x: XAxis,
    /// What y counts.
    pub y: Axis,
    /// The lines.
    pub lines: Vec<Line>,
}

/// Past this factor an axis of speedups is logarithmic.
const LOGARITHMIC: f64 = 8.0;

/// Whether a number is 1, 2 or 5 times a power of ten.
fn round(number: f64) -> bool {
    let digit = number / 10_f64.powf(number.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .iter()
        .any(|round| (digit - round).abs() < 1e-6)
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

impl LineChart {
    fn is_logarithmic(&self) -> bool {
        self.y == Axis::Times && self.extent().2 >= LOGARITHMIC
    }

    /// From the bottom of the y axis to its top.
    fn y_range(&self) -> Range<f64> {
        let (_, _, top) = self.extent();
        match self.y {
            Axis::Times if self.is_logarithmic() => 1.0..top * 1.15,
            // A little room under 1: the machine may be behind its baseline.
            Axis::Times => {
                let points = self.lines.iter();
                let all = points.flat_map(|line| line.points.iter().chain(&line.marks));
                let least = all.map(|&(_, y)| y).fold(1.0, f64::min);
                let room = 0.05 * (top - least).max(0.2);
                least - room..top + 2.0 * room
            }
            Axis::Share => 0.0..1.0,
            Axis::Quantity => 0.0..(top * 1.1).max(1.0),
        }
    }

    /// Where a point lies in the chart, both from 0 to 1, from the lower left.
    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let share = |range: Range<f64>, value: f64, logarithmic: bool| {
            let scale = |value: f64| {
                if logarithmic {
                    value.max(1e-9).ln()
                } else {
                    value
                }
            };
            let (start, end) = (scale(range.start), scale(range.end));
            (scale(value) - start) / (end - start)
        };
        let (least, most, _) = self.extent();
        let x = match self.x {
            XAxis::Doubling => share(least..most, x, true),
            XAxis::Linear => share(0.0..most, x, false),
        };
        (x, share(self.y_range(), y, self.is_logarithmic()))
    }

    /// The corner whose legend would hide least of the lines.
    fn emptiest_corner(&self) -> SeriesLabelPosition {
        let names = self.lines.iter().map(|line| text_width(&line.name));
        // With room around it, as a share of the chart without its margins.
        let wide = f64::from(80 + names.max().unwrap_or(0)) / 760.0;
        let tall = (40.0 + 19.0 * self.lines.len() as f64) / 420.0;
        let mut points = Vec::new();
        for line in &self.lines {
            points.extend(line.marks.iter().map(|&mark| self.place(mark)));
            for pair in line.points.windows(2) {
                let (from, to) = (self.place(pair[0]), self.place(pair[1]));
                let on = |part: u32| {
                    let part = f64::from(part) / 16.0;
                    let between = |from: f64, to: f64| from + part * (to - from);
                    (between(from.0, to.0), between(from.1, to.1))
                };
                points.extend((0..=16).map(on));
            }
        }
        let hidden = |left: bool, upper: bool| {
            let within = |&&(x, y): &&(f64, f64)| {
                (if left { x < wide } else { x > 1.0 - wide })
                    && (if upper { y > 1.0 - tall } else { y < tall })
            };
            points.iter().filter(within).count()
        };
        let corners = [
            (SeriesLabelPosition::UpperLeft, hidden(true, true)),
            (SeriesLabelPosition::UpperRight, hidden(false, true)),
            (SeriesLabelPosition::LowerRight, hidden(false, false)),
            (SeriesLabelPosition::LowerLeft, hidden(true, false)),
        ];
        // The first of equals.
        let emptiest = corners.into_iter().min_by_key(|(_, hidden)| *hidden);
        emptiest.map_or(SeriesLabelPosition::UpperLeft, |(corner, _)| corner)
    }

    /// The extent of all points: smallest and largest x, largest y.
    fn extent(&self) -> (f64, f64, f64) {
        let points = || {
            self.lines
                .iter()
                .flat_map(|line| line.points.iter().chain(&line.marks))
        };
        let least = points().map(|&(x, _)| x).fold(f64::INFINITY, f64::min);
        let most = points().map(|&(x, _)| x).fold(0.0, f64::max);
        let top = points().map(|&(_, y)| y).fold(0.0, f64::max);
        let least = if least.is_finite() { least } else { 1.0 };
        (least, most.max(2.0 * least), top)
    }

    fn format(&self, y: f64, top: f64) -> String {
        match self.y {
            Axis::Times if top < LOGARITHMIC => format!("{y:.1}x"),
            // Of a decade 1, 2 and 5 alone: the others would run into one another.
            Axis::Times if !round(y) => String::new(),
            Axis::Times => format!("{y:.0}x"),
            Axis::Share => format!("{:.0} %", 100.0 * y),
            Axis::Quantity if top < 10.0 => format!("{y:.1}"),
            Axis::Quantity => format!("{y:.0}"),
        }
    }

    /// With a y axis, over the x axis that the chart has.
    fn draw_over<DB: DrawingBackend, Y: AsRangedCoord<Value = f64>>(
        &self,
        root: &DrawingArea<DB, Shift>,
        scale: u32,
        y: Y,
    ) -> Result<(), FigureError>
    where
        Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let (least, most, _) = self.extent();
        match self.x {
            XAxis::Doubling => {
                let x = (least..most * 1.001).log_scale().base(2.0);
                self.draw_axes(root, scale, x, y)
            }
            XAxis::Linear => self.draw_axes(root, scale, 0.0..most * 1.001, y),
        }
    }

    fn draw_axes<DB, X, Y>(
        &self,
        root: &DrawingArea<DB, Shift>,
        scale: u32,
        x: X,
        y: Y,
    ) -> Result<(), FigureError>
    where
        DB: DrawingBackend,
        X: AsRangedCoord<Value = f64>,
        Y: AsRangedCoord<Value = f64>,
        X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let (_, _, top) = self.extent();
        let mut chart = ChartBuilder::on(root)
            .caption(&self.title, bold(16, scale))
            .margin(14 * scale)
            .margin_right(24 * scale)
            .x_label_area_size(44 * scale)
            .y_label_area_size(58 * scale)
            .build_cartesian_2d(x, y)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .x_desc(self.x_label.as_str())
            .y_desc(self.y_label.as_str())
            .x_label_style(font(13, scale))
            .y_label_style(font(13, scale))
            .axis_desc_style(font(14, scale))
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| self.format(*y, top))
            .x_labels(12)
            .x_max_light_lines(4)
            .y_max_light_lines(if self.is_logarithmic() { 1 } else { 4 })
            .light_line_style(RGBColor(235, 235, 235))
            .bold_line_style(RGBColor(205, 205, 205))
            .draw()
            .map_err(failed)?;
        for (index, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let style = colour.stroke_width(2 * scale);
            let marker = marker(index, scale);
            let in_legend = marker.clone();
            chart
                .draw_series(LineSeries::new(line.points.iter().copied(), style))
                .map_err(failed)?
                .label(line.name.as_str())
                .legend(move |(x, y)| {
                    let ends = vec![(0, 0), (18 * scale as i32, 0)];
                    let middle = in_legend
                        .iter()
                        .map(|(dx, dy)| (dx + 9 * scale as i32, *dy));
                    EmptyElement::at((x, y))
                        + PathElement::new(ends, style)
                        + Polygon::new(middle.collect::<Vec<_>>(), colour.filled())
                });
            let marks = line.marks.iter().map(|&point| {
                EmptyElement::at(point) + Polygon::new(marker.clone(), colour.filled())
            });
            chart.draw_series(marks).map_err(failed)?;
        }
        if self.lines.is_empty() {
            return Ok(());
        }
        chart
            .configure_series_labels()
            .position(self.emptiest_corner())
            .legend_area_size(24 * scale)
            .margin(12 * scale)
            .background_style(WHITE.mix(0.9))
            .border_style(RGBColor(180, 180, 180))
            .label_font(font(13, scale))
            .draw()
            .map_err(failed)
    }
}

impl Figure for LineChart {
    fn size(&self) -> (u32, u32) {
        (860, 520)
    }

    fn draw<DB: DrawingBackend>(
        &self,
        root: &DrawingArea<DB, Shift>,
        scale: u32,
    ) -> Result<(), FigureError> {
        let range = self.y_range();
        if self.is_logarithmic() {
            self.draw_over(root, scale, range.log_scale())
        } else {
            self.draw_over(root, scale, range)
        }
    }
}
