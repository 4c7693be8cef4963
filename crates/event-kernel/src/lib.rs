//! A domain-free discrete-event kernel.

mod clock;
mod time;

pub use clock::{ClockError, DomainId, Frequency, Instant, Timeline};
pub use time::{Cycle, Cycles};
