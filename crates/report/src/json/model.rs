//! The model of a run, and the format of its weights.

use serde::Serialize;
use simulator::{Format, Workload};

/// The model of a workload as it was resolved: a part of every JSON document about a workload.
#[derive(Clone, Debug, Serialize)]
pub struct ModelDocument {
    name: String,
    /// Parameters; `None` where they do not fit 64 bits.
    parameters: Option<u64>,
    /// Name, shape and number of parameters in one line.
    shape: String,
    /// The formats of the operands in one line.
    formats: String,
    /// What the model's file says that was not run, or not understood.
    warnings: Vec<String>,
}

impl ModelDocument {
    /// The model that a workload runs.
    #[must_use]
    pub fn of(workload: &Workload) -> Self {
        let warnings = workload.warnings.iter();
        Self {
            name: workload.model.name.clone(),
            parameters: workload.model.parameters(),
            shape: workload.model.summary(),
            formats: workload.precision.to_string(),
            warnings: warnings.map(|warning| warning.message.clone()).collect(),
        }
    }
}

/// The weights of the projections, which are what makes work MatMul-free.
#[derive(Serialize)]
pub(super) struct Weights {
    format: String,
    /// Tenths of a bit that a weight takes in main memory.
    tenths_of_a_bit: u64,
    are_matmul_free: bool,
}

impl Weights {
    pub(super) fn of(format: Format) -> Self {
        Self {
            format: format.to_string(),
            tenths_of_a_bit: format.packed().tenths(),
            are_matmul_free: format.is_matmul_free(),
        }
    }
}
