//! The figures of the report.

use attribution::{Amdahl, Speedup};
use event_kernel::Cycles;

use super::grid::{CONTEXTS, GridCell, find, presets};
use super::resimulated::Resimulated;
use crate::figure::{self, FigureError, HeatMap, Line, LineChart, Panel, SharesChart};
use crate::published::Form;

/// A drawn figure.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The name of its files, without ending.
    pub name: String,
    /// What it shows.
    pub caption: String,
    /// As SVG.
    pub svg: String,
    /// As PNG.
    pub png: Vec<u8>,
}

fn drawn(
    name: String,
    caption: String,
    figure: &impl figure::Figure,
) -> Result<Drawn, FigureError> {
    Ok(Drawn {
        name,
        caption,
        svg: figure::svg(figure)?,
        png: figure::png(figure)?,
    })
}

/// The models of the line charts: the ends and the middle of each family.
const LINES: [&str; 8] = [
    "gpt2-355m",
    "gpt2-1.5b",
    "opt-350m",
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
pub(super) fn of_machine(grid: &[GridCell], machine: &str) -> Result<Vec<Drawn>, FigureError> {
    let cell = |model: &str, context| find(grid, machine, model, Form::AsPublished, context);
    let fraction = |model: &str, context| cell(model, context).map_or(0.0, |cell| cell.fraction);
    let rows = presets().into_iter().map(|preset| {
        let values = CONTEXTS
            .iter()
            .map(|&context| fraction(&preset.slug, context));
        (preset.slug.clone(), values.collect())
    });
    let heat = HeatMap {
        title: format!("F: MatMul-free share of the cycles of a token, {machine}"),
        x_label: "context length (positions)".into(),
        columns: CONTEXTS.iter().map(ToString::to_string).collect(),
        rows: rows.collect(),
    };
    let lines = LINES.iter().map(|&model| {
        let point = |&context: &u64| Some((context as f64, cell(model, context)?.ceiling));
        Line {
            name: model.into(),
            points: CONTEXTS.iter().filter_map(point).collect(),
            marks: Vec::new(),
        }
    });
    let ceilings = LineChart {
        title: format!("Ceiling 1 / (1 - F) of any speedup of the projections, {machine}"),
        x_label: "context length (positions)".into(),
        y_label: "largest speedup of a token".into(),
        falling: true,
        lines: lines.collect(),
    };
    let bars: Vec<String> = presets().iter().map(|preset| preset.slug.clone()).collect();
    let panel = |title: &str, of: fn(&GridCell) -> f64| Panel {
        title: title.into(),
        shares: bars
            .iter()
            .map(|model| cell(model, LONG).map_or(0.0, of))
            .collect(),
    };
    let shares = SharesChart {
        title: format!("Where a token goes at a context of {LONG}, {machine}"),
        parts: [
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
    };
    Ok(vec![
        drawn(
            format!("fraction-{machine}"),
            format!("F over model and context on {machine}, models as published."),
            &heat,
        )?,
        drawn(
            format!("ceiling-{machine}"),
            format!(
                "Amdahl's ceilings on {machine}, models as published. Both axes are logarithmic."
            ),
            &ceilings,
        )?,
        drawn(
            format!("shares-{machine}"),
            format!(
                "Shares of cycles, traffic at 8 bits, multiply-accumulates and weights on {machine}. Heads of OPT 2.7B have 80 elements, padded to whole memory accesses in the cache: more traffic than its multiply-accumulates ask for."
            ),
            &shares,
        )?,
    ])
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
        }
    });
    let chart = LineChart {
        title: format!("Projections S times faster at a context of {LONG}, {machine}"),
        x_label: "S (lines: the law; points: the machine, simulated again)".into(),
        y_label: "speedup of a token".into(),
        falling: false,
        lines: lines.collect(),
    };
    drawn(
        format!("speedup-{machine}"),
        format!(
            "Speedup against S on {machine}: the law beside the machine with the projections' array clocked S times as fast."
        ),
        &chart,
    )
}
