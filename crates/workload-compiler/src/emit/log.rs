//! Which operations read the results of which others.

use std::collections::BTreeSet;

use tile_program::{OperationId, UnitId};

use super::dependencies::{Completion, Dependencies};

/// The dependencies between the operations of a pass. They are recorded on request only.
#[derive(Debug, Default)]
pub(crate) struct DependencyLog {
    /// The number of instructions that each unit had been given before the pass.
    before: Vec<u64>,
    /// For each unit, the operations of its instructions since then, in order.
    issued: Vec<Vec<OperationId>>,
    /// For each operation, those whose results it reads.
    pub(super) dependencies: Vec<BTreeSet<OperationId>>,
}

impl DependencyLog {
    pub(super) fn begin_pass(&mut self, counts: &[u64], operations: usize) {
        self.before = counts.to_vec();
        self.issued = vec![Vec::new(); counts.len()];
        self.dependencies = vec![BTreeSet::new(); operations];
    }

    /// Records an instruction of an operation that reads what the completions in `data` make.
    pub(super) fn issue(&mut self, unit: UnitId, operation: OperationId, data: &Dependencies) {
        for Completion { unit: other, count } in data.completions() {
            let since = count.saturating_sub(self.before[other.index()]);
            if let Some(index) = since.checked_sub(1)
                && let Ok(index) = usize::try_from(index)
                && let Some(&source) = self.issued[other.index()].get(index)
                && source != operation
            {
                self.dependencies[operation.index()].insert(source);
            }
        }
        self.issued[unit.index()].push(operation);
    }
}
