//! The operators of a language model: one row of a table each.
//!
//! A row says what an operator is called, what part it plays and which work of the vector unit it
//! is. Whoever groups, classes or counts operations asks the table; names are for people alone.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::{Family, VectorKind};

/// The part that an operator plays in a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperatorRole {
    /// Products of matrices, of a family.
    Gemm(Family),
    /// A norm over rows.
    Norm,
    /// The softmax of attention.
    Softmax,
    /// Quantisation to the width that an array reads, or scaling of its sums back.
    Quantisation,
    /// Any other work of the vector unit: each element by itself.
    ElementWise,
    /// Movement between main memory and the scratchpads that belongs to no computation.
    Transfer,
    /// An exchange with cores that share the work.
    Exchange,
    /// Not known: the operator is none of a language model's.
    Other,
}

macro_rules! matrices {
    ($($(#[$doc:meta])* $matrix:ident = $name:literal, $family:ident;)*) => {
        /// A matrix of weights: of each layer one, or one of the model.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Matrix {
            $($(#[$doc])* $matrix,)*
        }

        impl Matrix {
            /// All matrices, in the order of the declaration.
            pub const ALL: &'static [Self] = &[$(Self::$matrix),*];

            /// The family of its products.
            #[must_use]
            pub const fn family(self) -> Family {
                match self {
                    $(Self::$matrix => Family::$family,)*
                }
            }

            const fn name(self) -> &'static str {
                match self {
                    $(Self::$matrix => $name,)*
                }
            }

            const fn input_norm(self) -> &'static str {
                match self {
                    $(Self::$matrix => concat!($name, "_norm"),)*
                }
            }

            const fn input_quantise(self) -> &'static str {
                match self {
                    $(Self::$matrix => concat!($name, "_quantise"),)*
                }
            }

            const fn dequantise(self) -> &'static str {
                match self {
                    $(Self::$matrix => concat!($name, "_dequantise"),)*
                }
            }

            const fn bias(self) -> &'static str {
                match self {
                    $(Self::$matrix => concat!($name, "_bias"),)*
                }
            }
        }
    };
}

matrices! {
    /// Queries of attention.
    Query = "q_proj", Projection;
    /// Keys of attention.
    Key = "k_proj", Projection;
    /// Values of attention.
    Value = "v_proj", Projection;
    /// The output of attention or of a recurrence.
    Output = "o_proj", Projection;
    /// The gate of a gated feed-forward network.
    Gate = "gate_proj", Projection;
    /// Into the feed-forward network.
    Up = "up_proj", Projection;
    /// Out of the feed-forward network.
    Down = "down_proj", Projection;
    /// The candidate state of a gated recurrence.
    RecurrenceInput = "i_proj", Projection;
    /// The forget gate of a gated recurrence.
    RecurrenceForget = "f_proj", Projection;
    /// The output gate of a gated recurrence.
    RecurrenceGate = "g_proj", Projection;
    /// A dense layer by itself, or the vector work that stands in its place.
    Dense = "dense", Projection;
    /// From an embedding that is narrower than the model to the model's width.
    ProjectIn = "project_in", LmHead;
    /// From the model's width to that of a narrower embedding.
    ProjectOut = "project_out", LmHead;
    /// The product with the vocabulary.
    LmHead = "lm_head", LmHead;
}

impl Matrix {
    /// Whether only tokens whose logits are asked for go through it: a pass without any leaves it
    /// out.
    #[must_use]
    pub const fn makes_logits(self) -> bool {
        matches!(self, Self::ProjectOut | Self::LmHead)
    }
}

macro_rules! operators {
    ($($(#[$doc:meta])* $operator:ident = $name:literal, $role:expr, $kind:expr;)*) => {
        /// An operator of a model, without the layer that it stands in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Operator {
            /// Products with a matrix of weights: `q_proj`.
            Matrix(Matrix),
            /// The norm of the rows that a matrix takes, where it has one of its own.
            InputNorm(Matrix),
            /// Quantisation of the rows that a matrix takes.
            InputQuantise(Matrix),
            /// Scaling of a matrix's sums back.
            Dequantise(Matrix),
            /// The bias of a matrix.
            Bias(Matrix),
            $($(#[$doc])* $operator,)*
            /// An operator of a program that is not made from a language model: it has a name, and
            /// nothing more is known of it.
            Named(&'static str),
        }

        impl Operator {
            /// The operators that stand for themselves, in the order of the declaration.
            const SINGLE: &'static [Self] = &[$(Self::$operator),*];

            /// The name used in reports, listings, traces and JSON.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    Self::Matrix(matrix) => matrix.name(),
                    Self::InputNorm(matrix) => matrix.input_norm(),
                    Self::InputQuantise(matrix) => matrix.input_quantise(),
                    Self::Dequantise(matrix) => matrix.dequantise(),
                    Self::Bias(matrix) => matrix.bias(),
                    $(Self::$operator => $name,)*
                    Self::Named(name) => name,
                }
            }

            /// The part that it plays.
            #[must_use]
            pub const fn role(self) -> OperatorRole {
                match self {
                    Self::Matrix(matrix) => OperatorRole::Gemm(matrix.family()),
                    Self::InputNorm(_) => OperatorRole::Norm,
                    Self::InputQuantise(_) | Self::Dequantise(_) => OperatorRole::Quantisation,
                    Self::Bias(_) => OperatorRole::ElementWise,
                    $(Self::$operator => $role,)*
                    Self::Named(_) => OperatorRole::Other,
                }
            }

            /// The work of the vector unit that it is; `None` if the model says which (norms,
            /// activations) or if it is none.
            #[must_use]
            pub const fn vector_kind(self) -> Option<VectorKind> {
                match self {
                    Self::InputQuantise(_) => Some(VectorKind::Quantise),
                    Self::Dequantise(_) => Some(VectorKind::Dequantise),
                    Self::Bias(_) => Some(VectorKind::Add),
                    $(Self::$operator => $kind,)*
                    Self::Matrix(_) | Self::InputNorm(_) | Self::Named(_) => None,
                }
            }
        }
    };
}

const ATTENTION: OperatorRole = OperatorRole::Gemm(Family::Attention);

operators! {
    /// The rows of the embedding table.
    Embedding = "embedding", OperatorRole::Transfer, None;
    /// The sum with learned positions.
    PositionEmbedding = "position_embedding", OperatorRole::ElementWise, Some(VectorKind::Add);
    /// The norm before attention or a recurrence.
    AttentionNorm = "attention_norm", OperatorRole::Norm, None;
    /// Quantisation of what queries, keys and values are made from.
    QkvQuantise = "qkv_quantise", OperatorRole::Quantisation, Some(VectorKind::Quantise);
    /// The norm of each head's query.
    QueryNorm = "q_norm", OperatorRole::Norm, None;
    /// The norm of each head's key.
    KeyNorm = "k_norm", OperatorRole::Norm, None;
    /// The rotation of queries.
    QueryRotary = "q_rotary", OperatorRole::ElementWise, Some(VectorKind::Rotary);
    /// The rotation of keys.
    KeyRotary = "k_rotary", OperatorRole::ElementWise, Some(VectorKind::Rotary);
    /// Quantisation of queries to what the array of attention multiplies.
    QueryQuantise = "q_quantise", OperatorRole::Quantisation, Some(VectorKind::Quantise);
    /// Quantisation of keys to the format of the cache.
    KeyQuantise = "k_quantise", OperatorRole::Quantisation, Some(VectorKind::Quantise);
    /// Quantisation of values to the format of the cache.
    ValueQuantise = "v_quantise", OperatorRole::Quantisation, Some(VectorKind::Quantise);
    /// New keys and values go to the cache.
    KvAppend = "kv_append", OperatorRole::Transfer, None;
    /// Queries times keys.
    Scores = "scores", ATTENTION, None;
    /// The softmax of the scores.
    Softmax = "softmax", OperatorRole::Softmax, Some(VectorKind::Softmax);
    /// Quantisation of probabilities.
    SoftmaxQuantise = "softmax_quantise", OperatorRole::Quantisation, Some(VectorKind::Quantise);
    /// Probabilities times values.
    Context = "context", ATTENTION, None;
    /// Scaling of the context back.
    ContextDequantise = "context_dequantise", OperatorRole::Quantisation,
        Some(VectorKind::Dequantise);
    /// The agreement of cores on the statistics of rows of which each has a part, in attention.
    AttentionAgree = "attention_agree", OperatorRole::Exchange, None;
    /// The sum of the cores' results of attention.
    AttentionAllReduce = "attention_all_reduce", OperatorRole::Exchange, None;
    /// The norm after attention or a recurrence.
    AttentionPostNorm = "attention_post_norm", OperatorRole::Norm, None;
    /// The sum of attention's result, or a recurrence's, and the residual stream.
    AttentionResidual = "attention_residual", OperatorRole::ElementWise, Some(VectorKind::Add);
    /// The recurrent state comes from main memory.
    StateLoad = "state_load", OperatorRole::Transfer, None;
    /// The activation of a recurrence's candidate state.
    Silu = "silu", OperatorRole::ElementWise, Some(VectorKind::Silu);
    /// The activation of a recurrence's forget gate.
    Sigmoid = "sigmoid", OperatorRole::ElementWise, Some(VectorKind::Sigmoid);
    /// A step of a gated recurrence.
    Recurrence = "recurrence", OperatorRole::ElementWise, Some(VectorKind::Recurrence);
    /// The activation of a recurrence's output gate.
    Swish = "swish", OperatorRole::ElementWise, Some(VectorKind::Silu);
    /// The recurrent state goes to main memory.
    StateStore = "state_store", OperatorRole::Transfer, None;
    /// The norm of a recurrence's result.
    OutputNorm = "output_norm", OperatorRole::Norm, None;
    /// The product of a recurrence's result and its output gate.
    OutputGate = "output_gate", OperatorRole::ElementWise, Some(VectorKind::Multiply);
    /// The norm before the feed-forward network.
    FeedForwardNorm = "ffn_norm", OperatorRole::Norm, None;
    /// Quantisation of what goes into the feed-forward network.
    FeedForwardQuantise = "ffn_quantise", OperatorRole::Quantisation, Some(VectorKind::Quantise);
    /// The activation of the feed-forward network.
    Activation = "activation", OperatorRole::ElementWise, None;
    /// The product with the gate of a gated feed-forward network.
    GateProduct = "gate", OperatorRole::ElementWise, Some(VectorKind::Multiply);
    /// The agreement of cores on the statistics of rows of which each has a part, in the
    /// feed-forward network.
    FeedForwardAgree = "ffn_agree", OperatorRole::Exchange, None;
    /// The sum of the cores' results of the feed-forward network.
    FeedForwardAllReduce = "ffn_all_reduce", OperatorRole::Exchange, None;
    /// The norm after the feed-forward network.
    FeedForwardPostNorm = "ffn_post_norm", OperatorRole::Norm, None;
    /// The sum of the feed-forward network's result and the residual stream.
    FeedForwardResidual = "ffn_residual", OperatorRole::ElementWise, Some(VectorKind::Add);
    /// The norm after the last block.
    FinalNorm = "final_norm", OperatorRole::Norm, None;
    /// The cores' parts of the logits come together.
    LogitsGather = "logits_gather", OperatorRole::Exchange, None;
    /// The residual stream goes to the next stage of a pipeline.
    HandOn = "hand_on", OperatorRole::Exchange, None;
    /// The residual stream comes from the stage before in a pipeline.
    TakeOver = "take_over", OperatorRole::Exchange, None;
}

impl Operator {
    /// Every operator of the table: all but those of other programs.
    pub fn all() -> impl Iterator<Item = Self> {
        let around_matrices = Matrix::ALL.iter().flat_map(|&matrix| {
            [
                Self::Matrix(matrix),
                Self::InputNorm(matrix),
                Self::InputQuantise(matrix),
                Self::Dequantise(matrix),
                Self::Bias(matrix),
            ]
        });
        around_matrices.chain(Self::SINGLE.iter().copied())
    }

    /// The family of its products; `None` if it makes none.
    #[must_use]
    pub const fn family(self) -> Option<Family> {
        match self.role() {
            OperatorRole::Gemm(family) => Some(family),
            _ => None,
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Serializes as its name.
impl Serialize for Operator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_operators_share_a_name() {
        let names: BTreeSet<&str> = Operator::all().map(Operator::name).collect();
        assert_eq!(names.len(), Operator::all().count());
        let report_names = |name: &str| {
            let mut letters = name.chars();
            letters.all(|letter| letter.is_ascii_lowercase() || letter == '_')
        };
        assert!(names.into_iter().all(report_names));
    }

    #[test]
    fn only_work_of_the_vector_unit_has_a_kind_of_it() {
        for operator in Operator::all() {
            let expected = match operator.role() {
                OperatorRole::Gemm(_) | OperatorRole::Transfer | OperatorRole::Exchange => false,
                OperatorRole::Norm => false,
                OperatorRole::Softmax | OperatorRole::Quantisation => true,
                OperatorRole::ElementWise => operator != Operator::Activation,
                OperatorRole::Other => unreachable!("the table has none"),
            };
            assert_eq!(operator.vector_kind().is_some(), expected, "{operator}");
        }
    }

    #[test]
    fn quantisation_is_what_the_vector_unit_converts_formats_with() {
        for operator in Operator::all() {
            let kind = operator.vector_kind();
            let converts = matches!(kind, Some(VectorKind::Quantise | VectorKind::Dequantise));
            let role = operator.role() == OperatorRole::Quantisation;
            assert_eq!(converts, role, "{operator}");
        }
    }
}
