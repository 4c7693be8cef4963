//! The laws against RTL.
//!
//! The project's own systolic array, in SystemVerilog (`crates/validation/rtl`), runs GEMMs; the
//! laws say when each fold's first operand enters, when its last sum is complete and when its last
//! result is out, and the functional arithmetic says what the results are. [`Case::expect`] is the
//! one side, [`Answer`] the other.
//!
//! ```text
//!   Case ──► law, arithmetic ──► Answer ──┐
//!     │                                   ├─► equal in every cycle and bit
//!     └────► array under test ─► Answer ──┘
//!                 │
//!      recorded: committed answers of a fixed sweep, for machines without a simulator
//!      live:     Verilator, built and run
//! ```

mod answer;
mod case;
mod live;
mod random;
mod recorded;

pub use answer::{Answer, Stamps};
pub use case::{Case, Design, Folds, Kind, Port, Shape};
pub use live::{LiveError, Mismatch, Report, Simulator, Sweep};
pub use recorded::{RECORDED, RecordError, check_recorded, record, sweep_cases};
