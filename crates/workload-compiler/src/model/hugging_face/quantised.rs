//! Weights that are stored quantised, by whatever tool.

use config::FieldError;

use super::Config;
use super::text::{Object, cut};

/// How the weights of a file are stored, if it says.
pub(super) enum Quantised {
    /// Ternary, as BitNet's own code stores them.
    BitNet,
    /// Ternary, by the code of 1bitLLM, whose blocks have further norms.
    OneBitLlm,
    /// In a way that the workload must say.
    Otherwise(FieldError),
}

impl Quantised {
    pub(super) const fn is_ternary(&self) -> bool {
        matches!(self, Self::BitNet | Self::OneBitLlm)
    }

    pub(super) const fn is_one_bit_llm(&self) -> bool {
        matches!(self, Self::OneBitLlm)
    }

    pub(super) fn into_error(self) -> Option<FieldError> {
        match self {
            Self::Otherwise(error) => Some(error),
            Self::BitNet | Self::OneBitLlm => None,
        }
    }
}

/// What the file says about its weights.
pub(super) fn read(config: &Config<'_, '_>) -> Result<Option<Quantised>, FieldError> {
    let own = config.own;
    if let Some(bits) = own.number("weight_bits")?.filter(|bits| *bits < 16) {
        let inputs = own.number("input_bits")?;
        if bits == 1 && inputs.is_none_or(|bits| bits == 8) {
            return Ok(Some(Quantised::OneBitLlm));
        }
        return Ok(Some(otherwise(own, "weight_bits", "its own code", bits)));
    }
    for object in [Some(own), config.outer].into_iter().flatten() {
        if let Some(stored) = object.object("quantization_config")? {
            return stored_as(object, &stored).map(Some);
        }
    }
    Ok(None)
}

fn stored_as(object: &Object<'_>, stored: &Object<'_>) -> Result<Quantised, FieldError> {
    let method = stored.word("quant_method")?;
    let method = method.as_deref().unwrap_or("a method without a name");
    if method == "bitnet" {
        return Ok(Quantised::BitNet);
    }
    let mut bits = None;
    for key in ["bits", "w_bit", "weight_bits"] {
        bits = bits.or(stored.number(key)?);
    }
    for (key, width) in [("load_in_4bit", 4), ("load_in_8bit", 8)] {
        if stored.flag(key)? == Some(true) {
            bits = bits.or(Some(width));
        }
    }
    let bits = match (bits, method) {
        (Some(bits), _) => bits,
        (None, "mxfp4" | "fp4" | "awq" | "gptq" | "nvfp4") => 4,
        (None, _) => 8,
    };
    Ok(otherwise(object, "quantization_config", &cut(method), bits))
}

fn otherwise(object: &Object<'_>, key: &str, method: &str, bits: u64) -> Quantised {
    let format = match bits {
        0..=1 => "Binary",
        2 => "Ternary(packing: TwoBits)",
        3..=4 => "Int4",
        5..=8 => "Int8",
        _ => "Bf16",
    };
    let message = format!("the weights are stored by {method} in {bits} bits");
    Quantised::Otherwise(object.error_of(key, message).help(format!(
        "say what is to be run in the workload: `precision: (projection: {format})`; scales and zero points are \
         not counted"
    )))
}
