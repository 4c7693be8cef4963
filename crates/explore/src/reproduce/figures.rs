//! The figures of the report.

use attribution::{Amdahl, Speedup};
use quantities::Cycles;

use super::grid::{GridCell, asked, find};
use super::resimulated::Resimulated;
use crate::figure::{
    Axis, Drawn, FigureError, HeatMap, HeatScale, Line, LineChart, Panel, SharesChart, XAxis,
};
use crate::published::Form;
use crate::setting::Extent;

/// The models of the line charts: the ends and the middle of each family.
const LINES: [&str; 8] = [
    "gpt2-124m",
    "gpt2-1.5b",
    "opt-125m",
    "opt-1.3b",
    "opt-6.7b",
    "opt-66b",
    "llama-7b",
    "llama-65b",
];

/// The context of the figures at one context: where attention weighs most.
const LONG: u64 = 4096;

/// All figures of one machine's grid.
///
/// # Errors
/// If one cannot be drawn.
pub(super) fn of_machine(
    grid: &[GridCell],
    machine: &str,
    extent: Extent,
) -> Result<Vec<Drawn>, FigureError> {
    let cells = Cells { grid, machine };
    Ok(vec![
        Drawn::new(
            format!("fraction-{machine}"),
            format!("F over model and context on {machine}, models as published."),
            &cells.fractions(extent),
        )?,
        Drawn::new(
            format!("ceiling-{machine}"),
            format!(
                "Amdahl's ceilings on {machine}, models as published. Both axes are logarithmic."
            ),
            &cells.ceilings(extent),
        )?,
        Drawn::new(
            format!("shares-{machine}"),
            format!(
                "Shares of cycles, traffic at 8 bits, multiply-accumulates and weights on {machine}. \
                 Heads of OPT 2.7B have 80 elements, padded to whole memory accesses in the cache: \
                 more traffic than its multiply-accumulates ask for."
            ),
            &cells.shares(extent),
        )?,
    ])
}

/// The cells of one machine.
#[derive(Clone, Copy)]
struct Cells<'a> {
    grid: &'a [GridCell],
    machine: &'a str,
}

impl<'a> Cells<'a> {
    /// The cell of a model as published.
    fn cell(self, model: &str, context: u64) -> Option<&'a GridCell> {
        find(self.grid, self.machine, model, Form::AsPublished, context)
    }

    /// F over model and context.
    fn fractions(self, extent: Extent) -> HeatMap {
        let contexts = extent.contexts();
        let rows = asked(extent).into_iter().map(|preset| {
            let fraction = |&context: &u64| Some(self.cell(&preset.slug, context)?.fraction);
            (preset.slug.clone(), contexts.iter().map(fraction).collect())
        });
        HeatMap {
            title: format!(
                "F: MatMul-free share of the cycles of a token, {}, models as published",
                self.machine
            ),
            x_label: "context length (positions)".into(),
            columns: contexts.iter().map(ToString::to_string).collect(),
            rows: rows.collect(),
            scale: HeatScale::Share,
        }
    }

    /// Amdahl's ceilings over the context, a line for each model.
    fn ceilings(self, extent: Extent) -> LineChart {
        let drawn = |model: &&&str| self.cell(model, LONG).is_some();
        let lines = LINES.iter().filter(drawn).map(|&model| {
            let point = |&context: &u64| Some((context as f64, self.cell(model, context)?.ceiling));
            let points: Vec<_> = extent.contexts().iter().filter_map(point).collect();
            Line {
                name: model.into(),
                marks: points.clone(),
                points,
                ..Line::default()
            }
        });
        LineChart {
            title: format!(
                "Ceiling 1 / (1 - F) of any speedup of the projections, {}, models as published",
                self.machine
            ),
            x_label: "context length (positions)".into(),
            y_label: "largest speedup of a token".into(),
            x: XAxis::Doubling,
            y: Axis::Times,
            lines: lines.collect(),
        }
    }

    /// Shares of the projections at a long context, by what is counted.
    fn shares(self, extent: Extent) -> SharesChart {
        let bars = asked(extent).into_iter().map(|preset| preset.slug.clone());
        let bars: Vec<String> = bars.collect();
        let panel = |title: &str, of: fn(&GridCell) -> f64| Panel {
            title: title.into(),
            shares: bars
                .iter()
                .map(|model| {
                    let share = self.cell(model, LONG).map_or(0.0, of);
                    vec![share, 1.0 - share]
                })
                .collect(),
        };
        SharesChart {
            title: format!(
                "Where a token goes at a context of {LONG}, {}, models as published",
                self.machine
            ),
            parts: vec![
                "MatMul-free (projections)".into(),
                "attention; of the weights: embeddings and LM head".into(),
            ],
            panels: vec![
                panel("cycles", |cell| cell.fraction),
                panel("memory traffic (bytes)", |cell| cell.traffic_share),
                panel("multiply-accumulates", |cell| cell.mac_share),
                panel("weights", |cell| cell.parameter_share),
            ],
            bars: bars.clone(),
        }
    }
}

/// Speedup against S: the law as lines, the machine as points.
///
/// # Errors
/// If it cannot be drawn.
pub(super) fn speedups(runs: &[Resimulated], machine: &str) -> Result<Drawn, FigureError> {
    let lines = runs.iter().map(|run| {
        let amdahl = Amdahl {
            reachable: Cycles(run.matmul_free_cycles),
            total: Cycles(run.total_cycles),
        };
        // Sixteen steps for each doubling: a smooth line.
        let steps = (0..=160).map(|step| 2_f64.powf(f64::from(step) / 16.0));
        let law = |s: f64| Some((s, amdahl.law(Speedup::new(s).ok()?)));
        Line {
            name: run.model.clone(),
            points: steps.filter_map(law).collect(),
            marks: run
                .points
                .iter()
                .map(|point| (point.s, point.machine))
                .collect(),
            ..Line::default()
        }
    });
    let chart = LineChart {
        title: format!(
            "Projections S times faster at a context of {LONG}, {machine}, models as published"
        ),
        x_label: "S (lines: the law; points: the machine, simulated again)".into(),
        y_label: "speedup of a token".into(),
        x: XAxis::Doubling,
        y: Axis::Times,
        lines: lines.collect(),
    };
    Drawn::new(
        format!("speedup-{machine}"),
        format!(
            "Speedup against S on {machine}: the law beside the machine with the projections' array clocked S times as fast."
        ),
        &chart,
    )
}
