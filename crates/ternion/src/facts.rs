//! What a report wants to know of a machine and its run.

use accelerator::{ChannelOutcome, Machine, Outcome};
use attribution::Summary;
use explore::machines::{self, Counted};
use report::{
    ArrayFacts, ChannelCycles, DramFacts, EnergyFacts, KeptFacts, LinkFacts, ModelFacts, Run,
    ScratchpadFacts, SerialFacts, SystemFacts, WeightFacts,
};
use serde_json::json;
use tile_program::{LinkId, ScratchpadId};
use workload_compiler::{CompiledProgram, Format, Workload};

/// All that a report of a run is made of.
pub(crate) fn facts(
    machine: &Machine,
    name: String,
    program: &CompiledProgram,
    outcome: &Outcome,
    summary: Summary,
    gemms: u64,
    energy: Option<EnergyFacts>,
) -> Run {
    let (workload, kept) = (program.workload(), program.kept());
    let spec = machine.spec();
    let platform = machine.platform();
    let arrays = platform.cores.iter().flat_map(|core| {
        let specs = &machine.core_spec(core).arrays;
        core.arrays.iter().zip(specs)
    });
    Run {
        machine: spec.name.clone(),
        workload: name,
        model: model(workload),
        clock: spec.clock,
        tokens: workload.tokens_made(),
        weights: weights(workload.precision.projection),
        arrays: arrays
            .map(|(target, array)| ArrayFacts {
                unit: target.unit,
                rows: target.rows,
                columns: target.columns,
                element: array.kind.name.to_string(),
                dataflow: format!("{:?}", array.array.dataflow),
                convention: format!("{:?}", array.array.timing),
                peak_macs_per_cycle: array.peak_macs_per_cycle(spec.clock),
            })
            .collect(),
        dram: memory(machine, outcome),
        kept_weights: KeptFacts {
            matrices: kept.matrices,
            bytes: kept.bytes,
            warm: kept.warm,
        },
        system: SystemFacts {
            chips: u64::from(spec.chips),
            cores_per_chip: 1 + spec.other_cores.len() as u64,
            replicas: platform.replicas,
            links: links(machine, outcome),
        },
        port_bytes_per_cycle: machine.port_bytes_per_cycle(),
        scratchpads: platform
            .cores
            .iter()
            .zip(&outcome.scratchpads)
            .flat_map(|(core, pads)| {
                let named = |id: ScratchpadId| format!("{}{}", core.prefix, id.name());
                ScratchpadId::ALL.map(named).into_iter().zip(pads)
            })
            .map(|(name, pad)| ScratchpadFacts {
                name,
                capacity: pad.capacity,
                peak: pad.peak,
                filled: pad.filled,
                drained: pad.drained,
                read: pad.read,
                written: pad.written,
            })
            .collect(),
        serial: serial(machine, program, &summary, gemms),
        energy,
        config: json!({ "machine": spec, "workload": workload }),
        summary,
    }
}

/// What reports tell of the model that a workload runs.
pub(crate) fn model(workload: &Workload) -> ModelFacts {
    let warnings = workload.warnings.iter();
    ModelFacts {
        name: workload.model.name.clone(),
        parameters: workload.model.parameters(),
        shape: workload.model.summary(),
        formats: workload.precision.to_string(),
        warnings: warnings.map(|warning| warning.message.clone()).collect(),
    }
}

/// The weights of the projections.
fn weights(format: Format) -> WeightFacts {
    WeightFacts {
        format: format.to_string(),
        tenths_of_a_bit: format.packed().tenths(),
        are_matmul_free: format.is_matmul_free(),
    }
}

/// Work outside the machine; each matrix product counts as started by itself.
fn serial(
    machine: &Machine,
    program: &CompiledProgram,
    summary: &Summary,
    gemms: u64,
) -> Vec<SerialFacts> {
    let workload = program.workload();
    let counted = Counted {
        tokens: workload.tokens_made().unwrap_or(0),
        layers: workload.model.layers.saturating_mul(summary.passes),
        gemms,
        kernels: gemms,
    };
    let terms = machines::serial(machine.spec(), counted).into_iter();
    let facts = terms.map(|term| SerialFacts {
        what: term.what,
        times: term.times,
        seconds: term.seconds,
    });
    facts.collect()
}

/// What the links did that any data passed.
fn links(machine: &Machine, outcome: &Outcome) -> Vec<LinkFacts> {
    let network = &machine.platform().network;
    let busy = (0..).map(LinkId).zip(&outcome.links);
    busy.filter(|(_, cycles)| !cycles.is_zero())
        .map(|(link, cycles)| {
            let (from, to) = network.ends(link);
            LinkFacts {
                from,
                to,
                busy_cycles: cycles.get(),
            }
        })
        .collect()
}

/// What all channels of the memories of all simulated chips did together.
fn memory(machine: &Machine, outcome: &Outcome) -> DramFacts {
    let memory = machine.memory();
    let chips = outcome.channels.len() as u64 / memory.channels();
    let mut facts = DramFacts {
        name: memory.device().map_or("ideal".into(), |device| {
            format!("{} x{}", device.preset.name, device.channels * chips)
        }),
        channels: memory.channels() * chips,
        clock_hz: memory.frequency().as_hertz_f64(),
        // Unlimited bandwidth is infinite, and is written as null.
        peak_bytes_per_second: memory
            .peak_bytes_per_second()
            .map_or(f64::INFINITY, |peak| peak * chips as f64),
        ..DramFacts::default()
    };
    let seconds = machine.spec().clock.seconds_f64(outcome.total);
    let energy = memory.device().zip(memory.energy());
    for ChannelOutcome {
        counters: channel,
        cycles,
    } in &outcome.channels
    {
        facts.channel_cycles.push(ChannelCycles {
            bandwidth: cycles.bandwidth.get(),
            row_conflict: cycles.row_conflict.get(),
            refresh: cycles.refresh.get(),
            turnaround: cycles.turnaround.get(),
            latency: cycles.latency.get(),
            idle: cycles.idle.get(),
        });
        facts.channel_bus_bytes.push(channel.bytes);
        facts.reads += channel.reads;
        facts.writes += channel.writes;
        facts.bus_bytes += channel.bytes;
        facts.activates += channel.activates;
        facts.precharges += channel.precharges + channel.precharges_all;
        facts.refreshes += channel.refreshes + channel.bank_refreshes;
        facts.row_hits += channel.row_hits;
        facts.row_misses += channel.row_misses;
        if let Some((device, table)) = &energy {
            let spent = table.energy(&device.preset, channel, seconds).total_pj();
            *facts.energy_pj.get_or_insert(0.0) += spent;
        }
    }
    facts
}
