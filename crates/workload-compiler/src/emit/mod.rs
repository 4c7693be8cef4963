//! From planned stages to instructions.
//!
//! [`Emitter`] keeps the books that make a program correct: how many instructions each unit has
//! been given, which bytes of which scratchpad are free and after what, what waits for what.
//! [`PassEmitter`] walks the stages of a pass and emits a piece of a stage at a time.

mod attention;
mod board;
mod chain;
mod cuts;
mod deliver;
mod emitter;
mod exchange;
mod gemm;
mod hand_on;
mod items;
mod kept;
mod log;
mod pass;
mod seat;
mod tensor;

pub(crate) use board::SharedBoard;
pub(crate) use emitter::Emitter;
pub(crate) use kept::Kept;
pub(crate) use pass::{PassEmitter, Units};
pub(crate) use seat::Seat;
