//! From a core as written to a core that makes sense.

use config::{FieldError, Or, Unlimited};
use quantities::{Bytes, Cycles, Frequency};
use vec1::Vec1;

use super::file::{
    CoreFile, DmaFile, Free, MOST_CORES, MachineFile, ScratchpadFile, ScratchpadsFile, VectorFile,
};
use super::ranges::{WIDEST, bytes_within, power_of_two};
use super::spec::{CoreSpec, DmaSpec, ScratchpadSpec, VectorLanes, VectorSpec};
use super::{array, vector};

/// The largest scratchpad: 1 TiB.
const LARGEST: Bytes = Bytes(1 << 40);

/// Checks the cores of a chip, of which there must be one at least.
pub(super) fn resolve_all(
    file: &MachineFile,
    clock: Frequency,
) -> Result<Vec1<CoreSpec>, FieldError> {
    let mut cores = Vec::new();
    for (index, core) in file.cores.iter().enumerate() {
        let inside = |error: FieldError| error.inside(format_args!("cores[{index}]"));
        let all = cores.len() as u64 + core.count.get();
        if all > MOST_CORES {
            return Err(FieldError::new("cores", format!("{all} cores"))
                .help(format!("at most {MOST_CORES} in all")));
        }
        let spec = resolve_core(file, core, clock, &inside)?;
        cores.extend((0..core.count.get()).map(|_| spec.clone()));
    }
    Vec1::try_from_vec(cores)
        .map_err(|_| FieldError::new("cores", "no cores").help("[(count: 1)], or leave it out"))
}

/// A core: what it does not say is the machine's, and errors there stand at the machine's fields.
fn resolve_core(
    file: &MachineFile,
    core: &CoreFile,
    clock: Frequency,
    inside: &dyn Fn(FieldError) -> FieldError,
) -> Result<CoreSpec, FieldError> {
    Ok(CoreSpec {
        arrays: match &core.arrays {
            Some(arrays) => array::resolve_all(arrays, clock).map_err(inside)?,
            None => array::resolve_all(&file.arrays, clock)?,
        },
        vector: match &core.vector {
            Some(vector) => vector_of(vector).map_err(inside)?,
            None => vector_of(&file.vector)?,
        },
        scratchpads: match &core.scratchpads {
            Some(pads) => scratchpads_of(pads).map_err(inside)?,
            None => scratchpads_of(&file.scratchpads)?,
        },
        dma: match &core.dma {
            Some(dma) => dma_of(dma).map_err(inside)?,
            None => dma_of(&file.dma)?,
        },
    })
}

fn vector_of(file: &Or<Free, VectorFile>) -> Result<VectorSpec, FieldError> {
    Ok(match file.value() {
        Some(lanes) => VectorSpec::Lanes(lanes_of(lanes).map_err(|error| error.inside("vector"))?),
        None => VectorSpec::Free,
    })
}

fn scratchpads_of(file: &ScratchpadsFile) -> Result<[Option<ScratchpadSpec>; 3], FieldError> {
    Ok([
        limited("activations", &file.activations)?,
        limited("weights", &file.weights)?,
        limited("outputs", &file.outputs)?,
    ])
}

/// A DMA; the error stands inside `dma`.
pub(super) fn dma_of(file: &DmaFile) -> Result<DmaSpec, FieldError> {
    dma(file).map_err(|error| error.inside("dma"))
}

fn lanes_of(file: &VectorFile) -> Result<VectorLanes, FieldError> {
    Ok(VectorLanes {
        lanes: file.lanes.get(),
        operations_per_lane_per_cycle: file.operations_per_lane_per_cycle.get(),
        startup_cycles: Cycles(file.startup_cycles.get()),
        costs: vector::costs(&file.costs).map_err(|error| error.inside("costs"))?,
    })
}

fn limited(
    name: &str,
    file: &Or<Unlimited, ScratchpadFile>,
) -> Result<Option<ScratchpadSpec>, FieldError> {
    file.value()
        .map(scratchpad)
        .transpose()
        .map_err(|error| error.inside(name).inside("scratchpads"))
}

fn scratchpad(file: &ScratchpadFile) -> Result<ScratchpadSpec, FieldError> {
    let capacity = bytes_within("capacity", file.capacity, LARGEST)?;
    let banks = file.banks.get();
    let port = bytes_within("port", file.port, WIDEST)?;
    let line = Bytes(banks * port.get());
    if capacity < line {
        return Err(FieldError::new(
            "capacity",
            format!(
                "{} is less than one line of {banks} banks, {line}",
                file.capacity
            ),
        )
        .help("a larger capacity, fewer banks or narrower ports"));
    }
    if !capacity.get().is_multiple_of(banks) {
        return Err(FieldError::new(
            "banks",
            format!("{} cannot be split in {banks} equal banks", file.capacity),
        )
        .help("a number of banks that divides the capacity"));
    }
    Ok(ScratchpadSpec {
        capacity,
        banks,
        port,
    })
}

fn dma(file: &DmaFile) -> Result<DmaSpec, FieldError> {
    let port = file.port.value();
    Ok(DmaSpec {
        ports: file.ports.get(),
        port: port.map(|&port| power_of_two("port", port)).transpose()?,
        requests_in_flight: file.requests_in_flight.get(),
        request: power_of_two("request", file.request)?,
    })
}
