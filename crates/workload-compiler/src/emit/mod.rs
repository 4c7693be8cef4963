//! From planned stages to instructions.
//!
//! [`Emitter`] keeps the books that make a program correct: how many instructions each unit has
//! been given, which bytes of which scratchpad are free and after what, what waits for what.
//! [`PassEmitter`] walks the stages of a pass and emits a piece of a stage at a time; stages on
//! different units are emitted side by side (`window`). What they share is the `context`.

mod attention;
mod board;
mod chain;
mod context;
mod cuts;
mod deliver;
mod emitter;
mod exchange;
mod gemm;
mod hand_on;
mod kept;
mod log;
mod pass;
mod pool;
mod run;
mod seat;
mod tensor;
mod window;

pub(crate) use board::SharedBoard;
pub(crate) use context::Units;
pub(crate) use emitter::Emitter;
pub(crate) use kept::Kept;
pub(crate) use pass::PassEmitter;
pub(crate) use seat::Seat;
