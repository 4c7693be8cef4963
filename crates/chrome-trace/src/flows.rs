//! Arrows from a fetch to the tile that uses it.

use quantities::Cycle;
use tile_program::{Busy, OperationId, UnitId};

/// How many fetches are remembered while their use is awaited.
const REMEMBERED: usize = 64;

/// A fetch that has a slice.
#[derive(Clone, Copy)]
struct Fetch {
    unit: UnitId,
    operation: OperationId,
    tile: u32,
    from: Cycle,
    to: Cycle,
}

/// The latest fetches; the oldest is forgotten first.
#[derive(Default)]
pub(crate) struct Fetches {
    ring: Vec<Fetch>,
    next: usize,
}

impl Fetches {
    pub(crate) fn clear(&mut self) {
        self.ring.clear();
        self.next = 0;
    }

    /// A unit has fetched for a tile in `from..busy.to`.
    pub(crate) fn add(&mut self, busy: &Busy<'_>, from: Cycle) {
        let fetch = Fetch {
            unit: busy.unit,
            operation: busy.operation,
            tile: busy.tile,
            from,
            to: busy.to,
        };
        if self.ring.len() < REMEMBERED {
            self.ring.push(fetch);
        } else {
            self.ring[self.next] = fetch;
            self.next = (self.next + 1) % REMEMBERED;
        }
    }

    /// Who fetched for a tile that begins at `at`, and since when. Each fetch is given once.
    pub(crate) fn take(
        &mut self,
        operation: OperationId,
        tile: u32,
        at: Cycle,
    ) -> Option<(UnitId, Cycle)> {
        let fetch = self
            .ring
            .iter_mut()
            .find(|fetch| fetch.operation == operation && fetch.tile == tile && fetch.to <= at)?;
        // Used up: nothing begins before it has ended.
        fetch.to = Cycle(u64::MAX);
        Some((fetch.unit, fetch.from))
    }
}
