//! RON files as an architect writes them: typed quantities, errors that point, overrides by path.
//!
//! This crate knows no machine and no workload. It reads a [`Document`], applies [`Override`]s
//! to it, and gives it to serde as whatever raw type the caller asks for.
//!
//! * **Errors point.** [`ConfigError`] shows file, line and column with the line itself, says what
//!   is wrong and what would be right: the known fields, the nearest name, the right units. An
//!   error in an override points into the `--set` argument that it came from.
//! * **Two steps.** [`Document::read`] checks names, kinds of values and units. What the values
//!   mean together is the caller's to check; its [`FieldError`]s are found again in the text by
//!   their paths, and if the field was left out, the error says which default is in force.
//! * **Quantities carry their units.** [`Clock`], [`Size`], [`Bandwidth`], [`Time`], [`Energy`],
//!   [`Area`] and [`Power`] are written `MHz(700)`, `KiB(256)`, `GBps(34)`, `Ns(100)`, `Pj(0.3)`,
//!   `Um2(391)`, `MilliW(1)` and resolved without floating point. Where there
//!   may be none, [`Or`] takes a word in place of a value: `Unlimited`.
//! * **Texts are shown as they are.** A text with a control character ([`is_control`]) is refused
//!   at its place, and errors print what they quote as [`printable()`] text.
//! * **Numbers carry their range.** A [`Whole`] number, or a field read by [`whole()`], refuses
//!   what is out of the range that holds for the field, and says that range.
//!
//! The grammar is RON's, and `ron` decides what is well formed. The text is then held as a tree in
//! which every name and value has its place; serde reads from that tree. A text that is not RON by
//! a habit from another language (quoted names, `=`, `#`) is told what would be right.

mod access;
mod decimal;
mod deserialize;
mod document;
mod error;
mod field;
mod habit;
mod keyword;
mod lexer;
mod mistake;
mod overrides;
mod path;
mod printable;
mod quantity;
mod read;
mod source;
mod suggest;
mod tree;
mod whole;

pub use decimal::Decimal;
pub use document::Document;
pub use error::{ConfigError, Paint};
pub use field::{FieldError, OtherFile};
pub use keyword::{Keyword, Or, Unlimited};
pub use overrides::Override;
pub use printable::{is_control, printable, printable_lines};
pub use quantity::{Area, Bandwidth, Clock, Energy, Power, Size, Time};
pub use read::{Longest, text_of};
pub use suggest::{among, nearest};
pub use whole::{Whole, some_whole, whole};
