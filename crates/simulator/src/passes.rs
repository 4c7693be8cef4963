//! What the passes of a program announce: their GEMMs and the tilings chosen for them.

use quantities::Cycle;
use tile_program::{Observer, Operation, Operator, TileChoice};
use tracing::{Level, debug};

/// Counts the GEMMs of each pass as it begins, and tells of passes and of newly chosen tilings at
/// `debug`. It is called once a pass.
#[derive(Debug, Default)]
pub(crate) struct PassWatch {
    /// GEMMs of all passes so far.
    pub(crate) gemms: u64,
    passes: u64,
    /// The operators with a tiling that was told already; empty unless `debug` is on.
    told: Vec<(Operator, TileChoice)>,
}

impl Observer for PassWatch {
    fn pass(&mut self, name: &str, operations: &[Operation], at: Cycle) {
        let gemms = operations.iter().filter_map(|operation| operation.gemm);
        self.gemms += gemms.map(|gemm| gemm.count).sum::<u64>();
        if tracing::enabled!(Level::DEBUG) {
            self.tell(name, operations, at);
        }
        self.passes += 1;
    }
}

impl PassWatch {
    fn tell(&mut self, name: &str, operations: &[Operation], at: Cycle) {
        debug!(
            cycle = at.0,
            pass = self.passes,
            operations = operations.len(),
            "{name} begins"
        );
        for operation in operations {
            let Some(choice) = operation.tiling else {
                continue;
            };
            let new = (operation.name.operator, choice);
            if self.told.contains(&new) {
                continue;
            }
            self.told.push(new);
            let tiling = choice.chosen;
            debug!(
                cycle = at.0,
                operator = %operation.name.operator,
                m = tiling.m,
                n = tiling.n,
                k = tiling.k,
                order = ?tiling.order,
                reuse = ?tiling.reuse,
                decided_by = choice.decided_by.name(),
                "tiling chosen"
            );
        }
    }
}
