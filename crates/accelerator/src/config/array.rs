//! From an array as written to an array that makes sense.

use config::{FieldError, Whole, among};
use pe_array::{ArrayConfig, ArrayModel};
use quantities::Frequency;
use tile_program::{Family, Packed, Target};

use super::file::{ArrayFile, UnpackFile};
use super::ranges::frequency;
use super::spec::{ArraySpec, UnpackSpec};

/// Units are numbered in 16 bits, and no machine comes near.
const MOST_ARRAYS: usize = 1 << 10;

/// Checks all arrays of a machine; paths begin at the machine (`arrays[0].rows`).
pub(super) fn resolve_all(
    arrays: &[ArrayFile],
    machine_clock: Frequency,
) -> Result<Vec<ArraySpec>, FieldError> {
    if arrays.is_empty() || arrays.len() > MOST_ARRAYS {
        return Err(
            FieldError::new("arrays", format!("{} arrays", arrays.len()))
                .help(format!("a machine has from 1 to {MOST_ARRAYS}")),
        );
    }
    arrays
        .iter()
        .enumerate()
        .map(|(index, array)| {
            check_name(array, &arrays[..index])
                .and_then(|()| resolve(array, machine_clock))
                .map_err(|error| error.inside(format_args!("arrays[{index}]")))
        })
        .collect()
}

fn check_name(array: &ArrayFile, before: &[ArrayFile]) -> Result<(), FieldError> {
    let name = array.name.as_str();
    if name.trim().is_empty() {
        return Err(FieldError::new("name", "an array without a name")
            .help("reports and traces call it by its name"));
    }
    if Target::FIXED_NAMES.contains(&name) {
        return Err(
            FieldError::new("name", format!("`{name}` is the name of another unit"))
                .help(format!("any name but {}", among(&Target::FIXED_NAMES))),
        );
    }
    if before.iter().any(|other| other.name == name) {
        return Err(
            FieldError::new("name", format!("two arrays are called `{name}`"))
                .help("give each its own name"),
        );
    }
    Ok(())
}

fn resolve(array: &ArrayFile, machine_clock: Frequency) -> Result<ArraySpec, FieldError> {
    let config = ArrayConfig {
        rows: array.rows.get(),
        columns: array.columns.get(),
        element: array.element,
        dataflow: array.dataflow,
        timing: array.timing,
        initiation_interval: array.initiation_interval.map(Whole::get),
        latency: array.latency.map(Whole::get),
    };
    let clock = match array.clock {
        Some(clock) => frequency(clock)?,
        None => machine_clock,
    };
    Ok(ArraySpec {
        name: array.name.clone(),
        clock,
        serves: serves(&array.serves)?,
        kind: ArrayModel::new(&config)?.with_tiles(array.tiles)?.kind(),
        tiles: array.tiles,
        unpack: unpack(array.unpack.value()).map_err(|error| error.inside("unpack"))?,
        array: config,
    })
}

fn unpack(file: Option<&UnpackFile>) -> Result<UnpackSpec, FieldError> {
    let Some(file) = file else {
        return Ok(UnpackSpec {
            weights_per_cycle: None,
            formats: Packed::ALL.to_vec(),
        });
    };
    for (index, format) in file.formats.iter().enumerate() {
        if file.formats[..index].contains(format) {
            let message = format!("{format} is named twice");
            return Err(FieldError::new(format!("formats[{index}]"), message).help("name it once"));
        }
    }
    Ok(UnpackSpec {
        weights_per_cycle: u32::try_from(file.weights_per_cycle.get()).ok(),
        formats: file.formats.clone(),
    })
}

fn serves(families: &[Family]) -> Result<Vec<Family>, FieldError> {
    if families.is_empty() {
        return Err(
            FieldError::new("serves", "an array that serves no operators")
                .help("any of Projection, Attention, LmHead; or leave the array out"),
        );
    }
    for (index, family) in families.iter().enumerate() {
        if families[..index].contains(family) {
            return Err(FieldError::new(
                format!("serves[{index}]"),
                format!("{family} is named twice"),
            )
            .help("name it once"));
        }
    }
    Ok(families.to_vec())
}
