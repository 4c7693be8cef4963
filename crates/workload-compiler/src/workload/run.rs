//! What is run: prompts, new tokens, and how many sequences side by side.

use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// A length of all sequences, or of each: `2048`, `[2048, 512, 33]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Lengths {
    /// All sequences are of this length.
    Same(u64),
    /// One sequence of each length.
    Each(Vec<u64>),
}

impl Lengths {
    /// The lengths: one, or one for each sequence.
    #[must_use]
    pub fn as_slice(&self) -> &[u64] {
        match self {
            Self::Same(length) => std::slice::from_ref(length),
            Self::Each(lengths) => lengths,
        }
    }

    /// The longest; 0 if there is none.
    #[must_use]
    pub fn longest(&self) -> u64 {
        self.as_slice().iter().copied().max().unwrap_or(0)
    }
}

impl From<u64> for Lengths {
    fn from(length: u64) -> Self {
        Self::Same(length)
    }
}

impl fmt::Display for Lengths {
    /// `2048`, `2048, 512 and 33`, `33 to 2048` (more than four).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lengths = self.as_slice();
        match lengths {
            [] => f.write_str("none"),
            [one] => write!(f, "{one}"),
            [first @ .., last] if first.len() < 4 => {
                let first: Vec<String> = first.iter().map(u64::to_string).collect();
                write!(f, "{} and {last}", first.join(", "))
            }
            _ => {
                let least = lengths.iter().min().expect("many lengths");
                write!(f, "{least} to {}", self.longest())
            }
        }
    }
}

struct LengthsVisitor;

impl<'de> Visitor<'de> for LengthsVisitor {
    type Value = Lengths;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a list with one for each sequence")
    }

    fn visit_u64<E: serde::de::Error>(self, length: u64) -> Result<Lengths, E> {
        Ok(Lengths::Same(length))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Lengths, A::Error> {
        let mut lengths = Vec::new();
        while let Some(length) = items.next_element()? {
            lengths.push(length);
        }
        Ok(Lengths::Each(lengths))
    }
}

impl<'de> Deserialize<'de> for Lengths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LengthsVisitor)
    }
}

/// What is run. `Generate` is a prefill of the prompt, then one pass for each further token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Run {
    /// A prompt, all of it at once or chunk by chunk: `Prefill(tokens: 512)`.
    Prefill {
        /// Length of the prompt of each sequence.
        tokens: Lengths,
        /// Tokens of each sequence that a pass takes; all of them if nothing is said.
        #[serde(default)]
        chunk: Option<u64>,
    },
    /// One new token of each sequence: `Decode(context: 2048)`.
    Decode {
        /// Positions that the new token of a sequence sees, itself included.
        context: Lengths,
    },
    /// A prompt, then new tokens one by one: `Generate(prompt: 512, tokens: 128)`.
    Generate {
        /// Length of the prompt of each sequence.
        prompt: Lengths,
        /// Passes of one token after it, at contexts prompt + 1, prompt + 2, ...
        tokens: u64,
        /// Tokens of each prompt that a pass takes; all of them if nothing is said.
        #[serde(default)]
        chunk: Option<u64>,
    },
    /// One pass in which some sequences decode a token while another's prompt goes in:
    /// `Mixed(decode: [2048, 512], prefill: 256, after: 1024)`.
    Mixed {
        /// Contexts of the sequences that decode.
        decode: Lengths,
        /// Tokens of a prompt that are prefilled beside them. It goes on: they need no LM head.
        prefill: u64,
        /// Tokens of that prompt whose keys and values are there already. Default 0.
        #[serde(default)]
        after: u64,
    },
}

impl Run {
    /// A prompt of so many tokens, at once.
    #[must_use]
    pub const fn prefill(tokens: u64) -> Self {
        Self::Prefill {
            tokens: Lengths::Same(tokens),
            chunk: None,
        }
    }

    /// One new token at a context.
    #[must_use]
    pub const fn decode(context: u64) -> Self {
        Self::Decode {
            context: Lengths::Same(context),
        }
    }

    /// A prompt at once, then so many tokens.
    #[must_use]
    pub const fn generate(prompt: u64, tokens: u64) -> Self {
        Self::Generate {
            prompt: Lengths::Same(prompt),
            tokens,
            chunk: None,
        }
    }

    /// The longest context that occurs; `None` past 64 bits.
    #[must_use]
    pub fn longest_context(&self) -> Option<u64> {
        match self {
            Self::Prefill { tokens, .. } => Some(tokens.longest()),
            Self::Decode { context } => Some(context.longest()),
            Self::Generate { prompt, tokens, .. } => prompt.longest().checked_add(*tokens),
            Self::Mixed {
                decode,
                prefill,
                after,
            } => Some(prefill.checked_add(*after)?.max(decode.longest())),
        }
    }

    /// Sequences side by side in one copy of the run.
    #[must_use]
    pub fn sequences(&self) -> u64 {
        let (lengths, more) = match self {
            Self::Prefill { tokens, .. } => (tokens, 0),
            Self::Decode { context } => (context, 0),
            Self::Generate { prompt, .. } => (prompt, 0),
            Self::Mixed { decode, .. } => (decode, 1),
        };
        lengths.as_slice().len() as u64 + more
    }

    /// The most tokens that a pass of one copy of the run takes.
    #[must_use]
    pub fn tokens_of_a_pass(&self) -> u64 {
        let of_chunks = |lengths: &Lengths, chunk: &Option<u64>| {
            let chunk = chunk.unwrap_or(u64::MAX);
            let lengths = lengths.as_slice().iter();
            lengths.fold(0, |sum: u64, &length| sum.saturating_add(length.min(chunk)))
        };
        match self {
            Self::Prefill { tokens, chunk } => of_chunks(tokens, chunk),
            Self::Decode { context } => context.as_slice().len() as u64,
            Self::Generate { prompt, chunk, .. } => of_chunks(prompt, chunk),
            Self::Mixed {
                decode, prefill, ..
            } => (decode.as_slice().len() as u64).saturating_add(*prefill),
        }
    }

    /// Tokens that one copy of the run adds to its result: of a prefill those of the prompts, of
    /// all else the new ones.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        match self {
            Self::Prefill { tokens, .. } => tokens.as_slice().iter().sum(),
            Self::Decode { context } => context.as_slice().len() as u64,
            Self::Generate { prompt, tokens, .. } => prompt.as_slice().len() as u64 * tokens,
            Self::Mixed {
                decode, prefill, ..
            } => decode.as_slice().len() as u64 + prefill,
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chunks = |f: &mut fmt::Formatter<'_>, chunk: Option<u64>| match chunk {
            Some(chunk) => write!(f, ", {chunk} at a time"),
            None => Ok(()),
        };
        match self {
            Self::Prefill { tokens, chunk } => {
                write!(f, "prefill of {tokens} tokens")?;
                chunks(f, *chunk)
            }
            Self::Decode { context } => write!(f, "decode at context {context}"),
            Self::Generate {
                prompt,
                tokens,
                chunk,
            } => {
                write!(f, "{tokens} tokens after a prompt of {prompt}")?;
                chunks(f, *chunk)
            }
            Self::Mixed {
                decode,
                prefill,
                after,
            } => write!(
                f,
                "decode at context {decode} beside a prefill of {prefill} tokens after {after}"
            ),
        }
    }
}
