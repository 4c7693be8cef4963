//! The law's prediction beside machines that were simulated again.

use accelerator::MachineSpec;
use attribution::Speedup;
use serde::Serialize;
use workload_compiler::find;

use crate::lab::Lab;
use crate::published::{self, Form};
use crate::setting::{Extent, ReproduceError};
use crate::what_if::{Means, Part, faster};

/// One machine with faster projections.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpeedupPoint {
    /// How many times faster.
    pub s: f64,
    /// By the law.
    pub law: f64,
    /// On the machine.
    pub machine: f64,
}

/// A model on a machine whose projections become faster.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Resimulated {
    /// The model's short name.
    pub model: String,
    /// In which form: as published, or true.
    pub form: Form,
    /// Positions that the new token sees.
    pub context: u64,
    /// Cycles with S = 1.
    pub total_cycles: u64,
    /// Of them, MatMul-free.
    pub matmul_free_cycles: u64,
    /// The runs with faster projections, in the order of S.
    pub points: Vec<SpeedupPoint>,
}

const MODELS: [&str; 4] = ["gpt2-355m", "opt-1.3b", "opt-6.7b", "llama-7b"];
const SPEEDUPS: [f64; 6] = [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0];
const CONTEXT: u64 = 4096;

/// Runs the models with the array of the projections clocked S times as fast.
///
/// # Errors
/// If a machine cannot be made or run.
///
/// # Panics
/// Never: the models are shipped, the speedups at least 1.
pub(super) fn resimulated(
    lab: &mut Lab,
    spec: &MachineSpec,
    extent: Extent,
) -> Result<Vec<Resimulated>, ReproduceError> {
    let mut machines = vec![spec.clone()];
    for s in SPEEDUPS {
        let s = Speedup::new(s).expect("at least 1");
        machines.push(faster(spec, Part::MatMulFree, s, Means::Clock)?);
    }
    let models = match extent {
        Extent::Full => &MODELS[..],
        Extent::Quick => &MODELS[..1],
    };
    let mut asked = Vec::new();
    for model in models {
        let preset = find(model).expect("a shipped model");
        let workload = published::workload(preset, Form::AsPublished, CONTEXT)?;
        let machines = machines.iter().cloned();
        asked.extend(machines.map(|machine| (machine, workload.clone())));
    }
    let runs = lab.all(&asked).map_err(ReproduceError::Run)?;
    let models = models.iter().zip(runs.chunks(machines.len()));
    let results = models.map(|(model, runs)| {
        let (baseline, faster) = runs.split_first().expect("a baseline and others");
        let amdahl = baseline.amdahl();
        let cycles = |run: &simulator::RunRecord| run.summary.total.get() as f64;
        let points = SPEEDUPS.iter().zip(faster).map(|(&s, run)| SpeedupPoint {
            s,
            law: amdahl.law(Speedup::new(s).expect("at least 1")),
            machine: cycles(baseline) / cycles(run),
        });
        Resimulated {
            model: (*model).into(),
            form: Form::AsPublished,
            context: CONTEXT,
            total_cycles: amdahl.total.get(),
            matmul_free_cycles: amdahl.reachable.get(),
            points: points.collect(),
        }
    });
    Ok(results.collect())
}
