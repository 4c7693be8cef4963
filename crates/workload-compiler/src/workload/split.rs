//! How a workload wants its model split over cores, as written.

use serde::{Deserialize, Serialize};

/// How all-reduces and all-gathers go from core to core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// Around a ring: the fewest bytes.
    #[default]
    Ring,
    /// Up and down a binary tree: the fewest steps.
    Tree,
}

/// How a model is split over cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Split {
    /// Cores that share each layer. Default: all of the machine's, divided by `pipeline`.
    pub tensor: Option<u64>,
    /// Groups of cores, each with a part of the layers. Default 1.
    pub pipeline: u64,
    /// Parts of the batch that go through the pipeline one after another. Default 1.
    pub microbatches: u64,
    /// How collectives go.
    pub collectives: Algorithm,
}

impl Default for Split {
    fn default() -> Self {
        Self {
            tensor: None,
            pipeline: 1,
            microbatches: 1,
            collectives: Algorithm::default(),
        }
    }
}
