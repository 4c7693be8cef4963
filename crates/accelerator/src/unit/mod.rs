//! The units of a core: what executes instructions in order.

pub(crate) mod compute;
pub(crate) mod dma;
pub(crate) mod engine;
pub(crate) mod transfer_time;
