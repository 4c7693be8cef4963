//! Families, contexts and machines: every cell of the published question.

use accelerator::MachineSpec;
use attribution::{Amdahl, Summary};
use serde::Serialize;
use tile_program::Class;
use workload_compiler::{Model, Preset, Workload, find as preset};

use crate::lab::Lab;
use crate::published::{self, Form, family_rules};
use crate::setting::{Extent, ReproduceError};
use simulator::RunRecord;

/// One model in one form at one context on one machine, as simulated.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GridCell {
    /// The name of the machine that it ran on.
    pub machine: String,
    /// The model's short name.
    pub model: String,
    /// The family that the model belongs to.
    pub family: String,
    /// As published or true.
    pub form: Form,
    /// Positions that the new token sees.
    pub context: u64,
    /// Cycles of one decoded token.
    pub total_cycles: u64,
    /// Of them, MatMul-free (projections).
    pub matmul_free_cycles: u64,
    /// F, the share of the cycles.
    pub fraction: f64,
    /// 1 / (1 − F).
    pub ceiling: f64,
    /// Decode rate, counted as published.
    pub tokens_per_second: f64,
    /// The share of bytes from and to main memory that projections move, at 8 bits a weight.
    pub traffic_share: f64,
    /// The share of multiply-accumulates.
    pub mac_share: f64,
    /// The share of the model's weights that lie in projections.
    pub parameter_share: f64,
}

/// The models of the published families, in the order of the table of models.
///
/// # Panics
/// If the table of families that is compiled in names a model that is not shipped; a test reads it.
#[must_use]
pub fn presets() -> Vec<&'static Preset> {
    let rules = family_rules();
    let models = rules.iter().flat_map(|rule| &rule.models);
    models
        .map(|model| preset(model).expect("a shipped model"))
        .collect()
}

/// The models that are asked.
pub(super) fn asked(extent: Extent) -> Vec<&'static Preset> {
    let mut models = presets();
    if extent == Extent::Quick {
        // The first of each family.
        models.dedup_by(|next, kept| next.model.family == kept.model.family);
    }
    models
}

fn shape(model: &Model) -> Model {
    Model {
        name: String::new(),
        ..model.clone()
    }
}

/// The model, in one form and at one context, that a cell of the grid asks for.
struct Question {
    preset: &'static Preset,
    form: Form,
    context: u64,
}

/// Runs every cell of the grid, in order: machine, model, form, context. Where both forms are the
/// same, the true one alone stands for both.
///
/// # Errors
/// If a machine cannot run the published workloads.
///
/// # Panics
/// Never: the shipped models have workloads at these contexts.
pub(super) fn grid(
    lab: &mut Lab,
    machines: &[MachineSpec],
    extent: Extent,
) -> Result<Vec<GridCell>, ReproduceError> {
    let mut keys = Vec::new();
    let mut questions = Vec::new();
    for machine in machines {
        for preset in asked(extent) {
            for form in Form::ALL {
                for &context in extent.contexts() {
                    let make = |form| {
                        published::workload(preset, form, context)
                            .expect("a shipped model at a sound context")
                    };
                    let workload: Workload = make(form);
                    let same = form == Form::AsPublished
                        && shape(&workload.model) == shape(&make(Form::TrueArchitecture).model);
                    if !same {
                        keys.push(Question {
                            preset,
                            form,
                            context,
                        });
                        questions.push((machine.clone(), workload));
                    }
                }
            }
        }
    }
    let runs = lab.all(&questions).map_err(ReproduceError::Run)?;
    let cells = keys.into_iter().zip(&questions).zip(&runs);
    Ok(cells
        .map(|((key, (machine, workload)), run)| cell(&key, &machine.name, &workload.model, run))
        .collect())
}

fn cell(question: &Question, machine: &str, model: &Model, run: &RunRecord) -> GridCell {
    let Question {
        preset,
        form,
        context,
    } = *question;
    let Amdahl { reachable, total } = run.amdahl();
    let weights = |count: Option<u64>| count.unwrap_or(0) as f64;
    let operators = &run.summary;
    GridCell {
        machine: machine.to_owned(),
        model: preset.slug.clone(),
        family: preset.model.family.clone(),
        form,
        context,
        total_cycles: total.get(),
        matmul_free_cycles: reachable.get(),
        fraction: run.amdahl().fraction(),
        ceiling: run.amdahl().ceiling().unwrap_or(f64::INFINITY),
        tokens_per_second: published::tokens_per_second(run),
        traffic_share: share(operators, |operator| operator.bytes.get()),
        mac_share: share(operators, |operator| operator.macs),
        parameter_share: weights(model.block_weights()) / weights(model.weights()).max(1.0),
    }
}

/// The share of the MatMul-free class.
fn share(summary: &Summary, of: impl Fn(&attribution::OperatorSummary) -> u64) -> f64 {
    let all: u64 = summary.operators.iter().map(&of).sum();
    let free = summary.operators.iter();
    let free: u64 = free
        .filter(|operator| operator.class == Class::MatMulFree)
        .map(&of)
        .sum();
    free as f64 / all.max(1) as f64
}

/// The cell of a form; the true architecture where both are the same.
#[must_use]
pub fn find<'a>(
    grid: &'a [GridCell],
    machine: &str,
    model: &str,
    form: Form,
    context: u64,
) -> Option<&'a GridCell> {
    let of = |form: Form| {
        grid.iter().find(|cell| {
            cell.machine == machine
                && cell.model == model
                && cell.context == context
                && cell.form == form
        })
    };
    of(form).or_else(|| of(Form::TrueArchitecture))
}

/// The grid as comma-separated values.
#[must_use]
pub fn csv(grid: &[GridCell]) -> String {
    let mut text = String::from(
        "machine,model,family,form,context_length,total_cycles,matmul_free_cycles,\
         projection_cycle_fraction,ceiling,tokens_per_second,traffic_share,mac_share,\
         parameter_share\n",
    );
    for cell in grid {
        text += &format!(
            "{},{},{},{},{},{},{},{:.6},{:.4},{:.4},{:.6},{:.6},{:.6}\n",
            cell.machine,
            cell.model,
            cell.family,
            cell.form.name(),
            cell.context,
            cell.total_cycles,
            cell.matmul_free_cycles,
            cell.fraction,
            cell.ceiling,
            cell.tokens_per_second,
            cell.traffic_share,
            cell.mac_share,
            cell.parameter_share
        );
    }
    text
}
