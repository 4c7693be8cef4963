//! The units of a core: what executes instructions in order.
//!
//! A [`Pipe`](pipe::Pipe) is a unit as a component; each kind of unit says in a file of its own, by
//! the trait [`Unit`](pipe::Unit), how an instruction starts, when it ends and what it did.

pub(crate) mod compute;
pub(crate) mod dma;
pub(crate) mod engine;
mod issue;
pub(crate) mod pipe;
pub(crate) mod receive;
pub(crate) mod state;
pub(crate) mod transfer_time;
