//! Weight stationary: a tile of B stays in the PEs, A streams, and sums leave.
//!
//! First the stationary tile comes down the columns, row 0 first; each PE keeps the first weight
//! that it meets and passes the others on. Row i's weight enters in cycle i, is kept in cycle 2i,
//! and is needed by the wavefront at r + i at the soonest: r cycles of load, and not one less. Sums
//! then move down the rows along with the wavefront and are out of row r − 1 when the last step has
//! passed it; the tap's register is one cycle more.
//!
//! ```text
//!   Serial      r   +   (r − 1) + (c − 1)   +   W + L − 1   +   1
//!              load          fill                compute      drain
//! ```
//!
//! Where folds overlap, the next tile may not be loaded. Its first weight may enter the shadow
//! register of row 0 in the cycle in which that row's weight is taken, which is when this fold's
//! first step enters, τ(0) after its stream begins; the next stream begins when the load is
//! complete. And a fold of r′ < r rows reaches its tap sooner: its first result may not meet this
//! fold's last, which costs r − r′ − I + 1 cycles where that is positive:
//!
//! ```text
//!   wait = max(0, τ(0) + load(f+1) − W(f), r − r′ − I + 1 if r > r′)
//! ```

use super::{Axes, Dimension, Mapping, Operand};
use crate::law::{Stall, Succession};

pub(super) const MAPPING: Mapping = Mapping {
    stays: Operand::B,
    west: Operand::A,
    north: Operand::B,
    moves: &[Operand::A, Operand::C],
    axes: Axes {
        rows: Dimension::K,
        columns: Dimension::N,
        steps: Dimension::M,
    },
    stall,
};

pub(super) fn stall(pair: &Succession) -> Stall {
    let loading = pair.previous.spans.lead + pair.next.spans.whole_load();
    let load = loading.saturating_sub(pair.previous.spans.stream());
    let tap = match pair.fewer_rows() {
        0 => 0,
        fewer => (fewer + 1).saturating_sub(pair.interval),
    };
    if tap > load {
        return Stall {
            load: 0,
            drain: tap,
            port: 0,
        };
    }
    let port = load.min(pair.next.spans.load_stall);
    Stall {
        load: load - port,
        drain: 0,
        port,
    }
}
