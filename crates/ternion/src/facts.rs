//! What a report wants to know of a machine and its run.

use accelerator::{ArraySpec, ChannelOutcome, Machine, Outcome};
use attribution::Summary;
use explore::machines::{self, Counted};
use report::{
    ArrayFacts, ChannelCycles, DramFacts, EnergyFacts, KeptFacts, Run, ScratchpadFacts, SerialFacts,
};
use serde_json::json;
use tile_program::ScratchpadId;
use workload_compiler::CompiledProgram;

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
    let arrays = machine.target().arrays.iter().zip(&spec.arrays);
    Run {
        machine: spec.name.clone(),
        workload: name,
        clock: spec.clock,
        tokens: workload.tokens(),
        arrays: arrays
            .map(|(target, array)| ArrayFacts {
                unit: target.unit,
                rows: target.rows,
                columns: target.columns,
                element: array.kind.name.to_string(),
                dataflow: format!("{:?}", array.array.dataflow),
                convention: format!("{:?}", array.array.timing),
                peak_macs_per_cycle: peak_macs_per_cycle(machine, array),
            })
            .collect(),
        dram: memory(machine, outcome),
        kept_weights: KeptFacts {
            matrices: kept.matrices,
            bytes: kept.bytes,
            warm: kept.warm,
        },
        scratchpads: ScratchpadId::ALL
            .into_iter()
            .zip(&outcome.scratchpads)
            .map(|(id, pad)| ScratchpadFacts {
                name: id.name().to_string(),
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

/// Work outside the machine; each matrix product counts as started by itself.
fn serial(
    machine: &Machine,
    program: &CompiledProgram,
    summary: &Summary,
    gemms: u64,
) -> Vec<SerialFacts> {
    let workload = program.workload();
    let counted = Counted {
        tokens: workload.tokens(),
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

fn peak_macs_per_cycle(machine: &Machine, array: &ArraySpec) -> f64 {
    // A lookup PE takes a group of products in a step.
    let pes = (array.array.rows * array.array.columns * array.kind.group) as f64;
    let clocks = array.clock.as_hertz_f64() / machine.spec().clock.as_hertz_f64();
    pes * clocks / array.kind.initiation_interval as f64
}

/// What all channels of the memory did together.
fn memory(machine: &Machine, outcome: &Outcome) -> DramFacts {
    let memory = machine.memory();
    let mut facts = DramFacts {
        name: memory.device().map_or("ideal".into(), |device| {
            format!("{} x{}", device.preset.name, device.channels)
        }),
        channels: memory.channels(),
        clock_hz: memory.frequency().as_hertz_f64(),
        // Unlimited bandwidth is infinite, and is written as null.
        peak_bytes_per_second: memory.peak_bytes_per_second().unwrap_or(f64::INFINITY),
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
