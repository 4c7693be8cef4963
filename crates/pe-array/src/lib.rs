//! PE arrays.
//!
//! An [`ArrayConfig`] says what an array is; [`ArrayModel`] is one that makes sense. Given a GEMM
//! tile and the rates of the scratchpads' ports ([`Feed`]), the model answers with a
//! [`TileTiming`]: how long the tile takes, where its cycles go by cause, and, when asked, exact
//! stamps of every phase of every fold.
//!
//! ```text
//!   GEMM tile ──► folds ──► spans of one fold ──► folds in a row ──► TileTiming
//!                 fold.rs   law.rs, dataflow/     totals.rs          parts, stamps, traffic
//! ```
//!
//! Folds of a tile repeat, so all of this is closed forms: the cost of an answer does not depend
//! on the size of the tile. The laws, the hardware they describe and their derivation stand in
//! [`law`].
//!
//! Beside the laws stands [`grid`], which moves values from PE to PE. The crate `validation`
//! compares both with the project's SystemVerilog, and the laws with SCALE-Sim.
//!
//! The crate does not know where operands come from, what a tile belongs to, or what it costs in
//! energy: of memory it sees the rates of ports alone.

mod config;
pub mod dataflow;
mod element;
mod feed;
mod fold;
pub mod grid;
mod kind;
pub mod law;
mod model;
mod timing;
mod totals;

pub use config::{ArrayConfig, Convention, Tiles};
pub use element::{Element, Variant};
pub use feed::{Feed, port_rate};
pub use fold::Fold;
pub use kind::PeKind;
pub use model::{ArrayModel, TileError, Traffic};
pub use tile_program::{Dataflow, NumberFormat};
pub use timing::{FoldPhase, FoldTiming, Parts, TileTiming};

/// The crate's README, whose example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
