//! What the accounts of any run promise: random machines and workloads, through compiler and
//! machine.

mod barrier;
mod channels;
mod cores;
mod imbalance;
mod invariants;
mod numbers;
mod overlap;
mod scratchpads;
mod support;
mod traces;
