//! One file per command.

pub(crate) mod amdahl;
pub(crate) mod check;
pub(crate) mod compile;
pub(crate) mod completions;
pub(crate) mod dram;
pub(crate) mod kernels;
pub(crate) mod list;
pub(crate) mod reproduce;
pub(crate) mod scalesim;
pub(crate) mod simulate;
pub(crate) mod validate;
