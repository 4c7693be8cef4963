//! From an array as written to an array that makes sense.

use config::FieldError;
use event_kernel::Frequency;
use pe_array::{ArrayConfig, ArrayModel};
use tile_program::Family;

use super::file::ArrayFile;
use super::resolve::frequency;
use super::spec::ArraySpec;

/// Units are numbered in 16 bits, and no machine comes near.
const MOST_ARRAYS: usize = 1 << 10;

/// Names that other units of a machine have.
const TAKEN: [&str; 4] = ["vector", "load", "store", "dram"];

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
    if TAKEN.contains(&name) {
        return Err(
            FieldError::new("name", format!("`{name}` is the name of another unit"))
                .help("choose another name"),
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
        rows: array.rows,
        columns: array.columns,
        element: array.element,
        dataflow: array.dataflow,
        timing: array.timing,
        initiation_interval: array.initiation_interval,
        latency: array.latency,
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
        array: config,
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
