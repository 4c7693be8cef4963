//! Energy and area of a machine by technology.
//!
//! A [`Technology`] is one table of figures of one node, each with its value, unit, source, basis
//! (published, derived, assumed) and mark. The shipped ones are `data/45nm.ron` and `data/7nm.ron`;
//! an architect's own may start from one of them. [`Priced`] is the parts of a machine in a
//! technology: its areas, and with the [`Counts`] of a run ([`Counter`] observes it) its
//! [`Account`], in whole attojoules that cannot be negative or wrap.
//!
//! ```
//! use energy::Technology;
//! use pe_array::Element;
//! use quantities::Bytes;
//!
//! let technology = Technology::shipped("45nm").unwrap();
//! let ternary = Element::Ternary {
//!     activation: None,
//!     accumulator: None,
//!     variant: Default::default(),
//! };
//! let kind = ternary.kind().unwrap();
//! // 391 um2 of cells a PE, placed at 65 %.
//! let array = technology.array_area(&kind, 8, 512).unwrap();
//! assert_eq!(array.square_millimetres().round(), 2.0);
//! let pad = technology.scratchpad_area(Bytes(512 << 10), 8, Bytes(64));
//! assert!(pad.square_millimetres() > 1.0);
//! ```

mod account;
mod by_bit;
mod counts;
mod file;
mod priced;
mod resolve;
mod sram;
mod technology;
mod unit;

pub use account::{Account, Component, ComponentEnergy, MemoryEnergy};
pub use by_bit::{link_bit, memory_bit};
pub use counts::{ArrayCounts, Counter, Counts, PadCounts};
pub use file::{
    Basis, FigureFile, MacroFile, PeFile, RegistersFile, SourceFile, SramFile, TechnologyFile,
    VectorFile,
};
pub use priced::{ArrayPart, PadPart, Parts, Priced, UnitArea, VectorPart};
pub use sram::Macro;
pub use technology::{Figure, MissingPe, Pe, Source, Technology};
pub use unit::{Area, Energy, Fraction, PerEvent, Power};
