//! Lines, over a doubling axis mostly, with points where something was simulated again.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

use super::{COLOURS, Figure, FigureError, bold, failed, font};

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
    /// Whether lines fall from left to right: the legend stands where they do not.
    pub falling: bool,
    /// The lines.
    pub lines: Vec<Line>,
}

/// Past this factor an axis of speedups is logarithmic.
const LOGARITHMIC: f64 = 8.0;

impl LineChart {
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
            .light_line_style(RGBColor(235, 235, 235))
            .bold_line_style(RGBColor(205, 205, 205))
            .draw()
            .map_err(failed)?;
        for (index, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let style = colour.stroke_width(2 * scale);
            chart
                .draw_series(LineSeries::new(line.points.iter().copied(), style))
                .map_err(failed)?
                .label(line.name.as_str())
                .legend(move |(x, y)| {
                    PathElement::new(vec![(x, y), (x + 18 * scale as i32, y)], style)
                });
            // Smaller from line to line, so that none hides another.
            let radius = (6_usize.saturating_sub(index).max(3) as u32 * scale) as i32;
            let marks = line.marks.iter();
            chart
                .draw_series(marks.map(|&point| Circle::new(point, radius, colour.filled())))
                .map_err(failed)?;
        }
        if self.lines.is_empty() {
            return Ok(());
        }
        chart
            .configure_series_labels()
            .position(if self.falling {
                SeriesLabelPosition::UpperRight
            } else {
                SeriesLabelPosition::UpperLeft
            })
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
        let (_, _, top) = self.extent();
        match self.y {
            Axis::Times if top >= LOGARITHMIC => {
                self.draw_over(root, scale, (1.0..top * 1.15).log_scale())
            }
            // A little room under 1: the machine may be behind its baseline.
            Axis::Times => {
                let points = self.lines.iter();
                let all = points.flat_map(|line| line.points.iter().chain(&line.marks));
                let least = all.map(|&(_, y)| y).fold(1.0, f64::min);
                let room = 0.05 * (top - least).max(0.2);
                self.draw_over(root, scale, least - room..top + 2.0 * room)
            }
            Axis::Share => self.draw_over(root, scale, 0.0..1.0),
            Axis::Quantity => self.draw_over(root, scale, 0.0..(top * 1.1).max(1.0)),
        }
    }
}
