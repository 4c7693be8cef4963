//! The exact quantities that every model of the simulator counts in.
//!
//! * [`Cycle`] is a point of time and [`Cycles`] a span, both counted in edges of one clock.
//! * [`Frequency`] is an exact number of hertz; [`Ratio`] any exact positive fraction.
//! * [`Bits`] are not [`Bytes`].
//! * [`grouped()`] writes a whole number for people.
//!
//! All of them are integers or fractions of integers. Floating-point numbers come out of them for
//! reports alone.
//!
//! The crate does not know what is counted: no unit, file format or machine has a name here.

mod cycle;
mod frequency;
mod grouped;
mod ratio;
mod size;

pub use cycle::{Cycle, Cycles};
pub use frequency::{Frequency, FrequencyError};
pub use grouped::grouped;
pub use ratio::{Ratio, gcd, gcd_wide, lcm};
pub use size::{Bits, Bytes};
