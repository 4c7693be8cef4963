//! Reports of a run: tables for the terminal, and a JSON document.
//!
//! A caller fills in a [`Run`] (the account of its cycles by `attribution`, and what machine and
//! memory say of themselves) and gets
//! * [`to_text`]: what an architect reads at the end of a run, legible at 100 columns;
//! * [`to_json`]: simulated facts only, the same bytes for the same run; its fields are described in
//!   the crate's README.
//!
//! [`list`] renders other tables of a command line. Nothing here reads or writes files.

mod amdahl;
mod energy;
mod facts;
mod json;
mod number;
mod table;
mod text;

pub use facts::{
    ArrayFacts, ChannelCycles, DramFacts, EnergyFacts, KeptFacts, LinkFacts, ModelFacts, Run,
    ScratchpadFacts, SerialFacts, SystemFacts, WeightFacts, WithSerial,
};
pub use json::{SCHEMA_VERSION, to_json};
pub use table::{Column, list};
pub use text::{Style, model_lines, to_text};
