//! Output stationary: sums stay in the PEs, both operands stream.
//!
//! The sums of (i, j) are complete X + i + j after the start of the stream, where X = W + L − 1. A
//! column shifts south once its last row is complete, one row a cycle, through the tap: the last of
//! its r results is out r cycles later.
//!
//! ```text
//!   Serial      (r − 1) + (c − 1)   +   W + L − 1   +   r
//!                     fill                compute       drain
//! ```
//!
//! Where folds overlap, the shadow accumulators of a PE may still hold results. A PE's own result
//! leaves it one cycle a row after the wavefront, the drain moves as the wavefront does, and so the
//! next fold's last step may not enter (0,0) sooner than `drain` cycles after this fold's; a fold
//! of r′ < r rows is complete r − r′ cycles sooner and must wait for the tap as long:
//!
//! ```text
//!   wait = max(0, drain(f) + max(0, r − r′) − W(f+1))
//! ```

use super::{Axes, Dimension, Mapping, Operand};
use crate::law::{Stall, Succession};

pub(super) const MAPPING: Mapping = Mapping {
    stays: Operand::C,
    west: Operand::A,
    north: Operand::B,
    moves: &[Operand::A, Operand::B, Operand::C],
    axes: Axes {
        rows: Dimension::M,
        columns: Dimension::N,
        steps: Dimension::K,
    },
    stall,
};

fn stall(pair: &Succession) -> Stall {
    let leaving = pair.previous.spans.whole_drain() + pair.fewer_rows();
    let cycles = leaving.saturating_sub(pair.next.spans.stream());
    let port = cycles.min(pair.previous.spans.drain_stall);
    Stall {
        load: 0,
        drain: cycles - port,
        port,
    }
}
