//! From a machine file as written to a machine that makes sense.

use config::FieldError;
use dram::{IdealConfig, Memory, MemoryConfig};
use event_kernel::Timeline;
use quantities::{Bytes, Frequency};

use super::cores::{self, dma_of};
use super::file::{DmaFile, IdealFile, MachineFile, MemoryFile};
use super::ranges::{bandwidth_within, bytes_within, frequency, latency_within, power_of_two};
use super::spec::{ArraySpec, MachineSpec};
use super::{chips, serial};

/// Checks a machine file.
///
/// # Errors
/// At the field that cannot stand, with what would be right.
pub fn resolve(file: &MachineFile) -> Result<MachineSpec, FieldError> {
    if file.name.trim().is_empty() {
        return Err(
            FieldError::new("name", "a machine without a name").help("reports call it by its name")
        );
    }
    let clock = frequency(file.clock)?;
    let cores = cores::resolve_all(file, clock)?;
    let arrays: Vec<_> = cores.iter().flat_map(|core| core.arrays.clone()).collect();
    let memory = memory(&file.memory, clock, &arrays).map_err(|error| error.inside("memory"))?;
    check_requests(file, &memory, clock)?;
    let (chips, joined) = chips::joined(file, cores.len())?;
    Ok(MachineSpec {
        name: file.name.clone(),
        description: file.description.clone(),
        technology: file.technology.clone(),
        clock,
        cores,
        memory,
        serial: serial::resolve(&file.serial)?,
        link: file.link.as_ref().map(serial::link).transpose()?,
        chips,
        joined,
    })
}

/// No request is smaller than what the memory moves at once: it would be moved several times.
fn check_requests(
    file: &MachineFile,
    memory: &MemoryConfig,
    clock: Frequency,
) -> Result<(), FieldError> {
    let memory = Memory::new(memory, clock).map_err(|error| error.inside("memory"))?;
    let access = memory.access_bytes();
    let check = |dma: &DmaFile| -> Result<(), FieldError> {
        let request = dma_of(dma)?.request;
        if request.get() >= access {
            return Ok(());
        }
        let message = format!(
            "{} is less than the {access} bytes that the memory moves at once",
            dma.request
        );
        Err(FieldError::new("dma.request", message).help(format!("Bytes({access}) or more")))
    };
    check(&file.dma)?;
    for (index, core) in file.cores.iter().enumerate() {
        if let Some(dma) = &core.dma {
            check(dma).map_err(|error| error.inside(format_args!("cores[{index}]")))?;
        }
    }
    Ok(())
}

/// The memory; with it, all clocks of the machine are known, and must fit one time line.
fn memory(
    file: &MemoryFile,
    clock: Frequency,
    arrays: &[ArraySpec],
) -> Result<MemoryConfig, FieldError> {
    let mut clocks = vec![clock];
    let config = match file {
        MemoryFile::Dram(config) => {
            clocks.push(Memory::dram(config)?.frequency());
            MemoryConfig::Dram(config.clone())
        }
        MemoryFile::Ideal(file) => MemoryConfig::Ideal(ideal(file)?),
    };
    clocks.extend(arrays.iter().map(|array| array.clock));
    Timeline::new(&clocks)
        .map_err(|error| FieldError::new("", error).help("MHz(500) rather than Hz(499999993)"))?;
    Ok(config)
}

fn ideal(file: &IdealFile) -> Result<IdealConfig, FieldError> {
    let bandwidth = match file.bandwidth.value() {
        None => dram::Bandwidth::Unlimited,
        Some(&bandwidth) => dram::Bandwidth::BytesPerSecond(bandwidth_within(bandwidth)?),
    };
    let unlimited = 1 << 50;
    let capacity_bytes = match file.capacity.value() {
        None => unlimited,
        Some(size) => bytes_within("capacity", *size, Bytes(unlimited))?.get(),
    };
    Ok(IdealConfig {
        bandwidth,
        latency_picoseconds: latency_within(file.latency)?,
        capacity_bytes,
        access_bytes: file
            .access
            .map(|size| power_of_two("access", size))
            .transpose()?
            .map(Bytes::get),
    })
}
