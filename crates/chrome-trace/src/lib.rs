//! Writes a run as a Chrome Trace Event file, for Perfetto (<https://ui.perfetto.dev>) and other
//! viewers of that format.
//!
//! ```text
//!   program   passes            ├──────────── decode@2048 ────────────────
//!   arrays    ternary           ├─ layers.0.q_proj ──────────┤├─ layers.0.k_proj
//!                               ├ wait for dma.load ┤├ tile 0 ┤├ tile 1 ┤
//!                                                    fill│compute│drain
//!             useful MACs/cycle ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁█████████
//!   vector    vector
//!   dma       dma.load, dma.store      (arrows lead from a load to the tile that uses it)
//!   sram      bytes held, a counter a scratchpad
//!   dram      read and write GB/s
//! ```
//!
//! * **Time.** One cycle of the machine's reference clock is one microsecond of the trace, in
//!   integers: viewers silently drop slices whose fractional times do not nest. The clock, and what
//!   was run on what, stand in a metadata event named `otherData` at the beginning.
//! * **Bounded.** Memory does not grow with the run; the file holds at most
//!   [`TraceOptions::event_budget`] events (and a few more that say what is missing). When half of
//!   the budget is used, phases inside tiles are no longer recorded, at three quarters tiles and
//!   waits, near the end operations; an instant on the track of the passes marks where.
//! * **Streamed.** The file is a JSON array, one event a line, in no particular order of time. What
//!   a killed run leaves lacks only the end of the array and opens all the same (a compressed
//!   file must be unpacked first: `gzip -dc`).
//! * **Checked.** [`check`] verifies what viewers need: nesting on each track, integers, names,
//!   paired flows, counters in order. `viewer-check/` beside the sources does it in a real viewer.

mod bandwidth;
pub mod check;
mod counter;
mod flows;
mod recorder;
mod sink;
mod track;
mod writer;

use event_kernel::{Cycle, Frequency};

pub use writer::TraceWriter;

/// Events that a trace holds unless told otherwise: about 55 MB of text, 4 MB compressed, a few
/// seconds to open.
pub const DEFAULT_EVENT_BUDGET: u64 = 500_000;

/// How a trace is written.
#[derive(Clone, Debug)]
pub struct TraceOptions {
    /// Name of the machine, for the reader.
    pub machine: String,
    /// Name of the workload, for the reader.
    pub workload: String,
    /// The machine's reference clock.
    pub clock: Frequency,
    /// What the bus of the main memory carries, if it has a limit: its counters show no more.
    pub memory_bytes_per_second: Option<u64>,
    /// How many events the trace may hold.
    pub event_budget: u64,
    /// The cycles recorded: first, and the one after the last. `None` is the whole run.
    pub window: Option<(Cycle, Cycle)>,
    /// Whether to compress, for a file named `.gz`.
    pub gzip: bool,
}

impl TraceOptions {
    /// The whole run, plain, within the default budget.
    #[must_use]
    pub fn new(machine: &str, workload: &str, clock: Frequency) -> Self {
        Self {
            machine: machine.to_owned(),
            workload: workload.to_owned(),
            clock,
            memory_bytes_per_second: None,
            event_budget: DEFAULT_EVENT_BUDGET,
            window: None,
            gzip: false,
        }
    }
}

/// What a trace holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceStatistics {
    /// Events in all, metadata included.
    pub events: u64,
    /// Slices.
    pub slices: u64,
    /// Arrows.
    pub flows: u64,
    /// Samples of counters.
    pub counter_samples: u64,
    /// What is missing from which cycle on, because the event budget was used up.
    pub dropped: Vec<(&'static str, Cycle)>,
}
