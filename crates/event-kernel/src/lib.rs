//! A domain-free discrete-event kernel.
//!
//! A [`Simulation`] owns components and wakes them; everything that components share lives in a
//! *world* `W` of the caller's. The kernel knows clocks, order and waiting. It does not know what
//! is simulated, nor what components exchange: a network switch could be written on it as well as
//! an accelerator.
//!
//! * [`Timeline`]: clock domains on one exact integer grid.
//! * [`WakeQueue`]: at most one wake-up per component, so the queue holds components, not traffic.
//! * [`Phase`]: the closed order inside an instant.
//! * [`RunError`]: a deadlock names who waits for whom; a livelock, a limit and a wake-up into the
//!   past name the parties.
//!
//! # Ordering guarantees
//!
//! Each has a test of its name (`g1_…` to `g8_…`).
//!
//! 1. Time never goes back: wake-ups happen in the order of their instants.
//! 2. Inside an instant, wake-ups happen in the order of [`Phase`].
//! 3. Inside a phase of an instant, wake-ups happen in the order in which they were scheduled.
//! 4. A component has at most one pending wake-up; an earlier one replaces a later one, a later or
//!    equal one changes nothing (its place among equals included).
//! 5. A component is woken on edges of its own clock only: a wake-up asked for between two edges
//!    happens at the later one.
//! 6. A wake-up into the past (an instant gone by, or an earlier phase of this instant) ends the
//!    run with an error that names who asked and who was meant.
//! 7. When nothing can wake and a component still waits, the run ends with a deadlock report of
//!    all who wait.
//! 8. The same components, world and calls give the same wake-ups: nothing depends on addresses,
//!    hashing, threads or the wall clock.

mod clock;
mod context;
mod queue;
mod simulation;

pub use clock::{ClockError, DomainId, Instant, Timeline};
pub use context::{ComponentId, Context};
pub use queue::{Phase, WakeQueue};
pub use simulation::{Component, Limits, RunError, Simulation, Waiter, WaitsFor};
