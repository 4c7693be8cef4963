//! From a machine file as written to a machine that makes sense.

use config::{Bandwidth, Clock, FieldError, Or, Size, Time, Unlimited};
use dram::{IdealConfig, Memory, MemoryConfig};
use event_kernel::Timeline;
use quantities::{Bytes, Cycles, Frequency};

use super::file::{
    DmaFile, Free, IdealFile, MachineFile, MemoryFile, ScratchpadFile, ScratchpadsFile, VectorFile,
};
use super::spec::{
    ArraySpec, CoreSpec, DmaSpec, MachineSpec, ScratchpadSpec, VectorLanes, VectorSpec,
};
use super::{chips, serial};

/// The largest scratchpad: 1 TiB.
const LARGEST: Bytes = Bytes(1 << 40);
/// The largest port or request: 1 MiB.
const WIDEST: Bytes = Bytes(1 << 20);

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
    let mut cores = chips::cores(file, clock)?;
    let arrays: Vec<_> = cores.iter().flat_map(|core| core.arrays.clone()).collect();
    let memory = memory(&file.memory, clock, &arrays).map_err(|error| error.inside("memory"))?;
    check_requests(file, &memory, clock)?;
    let (chips, joined) = chips::joined(file, cores.len())?;
    let CoreSpec {
        arrays,
        vector,
        scratchpads,
        dma,
    } = cores.remove(0);
    Ok(MachineSpec {
        name: file.name.clone(),
        description: file.description.clone(),
        technology: file.technology.clone(),
        clock,
        arrays,
        vector,
        scratchpads,
        dma,
        memory,
        serial: serial::resolve(&file.serial)?,
        link: file.link.as_ref().map(serial::link).transpose()?,
        other_cores: cores,
        chips,
        joined,
    })
}

pub(super) fn vector_of(file: &Or<Free, VectorFile>) -> Result<VectorSpec, FieldError> {
    Ok(match file.value() {
        Some(lanes) => VectorSpec::Lanes(vector(lanes).map_err(|error| error.inside("vector"))?),
        None => VectorSpec::Free,
    })
}

pub(super) fn scratchpads_of(
    file: &ScratchpadsFile,
) -> Result<[Option<ScratchpadSpec>; 3], FieldError> {
    Ok([
        limited("activations", &file.activations)?,
        limited("weights", &file.weights)?,
        limited("outputs", &file.outputs)?,
    ])
}

pub(super) fn dma_of(file: &DmaFile) -> Result<DmaSpec, FieldError> {
    dma(file).map_err(|error| error.inside("dma"))
}

/// A clock within reason; the error stands at `clock`.
pub(super) fn frequency(clock: Clock) -> Result<Frequency, FieldError> {
    let frequency = clock.frequency().map_err(|error| error.inside("clock"))?;
    let hertz = frequency.as_hertz_f64();
    if (1e6..=1e11).contains(&hertz) {
        return Ok(frequency);
    }
    Err(FieldError::new("clock", format!("a clock of {clock}")).help("from MHz(1) to GHz(100)"))
}

fn bytes_within(field: &str, size: Size, most: Bytes) -> Result<Bytes, FieldError> {
    let range = format!("a whole number of bytes from 1 B to {most}");
    let bytes = size
        .bytes()
        .map_err(|error| error.help(&range).inside(field))?;
    if bytes == Bytes::ZERO || bytes > most {
        return Err(FieldError::new(field, format!("{size} is {bytes}")).help(range));
    }
    Ok(bytes)
}

fn vector(file: &VectorFile) -> Result<VectorLanes, FieldError> {
    Ok(VectorLanes {
        lanes: file.lanes.get(),
        operations_per_lane_per_cycle: file.operations_per_lane_per_cycle.get(),
        startup_cycles: Cycles(file.startup_cycles.get()),
        costs: file
            .costs
            .resolve()
            .map_err(|error| error.inside("costs"))?,
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

/// A size of hardware that counts in powers of two; the error names those beside it.
fn power_of_two(field: &str, size: Size) -> Result<Bytes, FieldError> {
    let bytes = bytes_within(field, size, WIDEST)?;
    if bytes.get().is_power_of_two() {
        return Ok(bytes);
    }
    let above = bytes.get().next_power_of_two();
    let below = above / 2;
    Err(FieldError::new(field, format!("{size} is no power of two"))
        .help(format!("Bytes({below}) or Bytes({above})")))
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

/// A bandwidth within reason; the error stands at `bandwidth`.
pub(super) fn bandwidth_within(bandwidth: Bandwidth) -> Result<u64, FieldError> {
    let range = "a whole number of bytes a second from MBps(1) to TBps(1000)";
    let rate = bandwidth
        .bytes_per_second()
        .map_err(|error| error.help(range).inside("bandwidth"))?;
    if (1_000_000..=1_000_000_000_000_000).contains(&rate) {
        return Ok(rate);
    }
    Err(FieldError::new("bandwidth", format!("a bandwidth of {bandwidth}")).help(range))
}

/// A latency within reason, in picoseconds; the error stands at `latency`.
pub(super) fn latency_within(latency: Time) -> Result<u64, FieldError> {
    let range = "a whole number of picoseconds, at most Ms(1)";
    let picoseconds = latency
        .picoseconds()
        .map_err(|error| error.help(range).inside("latency"))?;
    if picoseconds <= 1_000_000_000 {
        return Ok(picoseconds);
    }
    Err(FieldError::new("latency", format!("a latency of {latency}")).help(range))
}
