//! Which layers see the whole context, and which rotate.

use config::FieldError;

use super::Config;
use crate::model::Model;

/// Whether a layer sees the whole context.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sees {
    All,
    Window,
}

/// Sets the window of attention, and the layers that it does not hold for.
pub(super) fn mask(config: &Config<'_, '_>, model: &mut Model) -> Result<(), FieldError> {
    let (own, family) = (config.own, config.family.family.as_str());
    let is_read = |key: &str| super::keys::is_read_by(key, family);
    if !is_read("sliding_window") {
        return Ok(());
    }
    let default = match own.is_null("sliding_window") {
        true => None,
        false => config.family.window,
    };
    let window = own.number("sliding_window")?.or(default);
    let in_force = !is_read("use_sliding_window") || own.flag("use_sliding_window")? == Some(true);
    model.sliding_window = window.filter(|_| in_force);
    if model.sliding_window.is_none() {
        return Ok(());
    }
    if is_read("layer_types")
        && let Some(sees) = layer_types(config, model.layers)?
    {
        (model.global_every, model.global_layers) = periodic(&sees);
        return Ok(());
    }
    match family {
        "gemma2" | "gemma3" | "gemma3_text" => {
            let older = own.number("sliding_window_pattern")?;
            let newer = own.number("_sliding_window_pattern")?;
            model.global_every = older.or(newer).or(config.family.global_every);
        }
        "qwen2" | "qwen3" => {
            let global = own.number("max_window_layers")?.unwrap_or(28);
            model.global_layers = (0..global.min(model.layers)).collect();
        }
        // Of SmolLM3, the layers that rotate see the whole context.
        "smollm3" => {
            let unrotated = unrotated(config, model.layers)?;
            let rotates = |layer: &u64| unrotated.binary_search(layer).is_err();
            model.global_layers = (0..model.layers).filter(rotates).collect();
        }
        _ => {}
    }
    Ok(())
}

/// Sets the layers that do not rotate queries and keys.
pub(super) fn rotation(config: &Config<'_, '_>, model: &mut Model) -> Result<(), FieldError> {
    if config.family.family == "smollm3" {
        model.unrotated_layers = unrotated(config, model.layers)?;
    }
    Ok(())
}

/// The layers of SmolLM3 that do not rotate: those that `no_rope_layers` has a zero for, or every
/// n-th.
fn unrotated(config: &Config<'_, '_>, layers: u64) -> Result<Vec<u64>, FieldError> {
    let own = config.own;
    let what = "a list with 1 for each layer that rotates and 0 for all others";
    if let Some(rotates) = own.list::<u64>("no_rope_layers", what)? {
        check_length(config, "no_rope_layers", rotates.len(), layers)?;
        let zeros = (0..).zip(rotates).filter(|(_, rotates)| *rotates == 0);
        return Ok(zeros.map(|(layer, _)| layer).collect());
    }
    let every = own.number("no_rope_layer_interval")?.unwrap_or(4);
    let is_last = |layer: &u64| every > 0 && (layer + 1).is_multiple_of(every);
    Ok((0..layers).filter(is_last).collect())
}

/// What each layer sees, as `layer_types` says.
fn layer_types(config: &Config<'_, '_>, layers: u64) -> Result<Option<Vec<Sees>>, FieldError> {
    let own = config.own;
    let Some(names) = own.list::<String>("layer_types", "a list of names")? else {
        return Ok(None);
    };
    check_length(config, "layer_types", names.len(), layers)?;
    let sees = names.iter().map(|name| match name.as_str() {
        "full_attention" => Ok(Sees::All),
        "sliding_attention" => Ok(Sees::Window),
        other => Err(own
            .error_of("layer_types", format!("a layer of `{other}`"))
            .help("full_attention or sliding_attention: other mixers are not modelled")),
    });
    sees.collect::<Result<_, _>>().map(Some)
}

fn check_length(
    config: &Config<'_, '_>,
    key: &str,
    length: usize,
    layers: u64,
) -> Result<(), FieldError> {
    if length as u64 == layers {
        return Ok(());
    }
    let message = format!("{length} entries for {layers} layers");
    let help = "give one for each layer: num_hidden_layers";
    Err(config.own.error_of(key, message).help(help))
}

/// Every n-th layer, if the layers that see the whole context are just these; else their list.
fn periodic(sees: &[Sees]) -> (Option<u64>, Vec<u64>) {
    let all: Vec<u64> = (0..)
        .zip(sees)
        .filter(|(_, sees)| **sees == Sees::All)
        .map(|(layer, _)| layer)
        .collect();
    let Some(first) = all.first() else {
        return (None, all);
    };
    let every = first + 1;
    let expected = (0..sees.len() as u64).filter(|layer| (layer + 1).is_multiple_of(every));
    if expected.eq(all.iter().copied()) {
        (Some(every), Vec::new())
    } else {
        (None, all)
    }
}
