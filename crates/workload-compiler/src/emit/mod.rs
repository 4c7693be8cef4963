//! From planned stages to instructions.
//!
//! `InstructionWriter` alone decides what makes a program correct: the number of each instruction,
//! its waits, and the scratchpad bytes that it takes and gives. [`Emitter`] holds a writer for a
//! whole run, with what else is counted from pass to pass. [`PassEmitter`] walks the stages of a
//! pass and emits a piece of a stage at a time; stages on different units are emitted side by side
//! (`interleave`). The stages of a pass share a `Context`.

mod attention;
mod buffer;
mod chain;
mod collective;
mod context;
mod dependencies;
mod emitter;
mod exchange;
mod gemm;
mod interleave;
mod k_slice;
mod log;
mod pass;
mod pipeline;
mod pool;
mod pull;
mod rank;
mod rendezvous;
mod resident;
mod stage;
mod step;
mod tensor;
mod tile_result;
mod writer;

pub(crate) use context::{PassPlace, Units};
pub(crate) use emitter::Emitter;
pub(crate) use pass::PassEmitter;
pub(crate) use rank::RankContext;
pub(crate) use rendezvous::SharedRendezvous;
pub(crate) use resident::ResidentWeights;
