//! The ledgers of runs: cases by hand, and random runs against an oracle.

mod cases;
mod oracle;
mod toy;
