//! A memory on its own: a trace of requests in, times, counts and energy out; and the check of a
//! command trace.

use std::fmt::Write as _;

use config::FieldError;
use event_kernel::Cycle;
use serde::Serialize;

use crate::checker::{Checker, Protocol, Violation};
use crate::command::{Command, Issued};
use crate::command_trace::{self, Style};
use crate::config::{DramConfig, MemoryConfig};
use crate::energy::EnergyTable;
use crate::memory::{Channel, Counters, Direction, Memory};
use crate::preset;
use crate::replica::config::{ReplicaConfig, ReplicaError, shipped};
use crate::replica::driver::{ChannelStatistics, LatencyHistogram, RunOptions, RunStatistics, run};
use crate::replica::protocol;
use crate::request::{Request, TraceError};

/// What runs: a preset under this crate's own controller, or a simulator's configuration under its
/// own.
#[derive(Clone, Debug)]
pub enum Target {
    /// A preset, or a user's file that starts from one.
    Own(Box<Memory>),
    /// A configuration of DRAMsim3 or Ramulator 2.
    Replica(Box<ReplicaConfig>),
}

/// Why a target cannot run.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TargetError {
    /// No preset, no configuration.
    #[error("`{0}` is no preset, no simulator configuration and no file; one of {known}", known = .1.join(", "))]
    Unknown(String, Vec<String>),
    /// The file does not parse.
    #[error(transparent)]
    Ron(#[from] ron::error::SpannedError),
    /// A field cannot stand.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A simulator's parameter cannot stand.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

/// Every name that [`Target::named`] takes.
#[must_use]
pub fn names() -> Vec<String> {
    preset::names()
        .into_iter()
        .chain(shipped().into_keys())
        .collect()
}

impl Target {
    /// A shipped preset (one channel) or simulator configuration.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn named(name: &str) -> Result<Self, TargetError> {
        if let Some(config) = ReplicaConfig::named(name) {
            return Ok(Self::Replica(Box::new(config)));
        }
        if preset::named(name).is_some() {
            let memory = Memory::dram(&DramConfig::preset(name, 1))?;
            return Ok(Self::Own(Box::new(memory)));
        }
        Err(TargetError::Unknown(name.to_owned(), names()))
    }

    /// A user's file: a [`DramConfig`] as RON, `(standard: "DDR4-3200AA", channels: 2)`.
    ///
    /// # Errors
    /// If it does not parse, or a field cannot stand.
    pub fn from_ron(text: &str) -> Result<Self, TargetError> {
        let options = ron::Options::default()
            .with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
        let config: DramConfig = options.from_str(text)?;
        Ok(Self::Own(Box::new(Memory::dram(&config)?)))
    }

    /// Bytes of the memory: addresses of a trace lie below. Simulators wrap addresses instead.
    #[must_use]
    pub fn capacity_bytes(&self) -> u64 {
        match self {
            Self::Own(memory) => memory.capacity_bytes(),
            Self::Replica(_) => u64::MAX,
        }
    }

    /// What is odd about the configuration, but can stand.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        match self {
            Self::Own(memory) => memory.warnings(),
            Self::Replica(_) => &[],
        }
    }

    /// Runs a trace; with `record`, keeps every command.
    ///
    /// # Errors
    /// If a simulator's parameter cannot stand.
    pub fn run(&self, requests: &[Request], record: bool) -> Result<Outcome, TargetError> {
        match self {
            Self::Own(memory) => Ok(run_own(memory, requests, record)),
            Self::Replica(config) => {
                let options = RunOptions {
                    record,
                    ..RunOptions::default()
                };
                let result = run(config, requests.iter().copied(), options)?;
                Ok(outcome_of_replica(config, result))
            }
        }
    }

    /// What a checker must know.
    ///
    /// # Errors
    /// If a simulator's parameter cannot stand.
    pub fn protocol(&self) -> Result<Protocol, TargetError> {
        match self {
            Self::Own(memory) => match memory.device() {
                Some(device) => Ok(Protocol::of(device)),
                None => Err(FieldError::new("", "an ideal memory has no commands").into()),
            },
            Self::Replica(config) => Ok(protocol::of(config)?),
        }
    }

    /// The name that a command trace is marked with.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Own(memory) => memory
                .device()
                .map_or("ideal", |device| &device.preset.name),
            Self::Replica(config) => &config.name,
        }
    }
}

/// A memory configuration as RON, for machines' files.
///
/// # Errors
/// If the text does not parse.
pub fn parse_memory(text: &str) -> Result<MemoryConfig, ron::error::SpannedError> {
    ron::from_str(text)
}

/// A run's results.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// What ran.
    pub config: String,
    /// Cycles (ticks) from the first to the end of the last data.
    pub cycles: u64,
    /// Their time.
    pub seconds: f64,
    /// Read requests, and write requests.
    pub reads: u64,
    /// Write requests.
    pub writes: u64,
    /// Bytes moved over the data buses.
    pub bytes: u64,
    /// Bytes a second, in 1e9.
    pub bandwidth_gbps: f64,
    /// The share of the time in which the data buses moved data.
    pub bus_utilisation: f64,
    /// Column commands that were not the first of their open row.
    pub row_hits: u64,
    /// Column commands that were.
    pub row_misses: u64,
    /// Rows opened.
    pub activates: u64,
    /// Precharges of single banks and of whole ranks.
    pub precharges: u64,
    /// Refreshes of all banks and of single ones.
    pub refreshes: u64,
    /// Read latencies from acceptance to the end of the data, in cycles.
    pub read_latency: Option<Latency>,
    /// Energy, where a source has figures.
    pub energy: Option<EnergySummary>,
}

/// A distribution of latencies in cycles.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// The mean.
    pub mean: f64,
    /// The greatest.
    pub max: u64,
    /// Counts by powers of two: those below the first number, not counted before.
    pub histogram: Vec<(u64, u64)>,
}

/// Energy in picojoules.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EnergySummary {
    /// Opening and closing rows.
    pub activate_pj: f64,
    /// Reading bursts.
    pub read_pj: f64,
    /// Writing bursts.
    pub write_pj: f64,
    /// Refreshing.
    pub refresh_pj: f64,
    /// Standby.
    pub background_pj: f64,
    /// Everything.
    pub total_pj: f64,
    /// Everything, by bits moved.
    pub pj_per_bit: f64,
    /// How sure the figures are.
    pub mark: String,
    /// Where they come from.
    pub source: String,
}

/// A run's results, and its commands if they were kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The results.
    pub summary: Summary,
    /// The commands of each channel.
    pub commands: Vec<Vec<Issued>>,
    style: Style,
}

impl Outcome {
    /// The commands as a trace: channels one after the other, each under a line that names it.
    #[must_use]
    pub fn command_trace(&self) -> String {
        let mut text = String::new();
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

fn outcome_of_replica(config: &ReplicaConfig, result: RunStatistics) -> Outcome {
    let sum = |command| result.sum(|channel| channel.count(command));
    let columns = result.column_commands();
    let misses = result.sum(|channel| channel.row_misses);
    let mut histogram = [0; 32];
    for channel in &result.channels {
        for (total, count) in histogram.iter_mut().zip(channel.latencies) {
            *total += count;
        }
    }
    let seconds = result.cycles as f64 * result.tick_ps * 1e-12;
    let counters = Counters {
        reads: result.sum(ChannelStatistics::reads),
        writes: result.sum(ChannelStatistics::writes),
        bytes: columns * result.request_bytes,
        activates: sum(Command::Activate),
        refreshes: sum(Command::RefreshAll),
        ..Counters::default()
    };
    let max = result
        .channels
        .iter()
        .map(|channel| channel.latency_max)
        .max();
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
        read_latency: latency(
            result.sum(|channel| channel.reads_returned),
            result.sum(|channel| channel.latency_sum),
            max.unwrap_or(0),
            &histogram,
        ),
        energy: energy(
            protocol::energy_table(config),
            &counters,
            result.channels.len() as u64,
            seconds,
        ),
    };
    Outcome {
        summary,
        style: Style {
            pseudo_channels: result.pseudo_channels > 1,
            two_step_activate: sum(Command::Activate2) > 0,
        },
        commands: result.commands,
    }
}

/// Latencies of the reads of a run.
#[derive(Default)]
struct Latencies {
    returned: u64,
    sum: u64,
    max: u64,
    histogram: LatencyHistogram,
    end: u64,
}

impl Latencies {
    fn note(&mut self, latency: u64) {
        self.returned += 1;
        self.sum += latency;
        self.max = self.max.max(latency);
        self.histogram[(64 - latency.leading_zeros() as usize).min(31)] += 1;
    }
}

/// Requests go in order, each when it has arrived and its channel has room.
fn run_own(memory: &Memory, requests: &[Request], record: bool) -> Outcome {
    let mut channels: Vec<Channel> = (0..memory.channels()).map(|_| memory.channel()).collect();
    if record {
        channels.iter_mut().for_each(Channel::record_commands);
    }
    let mut accepted = vec![0; requests.len()];
    let mut latencies = Latencies::default();
    let (mut next, mut now) = (0, 0);
    loop {
        let mut blocked = false;
        while let Some(request) = requests.get(next).filter(|request| request.arrival <= now) {
            for share in memory.split(request.address, 1) {
                let channel = &mut channels[share.channel as usize];
                blocked = !channel.can_accept();
                if !blocked {
                    let direction = if request.write {
                        Direction::Write
                    } else {
                        Direction::Read
                    };
                    channel.push(
                        Cycle(now),
                        share.first,
                        share.bursts,
                        direction,
                        next as u64,
                    );
                }
            }
            if blocked {
                break;
            }
            accepted[next] = now;
            next += 1;
        }
        let wake = channels.iter().filter_map(Channel::next_wake).min();
        let arrival = requests.get(next).filter(|_| !blocked);
        let arrival = arrival.map(|request| Cycle(request.arrival));
        let Some(to) = wake.into_iter().chain(arrival).min() else {
            break;
        };
        now = to.get().max(now);
        for channel in &mut channels {
            channel.advance(Cycle(now), &mut |done| {
                latencies.end = latencies.end.max(done.last_data.get());
                let index = done.tag as usize;
                if !requests[index].write {
                    latencies.note(done.last_data.get() - accepted[index]);
                }
            });
        }
    }
    for channel in &mut channels {
        channel.advance(Cycle(latencies.end.max(now)), &mut |_| {});
    }
    outcome_of_own(memory, requests, channels, &latencies)
}

fn outcome_of_own(
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
    let writes = requests.iter().filter(|request| request.write).count() as u64;
    let table = memory
        .energy()
        .zip(memory.device().map(|device| device.preset.clone()));
    let config = memory
        .device()
        .map_or("ideal", |device| &device.preset.name);
    let two_step = memory
        .device()
        .is_some_and(|device| device.standard.data_clock_stops);
    let summary = Summary {
        config: config.to_owned(),
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
        commands: channels.iter_mut().map(Channel::take_commands).collect(),
        style: Style {
            pseudo_channels: false,
            two_step_activate: two_step,
        },
    }
}

/// A command trace checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// The configuration whose rules were checked.
    pub config: String,
    /// Commands seen.
    pub commands: u64,
    /// The first rules broken; at most 1000.
    pub violations: Vec<Violation>,
    /// All rules broken.
    pub violation_count: u64,
}

/// Why a command trace cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A line is no command.
    #[error(transparent)]
    Line(#[from] TraceError),
    /// The configuration is not known.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// No configuration was given or found.
    #[error("the trace names no configuration: begin it with `# config=NAME`, or name one")]
    NoConfig,
}

/// The configuration that a command trace names in a comment: `# ... config=NAME ...`.
///
/// A name may hold spaces; it ends before the next ` word=`.
#[must_use]
pub fn config_of_trace(text: &str) -> Option<&str> {
    let line = text
        .lines()
        .find(|line| line.starts_with('#') && line.contains("config="))?;
    let (_, rest) = line.split_once("config=")?;
    let end = rest.find('=').map_or(rest.len(), |equals| {
        rest[..equals].rfind(' ').unwrap_or(rest.len())
    });
    Some(rest[..end].trim())
}

/// Replays a command trace, channel by channel, under the rules of a target; without one, of the
/// configuration that the trace names.
///
/// # Errors
/// If a line is no command, or the configuration is not known.
pub fn check(text: &str, target: Option<&Target>) -> Result<CheckReport, CheckError> {
    let named;
    let target = match target {
        Some(target) => target,
        None => {
            named = Target::named(config_of_trace(text).ok_or(CheckError::NoConfig)?)?;
            &named
        }
    };
    let protocol = target.protocol()?;
    let mut report = CheckReport {
        config: target.name().to_owned(),
        commands: 0,
        violations: Vec::new(),
        violation_count: 0,
    };
    for commands in command_trace::parse_channels(text)? {
        let mut checker = Checker::new(protocol.clone());
        for issued in &commands {
            checker.check(issued, &mut |violation| {
                report.violation_count += 1;
                if report.violations.len() < 1000 {
                    report.violations.push(violation);
                }
            });
        }
        report.commands += checker.commands();
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::generate;

    #[test]
    fn every_name_runs_a_trace_and_its_commands_pass_the_check() {
        let requests = generate("mix_2r1w", 300, 64, 7, "seed=9;span=1048576").unwrap();
        for name in names() {
            let target = Target::named(&name).unwrap();
            let outcome = target.run(&requests, true).unwrap();
            let summary = &outcome.summary;
            assert_eq!((summary.reads, summary.writes), (200, 100), "{name}");
            assert!(summary.bytes > 0 && summary.cycles > 0);
            let text = outcome.command_trace();
            assert_eq!(config_of_trace(&text), Some(name.as_str()));
            let report = check(&text, None).unwrap();
            assert!(report.commands > 0);
            // Ramulator's read-to-write distance across ranks overlaps bursts; and our replica of
            // its LPDDR5 lets a CAS serve another request's column command.
            let known = match name.as_str() {
                "r2_ddr4_3200_1ch2rk_mop" => Some("data bus"),
                "r2_lpddr5_6400_1ch_mop" | "r2_lpddr5_6400_8ch_mop" => Some("data clock"),
                _ => None,
            };
            if let Some(known) = known {
                let known = |violation: &Violation| violation.rule.contains(known);
                assert!(report.violations.iter().all(known));
            } else {
                assert_eq!(report.violations, [], "{name}");
            }
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = Target::named("DDR9-1").unwrap_err().to_string();
        assert!(
            error.contains("DDR4-3200AA") && error.contains("d3_hbm2_1ch"),
            "{error}"
        );
    }

    #[test]
    fn a_file_starts_from_a_preset_and_changes_fields() {
        let target = Target::from_ron(
            r#"(standard: "DDR4-3200AA", channels: 2, organisation: (ranks: 2), timings: {"tRFC_ab": 600})"#,
        )
        .unwrap();
        assert_eq!(target.capacity_bytes(), 2 * 2 * (8 << 30));
        for (text, part) in [
            (r#"(standard: "DDR9")"#, "no preset is called `DDR9`"),
            (r#"(standard: "DDR4-3200AA", channels: 0)"#, "0 channels"),
            (
                r#"(standard: "DDR4-3200AA", timings: {"tRC": 60})"#,
                "below tRAS + tRP",
            ),
            (
                r#"(standard: "DDR4-3200AA", timings: {"tRFC_ab": 13000})"#,
                "does not fit",
            ),
            (
                r#"(standard: "DDR4-3200AA", timings: {"tXY": 1})"#,
                "no timing parameter",
            ),
            (
                r#"(standard: "DDR4-3200AA", map: "rorabacochba")"#,
                "repeats the field `ba`",
            ),
            (r#"(standard: "DDR4-3200AA", speed: 1)"#, "speed"),
        ] {
            let error = Target::from_ron(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_constraint_that_can_never_bind_is_a_warning() {
        let target = Target::from_ron(r#"(standard: "DDR4-3200AA", timings: {"tFAW": 12})"#);
        let target = target.unwrap();
        assert!(
            target
                .warnings()
                .iter()
                .any(|warning| warning.contains("tFAW"))
        );
    }
}
