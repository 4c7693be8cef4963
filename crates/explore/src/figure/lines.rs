//! Lines, over a doubling axis mostly, with points where something was simulated again.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

use super::infinity::{AtInfinity, Beyond, BreakPlace};
use super::pencil::{Chart, Pencil};
use super::{Figure, FigureError, bold, failed, font, text_width};

/// One line of a chart, with its style and its points.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// In the legend.
    pub name: String,
    /// Points (x, y), joined.
    pub points: Vec<(f64, f64)>,
    /// Points (x, y) of their own, marked.
    pub marks: Vec<(f64, f64)>,
    /// What there is at an infinite x. It stands apart, behind a break of the axis: no finite place
    /// on the axis is as far as infinity.
    pub at_infinity: AtInfinity,
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
    /// The lines, in the order of the legend.
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

impl LineChart {
    /// The part of the axis behind the break; `None` where no line has anything at infinity, and on
    /// a linear axis.
    fn beyond(&self) -> Option<Beyond> {
        let mut lines = self.lines.iter();
        let any = lines.any(|line| !line.at_infinity.is_empty());
        if !any || self.x == XAxis::Linear {
            return None;
        }
        let (least, most, _) = self.extent();
        Some(Beyond::after(least, most))
    }

    fn is_logarithmic(&self) -> bool {
        self.y == Axis::Times && self.extent().2 >= LOGARITHMIC
    }

    /// From the bottom of the y axis to its top.
    fn y_range(&self) -> Range<f64> {
        let (_, _, top) = self.extent();
        match self.y {
            // The machine may be behind its baseline: the axis begins below 1 then.
            Axis::Times if self.is_logarithmic() && self.least_y() >= 1.0 => 1.0..top * 1.15,
            Axis::Times if self.is_logarithmic() => self.least_y() / 1.15..top * 1.15,
            // A little room under 1.
            Axis::Times => {
                let least = self.least_y().min(1.0);
                let room = 0.05 * (top - least).max(0.2);
                least - room..top + 2.0 * room
            }
            Axis::Share => 0.0..1.0,
            Axis::Quantity => 0.0..(top * 1.1).max(1.0),
        }
    }

    /// Every finite y of the chart: no axis reaches farther.
    fn ys(&self) -> impl Iterator<Item = f64> {
        self.lines.iter().flat_map(|line| {
            let finite = line.points.iter().chain(&line.marks);
            let finite = finite.map(|&(_, y)| y).filter(|y| y.is_finite());
            finite.chain(line.at_infinity.ys())
        })
    }

    /// The smallest y; infinite without lines.
    fn least_y(&self) -> f64 {
        self.ys().fold(f64::INFINITY, f64::min)
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
        let end = self.beyond().map_or(most, |beyond| beyond.end);
        let x = match self.x {
            XAxis::Doubling => share(least..end, x, true),
            XAxis::Linear => share(0.0..end, x, false),
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
            if let Some(beyond) = self.beyond() {
                let ys = line.at_infinity.ys();
                points.extend(ys.map(|y| self.place((beyond.infinity, y))));
            }
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
        let top = self.ys().fold(0.0, f64::max);
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
        let end = self.beyond().map_or(most * 1.001, |beyond| beyond.end);
        match self.x {
            XAxis::Doubling => {
                let x = (least..end).log_scale().base(2.0);
                self.draw_axes(root, scale, x, y)
            }
            XAxis::Linear => self.draw_axes(root, scale, 0.0..end, y),
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
        let mut chart = ChartBuilder::on(root)
            .caption(&self.title, bold(16, scale))
            .margin(14 * scale)
            .margin_right(24 * scale)
            .x_label_area_size(44 * scale)
            .y_label_area_size(58 * scale)
            .build_cartesian_2d(x, y)
            .map_err(failed)?;
        self.draw_mesh(&mut chart, scale)?;
        if let Some(beyond) = self.beyond() {
            self.draw_break(root, &mut chart, &beyond, scale)?;
        }
        for (index, line) in self.lines.iter().enumerate() {
            let pencil = Pencil::new(index, scale);
            pencil.line(&mut chart, line)?;
            if let Some(beyond) = self.beyond() {
                pencil.at_infinity(&mut chart, line, &beyond, self.y_range().end)?;
            }
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

    /// The axes, their labels and the lines of the grid.
    fn draw_mesh<DB, X, Y>(
        &self,
        chart: &mut Chart<'_, DB, X, Y>,
        scale: u32,
    ) -> Result<(), FigureError>
    where
        DB: DrawingBackend,
        X: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let (_, most, top) = self.extent();
        chart
            .configure_mesh()
            .x_desc(self.x_label.as_str())
            .y_desc(self.y_label.as_str())
            .x_label_style(font(13, scale))
            .y_label_style(font(13, scale))
            .axis_desc_style(font(14, scale))
            // Behind the break of the axis no finite number has a place.
            .x_label_formatter(&|x| match *x <= most * 1.001 {
                true => format!("{x:.0}"),
                false => String::new(),
            })
            .y_label_formatter(&|y| self.format(*y, top))
            .x_labels(12)
            .x_max_light_lines(4)
            .y_max_light_lines(if self.is_logarithmic() { 1 } else { 4 })
            .light_line_style(RGBColor(235, 235, 235))
            .bold_line_style(RGBColor(205, 205, 205))
            .draw()
            .map_err(failed)
    }

    /// The break of the x axis before infinity.
    fn draw_break<DB, X, Y>(
        &self,
        root: &DrawingArea<DB, Shift>,
        chart: &mut Chart<'_, DB, X, Y>,
        beyond: &Beyond,
        scale: u32,
    ) -> Result<(), FigureError>
    where
        DB: DrawingBackend,
        X: Ranged<ValueType = f64>,
        Y: Ranged<ValueType = f64>,
    {
        let range = self.y_range();
        let corners = [(beyond.gap, range.start), (beyond.end, range.end)];
        let clear = Rectangle::new(corners, WHITE.filled());
        chart.draw_series([clear]).map_err(failed)?;
        let (base_x, base_y) = root.get_base_pixel();
        let pixel = |x: f64, y: f64| {
            let (x, y) = chart.backend_coord(&(x, y));
            (x - base_x, y - base_y)
        };
        let place = BreakPlace {
            bottom: pixel(beyond.gap, range.start),
            top: pixel(beyond.gap, range.end).1,
            infinity: pixel(beyond.infinity, range.start).0,
        };
        place.draw(root, scale)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A speedup below 1 is drawn where it is, also on a logarithmic axis.
        #[test]
        fn every_point_lies_in_the_chart(
            ys in prop::collection::vec(0.05_f64..200.0, 1..8),
            at_infinity in prop::option::of(0.05_f64..200.0),
            has_limit in any::<bool>(),
        ) {
            let points: Vec<_> = ys.iter().zip(0..).map(|(&y, x)| (f64::from(1 << x), y)).collect();
            let chart = LineChart {
                title: String::new(),
                x_label: String::new(),
                y_label: String::new(),
                x: XAxis::Doubling,
                y: Axis::Times,
                lines: vec![Line {
                    points: points.clone(),
                    at_infinity: AtInfinity {
                        line: at_infinity.filter(|_| !has_limit).map(|_| f64::INFINITY),
                        mark: at_infinity,
                    },
                    ..Line::default()
                }],
            };
            let infinity = chart.beyond().zip(at_infinity);
            prop_assert_eq!(infinity.is_some(), at_infinity.is_some());
            let infinity = infinity.map(|(beyond, y)| (beyond.infinity, y));
            for point in points.into_iter().chain(infinity) {
                let (x, y) = chart.place(point);
                prop_assert!((-1e-9..1.0 + 1e-9).contains(&x), "{point:?} at {x}");
                prop_assert!((-1e-9..1.0 + 1e-9).contains(&y), "{point:?} at {y}");
            }
        }
    }
}
