//! Reports of a run: tables for the terminal, and a JSON document.
//!
//! Of a [`simulator::RunRecord`] this crate makes
//! * [`to_text`]: what an architect reads at the end of a run, legible at 100 columns;
//! * [`to_json`]: simulated facts only, the same bytes for the same run; its fields are described
//!   in the crate's README.
//!
//! [`Table`] renders the other tables of a command line. Nothing here reads or writes files.

mod amdahl;
mod energy;
mod headline;
mod json;
mod memory;
mod number;
mod table;
mod text;

use attribution::Speedup;

pub use headline::model_lines;
pub use json::{ModelDocument, SCHEMA_VERSION, to_json};
pub use table::{Column, Table};
pub use text::{Style, to_text};

/// The speedups that reports evaluate the law for.
fn law_speedups() -> Vec<Speedup> {
    [2.0, 4.0, 8.0, 16.0]
        .into_iter()
        .map(|times| Speedup::new(times).expect("at least one"))
        .collect()
}
