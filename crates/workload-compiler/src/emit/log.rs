//! Which operations read what which others make.

use std::collections::BTreeSet;

use tile_program::{OperationId, UnitId};

use super::emitter::After;

/// A record of a pass, kept if it is asked for.
#[derive(Debug, Default)]
pub(crate) struct DependencyLog {
    /// Instructions that each unit had been given before the pass.
    before: Vec<u64>,
    /// The operations of the instructions since.
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

    /// An instruction of an operation reads what is there after `data`.
    pub(super) fn issue(&mut self, unit: UnitId, operation: OperationId, data: &After) {
        for (other, completed) in data.stamps() {
            let since = completed.saturating_sub(self.before[other.index()]);
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
