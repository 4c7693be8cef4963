//! From planned stages to instructions.
//!
//! [`Emitter`] keeps the books that make a program correct: how many instructions each unit has
//! been given, which bytes of which scratchpad are free and after what, what waits for what.
//! [`PassEmitter`] walks the stages of a pass and emits a piece of a stage at a time; stages on
//! different units are emitted side by side (`interleave`). What they share is the `context`.

mod attention;
mod chain;
mod context;
mod emitter;
mod exchange;
mod gemm;
mod interleave;
mod k_slice;
mod log;
mod pass;
mod pipeline;
mod pool;
mod rank;
mod rendezvous;
mod resident;
mod stage;
mod tensor;
mod tile_result;

pub(crate) use context::Units;
pub(crate) use emitter::Emitter;
pub(crate) use pass::PassEmitter;
pub(crate) use rank::Seat;
pub(crate) use rendezvous::SharedBoard;
pub(crate) use resident::Kept;
