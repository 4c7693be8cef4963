//! What a run comes to: times, counts and energy, as they are printed and written.

use std::fmt::Write as _;

use serde::Serialize;

use crate::command_trace::Style;
use crate::config::ReplicaConfig;
use crate::driver::{ChannelStatistics, LatencyHistogram, RunStatistics};
use crate::protocol;
use crate::request::Request;
use dram::command::{Command, Issued};
use dram::energy::EnergyTable;
use dram::memory::{Channel, Memory};
use dram::preset;
use dram::{Counters, Direction, DramConfig};

use super::own::Latencies;

/// A run's results.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The name of the configuration that ran.
    pub config: String,
    /// Cycles (ticks) from the first to the end of the last data.
    pub cycles: u64,
    /// The time that these cycles take, in seconds.
    pub seconds: f64,
    /// The number of read requests that were served.
    pub reads: u64,
    /// The number of write requests that were served.
    pub writes: u64,
    /// The number of bytes moved over the data buses.
    pub bytes: u64,
    /// The bandwidth achieved, in 1e9 bytes a second.
    pub bandwidth_gbps: f64,
    /// The share of the time in which the data buses moved data.
    pub bus_utilisation: f64,
    /// Column commands that were not the first of their open row.
    pub row_hits: u64,
    /// Column commands that were the first of their open row.
    pub row_misses: u64,
    /// The number of activates, each of which opens a row.
    pub activates: u64,
    /// The number of precharges of single banks and of whole ranks.
    pub precharges: u64,
    /// The number of refreshes of all banks and of single ones.
    pub refreshes: u64,
    /// Read latencies from acceptance to the end of the data, in cycles.
    pub read_latency: Option<Latency>,
    /// Energy, where a source has figures.
    pub energy: Option<EnergySummary>,
}

/// A distribution of latencies in cycles.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// The mean latency, in memory clock cycles.
    pub mean: f64,
    /// The greatest latency, in memory clock cycles.
    pub max: u64,
    /// Counts by powers of two: those below the first number, not counted before.
    pub histogram: Vec<(u64, u64)>,
}

/// The energy of a run in picojoules, by what it was spent on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EnergySummary {
    /// Energy of opening and closing rows, in picojoules.
    pub activate_pj: f64,
    /// Energy of the bursts that were read, in picojoules.
    pub read_pj: f64,
    /// Energy of the bursts that were written, in picojoules.
    pub write_pj: f64,
    /// Energy of the refresh commands, in picojoules.
    pub refresh_pj: f64,
    /// Energy of the standby currents over the whole run, in picojoules.
    pub background_pj: f64,
    /// The sum of all these energies, in picojoules.
    pub total_pj: f64,
    /// The total energy for each bit moved, in picojoules.
    pub pj_per_bit: f64,
    /// How sure the figures are.
    pub mark: String,
    /// Where they come from.
    pub source: String,
}

/// A run's results, and its commands if they were kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The counts, times and energies of the run.
    pub summary: Summary,
    /// The commands of each channel.
    pub commands: Vec<Vec<Issued>>,
    style: Style,
    /// What the rules of the commands follow from, where a name alone does not say it.
    changed: Option<DramConfig>,
}

/// How the line of a command trace begins that holds the configuration in force.
pub(super) const CONFIGURATION: &str = "# dram=";

impl Outcome {
    /// The commands as a trace: channels one after the other, each under a line that names it.
    /// Where the configuration is not a shipped one, the first line holds it, so that the commands
    /// can be checked under the rules that they were given by.
    ///
    /// # Panics
    /// Never: a configuration is plain data.
    #[must_use]
    pub fn command_trace(&self) -> String {
        let mut text = String::new();
        if let Some(config) = &self.changed {
            let config = ron::to_string(config).expect("plain data has a text");
            let _ = writeln!(text, "{CONFIGURATION}{config}");
        }
        for (channel, commands) in self.commands.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# config={} channel={channel}", self.summary.config);
            let _ = writeln!(text, "{}", self.style.header());
            for issued in commands {
                text += &self.style.line(issued);
                text.push('\n');
            }
        }
        text
    }
}

/// What a memory is called: its preset, and whether that is changed.
pub(super) fn name_of(memory: &Memory) -> String {
    match memory.device() {
        None => "ideal".to_owned(),
        Some(device) if device.config.is_preset() => device.preset.name.clone(),
        Some(device) => format!("{}, changed", device.preset.name),
    }
}

fn latency(returned: u64, sum: u64, max: u64, counts: &LatencyHistogram) -> Option<Latency> {
    let last = counts.iter().rposition(|&count| count > 0)?;
    let below = counts[..=last].iter().enumerate();
    Some(Latency {
        mean: sum as f64 / returned as f64,
        max,
        histogram: below.map(|(power, &count)| (1 << power, count)).collect(),
    })
}

fn energy(
    table: Option<(EnergyTable, preset::Preset)>,
    counters: &Counters,
    channels: u64,
    seconds: f64,
) -> Option<EnergySummary> {
    let (table, preset) = table?;
    let energy = table.energy(&preset, counters, seconds * channels as f64);
    Some(EnergySummary {
        activate_pj: energy.activate_pj,
        read_pj: energy.read_pj,
        write_pj: energy.write_pj,
        refresh_pj: energy.refresh_pj,
        background_pj: energy.background_pj,
        total_pj: energy.total_pj(),
        pj_per_bit: energy.total_pj() / (counters.bytes * 8) as f64,
        mark: table.mark,
        source: table.source,
    })
}

/// The read latencies of all channels of a replica.
fn latency_of_replica(result: &RunStatistics) -> Option<Latency> {
    let mut histogram = [0; 32];
    for channel in &result.channels {
        for (total, count) in histogram.iter_mut().zip(channel.latencies) {
            *total += count;
        }
    }
    let channels = result.channels.iter();
    latency(
        result.sum(|channel| channel.reads_returned),
        result.sum(|channel| channel.latency_sum),
        channels
            .map(|channel| channel.latency_max)
            .max()
            .unwrap_or(0),
        &histogram,
    )
}

pub(super) fn outcome_of_replica(config: &ReplicaConfig, result: RunStatistics) -> Outcome {
    let sum = |command| result.sum(|channel| channel.count(command));
    let columns = result.column_commands();
    let misses = result.sum(|channel| channel.row_misses);
    let seconds = result.cycles as f64 * result.tick_ps * 1e-12;
    let counters = Counters {
        reads: result.sum(ChannelStatistics::reads),
        writes: result.sum(ChannelStatistics::writes),
        bytes: columns * result.request_bytes,
        activates: sum(Command::Activate),
        refreshes: sum(Command::RefreshAll),
        ..Counters::default()
    };
    let summary = Summary {
        config: config.name.clone(),
        cycles: result.cycles,
        seconds,
        reads: result.reads,
        writes: result.writes,
        bytes: counters.bytes,
        bandwidth_gbps: result.bandwidth_gbps(),
        bus_utilisation: result.bus_utilisation(),
        row_hits: columns - misses,
        row_misses: misses,
        activates: counters.activates,
        precharges: sum(Command::Precharge) + sum(Command::PrechargeAll),
        refreshes: counters.refreshes,
        read_latency: latency_of_replica(&result),
        energy: energy(
            protocol::energy_table(config),
            &counters,
            result.channels.len() as u64,
            seconds,
        ),
    };
    Outcome {
        summary,
        changed: None,
        style: Style {
            pseudo_channels: result.pseudo_channels > 1,
            two_step_activate: sum(Command::Activate2) > 0,
        },
        commands: result.commands,
    }
}

pub(super) fn outcome_of_own(
    memory: &Memory,
    requests: &[Request],
    mut channels: Vec<Channel>,
    latencies: &Latencies,
) -> Outcome {
    let mut total = Counters::default();
    for channel in &channels {
        total.add(&channel.counters());
    }
    let seconds = latencies.end as f64 / memory.frequency().as_hertz_f64();
    let writes = requests
        .iter()
        .filter(|request| request.direction == Direction::Write)
        .count() as u64;
    let table = memory
        .energy()
        .zip(memory.device().map(|device| device.preset.clone()));
    let changed = memory.device().map(|device| &device.config);
    let two_step = memory
        .device()
        .is_some_and(|device| device.standard.data_clock_stops);
    let summary = Summary {
        config: name_of(memory),
        cycles: latencies.end,
        seconds,
        reads: requests.len() as u64 - writes,
        writes,
        bytes: total.bytes,
        bandwidth_gbps: total.bytes as f64 / seconds / 1e9,
        bus_utilisation: total.bus_busy.get() as f64
            / (latencies.end * channels.len() as u64) as f64,
        row_hits: total.row_hits,
        row_misses: total.row_misses,
        activates: total.activates,
        precharges: total.precharges + total.precharges_all,
        refreshes: total.refreshes + total.bank_refreshes,
        read_latency: latency(
            latencies.returned,
            latencies.sum,
            latencies.max,
            &latencies.histogram,
        ),
        energy: energy(table, &total, channels.len() as u64, seconds),
    };
    Outcome {
        summary,
        changed: changed.filter(|config| !config.is_preset()).cloned(),
        commands: channels.iter_mut().map(Channel::take_commands).collect(),
        style: Style {
            pseudo_channels: false,
            two_step_activate: two_step,
        },
    }
}
