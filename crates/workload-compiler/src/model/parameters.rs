//! How many parameters a model has, to the last norm.

use super::hugging_face::family;
use super::{FeedForward, Mixer, Model, Norm, NormPlacement, Position};

impl Model {
    /// All parameters: weights, biases, norms and learned positions, as the published models count
    /// them. `None` past 64 bits.
    #[must_use]
    pub fn parameters(&self) -> Option<u64> {
        let weights = self.weights()?;
        if let Mixer::Dense(_) = self.mixer {
            return Some(weights);
        }
        let block = self.block_norms()?.checked_add(self.block_biases()?)?;
        weights
            .checked_add(block.checked_mul(self.layers)?)?
            .checked_add(self.parameters_around_the_blocks()?)
    }

    /// Parameters of a norm over so many channels.
    fn norm_parameters(&self, channels: u64) -> Option<u64> {
        channels.checked_mul(match self.norm {
            Norm::LayerNorm => 2,
            Norm::RmsNorm => 1,
        })
    }

    /// Parameters of all norms of a block.
    fn block_norms(&self) -> Option<u64> {
        let (d, hidden) = (self.d_model, self.d_ff);
        let queries = self.n_heads.checked_mul(self.head_dim)?;
        let around = match self.norm_placement {
            NormPlacement::Parallel => 1,
            NormPlacement::Pre | NormPlacement::Post | NormPlacement::ParallelTwo => 2,
            NormPlacement::Sandwich => 4,
        };
        let mut channels = d.checked_mul(around)?;
        if self.sub_norms {
            channels = channels.checked_add(queries)?.checked_add(hidden)?;
        }
        if self.linear_norms {
            // Into three projections of the mixer and those of the feed-forward network, and out.
            let inputs = d.checked_mul(match self.feed_forward {
                FeedForward::Plain => 4,
                FeedForward::Gated => 5,
            })?;
            let outputs = queries.checked_add(hidden)?;
            channels = channels.checked_add(inputs)?.checked_add(outputs)?;
        }
        if self.qk_norm {
            channels = channels.checked_add(self.head_dim.checked_mul(2)?)?;
        }
        if self.mixer == Mixer::Mlgru {
            channels = channels.checked_add(d)?;
        }
        self.norm_parameters(channels)
    }

    /// Biases of all projections of a block.
    fn block_biases(&self) -> Option<u64> {
        let heads = self.n_kv_heads.checked_mul(2)?.checked_add(self.n_heads)?;
        let qkv = match self.qkv_bias {
            true => heads.checked_mul(self.head_dim)?,
            false => 0,
        };
        if !self.linear_bias {
            return Some(qkv);
        }
        let hidden = self.d_ff.checked_mul(match self.feed_forward {
            FeedForward::Plain => 1,
            FeedForward::Gated => 2,
        })?;
        qkv.checked_add(self.d_model.checked_mul(2)?)?
            .checked_add(hidden)
    }

    /// The final norm, and what some families have beside the weights that are computed with.
    fn parameters_around_the_blocks(&self) -> Option<u64> {
        let final_norm = match self.norm_placement {
            NormPlacement::Post => 0,
            _ => self.norm_parameters(self.d_model)?,
        };
        let (offset, bias) = family::find(&self.family).map_or((0, 0), |family| {
            let bias = if family.lm_head_bias { self.vocab } else { 0 };
            (family.position_offset, bias)
        });
        let positions = match self.position {
            Position::Learned => offset.checked_mul(self.d_model)?,
            Position::Rotary | Position::None => 0,
        };
        final_norm.checked_add(positions)?.checked_add(bias)
    }
}
