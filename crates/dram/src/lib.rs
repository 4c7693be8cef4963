//! DRAM timed by command: ACT, RD, WR, PRE and REF under every constraint of a standard.
//!
//! ```text
//! standards/*.ron  constraint tables ─┐
//! presets/*.csv    timings, energies ─┼─► config::Device ─► Memory ─► Channel ─► Done, Counters
//! DramConfig       what a user writes ┘      (checked)      split()   push(), advance()
//! ```
//!
//! An accelerator makes a [`Memory`] from a [`MemoryConfig`], takes one [`Channel`] a channel, and
//! moves tiles as ranges of bursts:
//!
//! ```
//! use dram::{Direction, DramConfig, Memory};
//! use quantities::Cycle;
//!
//! let memory = Memory::dram(&DramConfig::preset("HBM2-2000", 4))?;
//! let mut channels: Vec<_> = (0..memory.channels()).map(|_| memory.channel()).collect();
//! // 64 KiB from address 0: one contiguous range a channel.
//! for slice in memory.split(0, 64 << 10) {
//!     let channel = &mut channels[slice.channel as usize];
//!     channel.push(Cycle(0), slice.first, slice.bursts, Direction::Read, slice.channel);
//! }
//! // The caller's event loop wakes each channel when it may have something to say.
//! let mut finished = 0;
//! while let Some(now) = channels[0].next_wake() {
//!     channels[0].advance(now, &mut |done| {
//!         assert_eq!(done.causes.total(), done.last_data - Cycle(0));
//!         finished += 1;
//!     });
//! }
//! assert_eq!(finished, 1);
//! # Ok::<(), config::FieldError>(())
//! ```
//!
//! Times are cycles of [`Memory::frequency`]: the DRAM command clock, or the machine's for an
//! ideal memory.
//!
//! - [`standard`]: a standard as data (command set, constraint table); [`preset`]: timing sets with
//!   source and mark; [`timing`]: the table at work.
//! - [`address`]: maps as field strings, and the split over channels.
//! - [`checker`]: replays any command trace and knows nothing of controllers. Debug builds replay
//!   every command of every channel.
//! - [`energy`]: energy by command.

pub mod address;
pub mod checker;
pub mod command;
pub mod config;
mod controller;
pub mod energy;
pub mod expression;
pub mod ideal;
pub mod memory;
mod port;
pub mod preset;
pub mod standard;
pub mod timing;
mod vocabulary;

pub use self::config::{
    DramConfig, MemoryConfig, OrganisationChange, Page, Policy, RefreshPolicy, Scheduler,
};
pub use address::{ChannelSlice, Hash};
pub use ideal::{Bandwidth, IdealConfig};
pub use memory::{Channel, Memory};
pub use port::{ChannelPort, PortEvent, Transfer};
pub use vocabulary::{Causes, Counters, Direction, Done};
