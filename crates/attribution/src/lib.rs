//! Where the cycles go.
//!
//! A [`Ledger`] watches a run and answers two questions exactly, with memory that does not grow
//! with the length of the run:
//!
//! * **of each unit**: into which bucket (class, cause) did every cycle go? Who waits for the DMA
//!   is charged by what the DMA did in just that time, so "waiting for memory" splits into
//!   bandwidth, latency, row conflicts, refresh and turnaround;
//! * **of the whole run**: along the critical path, to which (class, cause) does every cycle of the
//!   makespan belong? Work that was overlapped stands beside it as hidden, and is never added in.
//!
//! Both accounts are asserted to sum. The [`Summary`] is plain data; [`Amdahl`] and [`Roofline`]
//! are read off it. How waits, pipelined units and ties are charged is set down in the crate's
//! README.

mod amdahl;
mod faster_arrays;
mod ledger;
mod operations;
mod path;
mod roofline;
mod summarise;
mod summary;
mod transfers;

pub use amdahl::{Amdahl, NotASpeedup, Speedup};
pub use faster_arrays::{FasterArrays, FasterArraysBound};
pub use ledger::Ledger;
pub use roofline::{Limit, Peaks, Roofline};
pub use summary::{
    Bucket, ClassWork, MakespanCell, OperationSummary, OperatorSummary, Summary, UnitSummary,
};
