//! From a model and a pass to the graph of the pass.

mod attention;
mod block;
mod builder;
mod dense;
mod ends;
mod exchange;
mod feed_forward;
mod names;
mod operands;
mod recurrent;

pub(crate) use builder::lower;
pub(crate) use operands::operands;
