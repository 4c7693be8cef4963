//! Compatibility with SCALE-Sim: its golden rows, its configuration and topology files, its report.
//!
//! ```text
//!   golden.csv ──► golden::compare ─────────────► rows exact, differences
//!   X.cfg      ──► cfg::Config ───┐
//!   Y.csv      ──► topology::read ┴─► report::run ──► report::Row ──► CSV
//! ```
//!
//! All functions take the text of a file and know nothing of paths. A [`ReadError`] names line and
//! column of the tool's own files, which have forms of their own; golden rows are a table as all
//! others here. Where the tool and hardware differ stands in the README of `pe-array`.

mod cfg;
mod figures;
mod golden;
mod read;
mod report;
mod topology;

pub use cfg::Config;
pub use figures::{Figures, Percent};
pub use golden::{Comparison, Difference, GOLDEN, compare};
pub use read::ReadError;
pub use report::{HEADER, Row, run, write_csv};
pub use topology::{Layer, Topology};
