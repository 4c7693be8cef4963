//! A model in one line.

use super::{Mixer, Model};

impl Model {
    /// The shape and the number of parameters in one line: "gpt2: 12 layers, width 768, 12 heads
    /// (12 KV) of 64, FFN 3072, vocabulary 50257, 124 M parameters".
    #[must_use]
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        if let Mixer::Dense(_) = self.mixer {
            parts.push(count(self.layers, "layer"));
        } else {
            parts.push(count(self.layers, "layer"));
            parts.push(format!("width {}", self.d_model));
            parts.push(match self.mixer {
                Mixer::Mlgru => "recurrence in place of attention".to_owned(),
                _ => format!(
                    "{} ({} KV) of {}",
                    count(self.n_heads, "head"),
                    self.n_kv_heads,
                    self.head_dim
                ),
            });
            parts.push(format!("FFN {}", self.d_ff));
            parts.extend(self.windows());
            parts.push(format!("vocabulary {}", self.vocab));
        }
        let parameters = self
            .parameters()
            .map_or_else(|| "2^64 or more".to_owned(), scaled);
        parts.push(format!("{parameters} parameters"));
        format!("{}: {}", self.name, parts.join(", "))
    }

    /// The sliding window, and how many layers have it.
    fn windows(&self) -> Option<String> {
        let window = self.sliding_window?;
        let windowed = (0..self.layers).filter(|layer| self.window(*layer).is_some());
        Some(match windowed.count() as u64 {
            all if all == self.layers => format!("window {window}"),
            some => format!("window {window} in {some} layers"),
        })
    }
}

fn count(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

/// A number with three digits and a decimal prefix: `6.74 G`.
fn scaled(number: u64) -> String {
    let mut scaled = number as f64;
    let mut prefixes = ["", " k", " M", " G", " T", " P", " E"].iter();
    let mut prefix = prefixes.next();
    // Below 999.5 three digits are left.
    while scaled >= 999.5 {
        let Some(next) = prefixes.next() else { break };
        scaled /= 1000.0;
        prefix = Some(next);
    }
    let prefix = prefix.unwrap_or(&"");
    if prefix.is_empty() {
        return number.to_string();
    }
    let places = match scaled {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{scaled:.places$}{prefix}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::find;

    #[test]
    fn a_model_is_told_in_one_line() {
        let summary = |name| find(name).unwrap().model.summary();
        assert_eq!(
            summary("llama-2-7b"),
            "Llama-2 7B: 32 layers, width 4096, 32 heads (32 KV) of 128, FFN 11008, vocabulary 32000, \
             6.74 G parameters"
        );
        assert!(summary("gemma-2-2b").contains("window 4096 in 13 layers"));
        assert!(summary("matmul-free-lm-370m").contains("recurrence"));
    }

    #[test]
    fn numbers_have_three_digits() {
        for (number, shown) in [
            (0, "0"),
            (999, "999"),
            (1000, "1.00 k"),
            (999_499, "999 k"),
            (999_500, "1.00 M"),
            (6_738_415_616, "6.74 G"),
            (99_960_000, "100 M"),
            (u64::MAX, "18.4 E"),
        ] {
            assert_eq!(scaled(number), shown);
        }
    }
}
