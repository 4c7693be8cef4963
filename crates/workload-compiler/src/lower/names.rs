//! Operators that follow from one another: those around a linear layer, and those around the sum of
//! a block's result and the residual stream.

use tile_program::{Matrix, Operator};

/// A linear layer of the model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Linear {
    pub(super) matrix: Matrix,
    /// Whether a bias is added to its result.
    pub(super) bias: bool,
}

impl Linear {
    /// A matrix without a bias.
    pub(super) const fn plain(matrix: Matrix) -> Self {
        Self {
            matrix,
            bias: false,
        }
    }
}

/// The operators with which a block's result joins the residual stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Residual {
    /// Agreement of the cores on statistics of its input.
    pub(super) agree: Operator,
    /// The sum of the cores' partial results.
    pub(super) all_reduce: Operator,
    /// The norm behind the matrix, or behind the sum.
    pub(super) post_norm: Operator,
    /// The sum of the result and the residual stream.
    pub(super) add: Operator,
}

impl Residual {
    /// Of attention, or of the recurrence in its place.
    pub(super) const ATTENTION: Self = Self {
        agree: Operator::AttentionAgree,
        all_reduce: Operator::AttentionAllReduce,
        post_norm: Operator::AttentionPostNorm,
        add: Operator::AttentionResidual,
    };

    /// Of the feed-forward network.
    pub(super) const FEED_FORWARD: Self = Self {
        agree: Operator::FeedForwardAgree,
        all_reduce: Operator::FeedForwardAllReduce,
        post_norm: Operator::FeedForwardPostNorm,
        add: Operator::FeedForwardResidual,
    };
}
