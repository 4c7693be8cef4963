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
//!   [`TraceOptions::event_budget`] events (and a few more that end it). The run is divided into up
//!   to 256 parts of as many instructions each ([`TraceOptions::instructions`]), and each part may
//!   bring its share of the events, and what those before it left: when 30 % of that is used,
//!   phases inside tiles are no longer recorded, at 85 % tiles and waits, at 95 % operations, until
//!   the next part begins. The track `left out` shows where, [`TraceSummary::left_out`] says how
//!   much.
//! * **Exact counters.** A sample is the average from it to the next one, in a decimal with as many
//!   places as it takes: times the cycles between them, and rounded, it is exactly what was
//!   counted. Where a counter changes too often the spans get longer; what they add up to does not
//!   change.
//! * **Streamed.** The file is a JSON array, one event a line, in no particular order of time. What
//!   a killed run leaves lacks only the end of the array and opens all the same (a compressed
//!   file must be unpacked first: `gzip -dc`).
//! * **Checked.** [`check`] verifies what viewers need: nesting on each track, integers, names,
//!   paired flows, counters in order; and that counters add up to what the tiles did.
//!   `viewer-check/` beside the sources does it in a real viewer.

mod bandwidth;
mod budget;
pub mod check;
mod counter;
mod flows;
mod length;
mod metadata;
mod rate;
mod recorder;
mod sink;
mod summary;
mod track;
mod writer;

use quantities::{Cycle, Frequency};

pub use length::count_instructions;
pub use summary::{LeftOut, TraceSummary};
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
    /// How many instructions the run has, about ([`count_instructions`]): details are spread evenly
    /// over them. `None` if that is not known: all details are then at the beginning of the run, or
    /// spread over the window if there is one.
    pub instructions: Option<u64>,
    /// The cycles recorded: first, and the one after the last. `None` is the whole run.
    pub window: Option<(Cycle, Cycle)>,
    /// The form in which the trace is written.
    pub encoding: Encoding,
}

/// The form in which a trace is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// JSON as text.
    #[default]
    Plain,
    /// JSON compressed by gzip, for a file named `.gz`.
    Gzip,
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
            instructions: None,
            window: None,
            encoding: Encoding::Plain,
        }
    }
}
