//! A memory on its own: a trace of requests in, times, counts and energy out; and the check of a
//! command trace.

mod own;
mod summary;

use config::FieldError;

use crate::command_trace;
use crate::config::{ReplicaConfig, ReplicaError, shipped};
use crate::driver::{Recording, RunOptions, run};
use crate::protocol;
use crate::request::{Request, TraceError};
use dram::checker::{Checker, Protocol, Violation};
use dram::memory::Memory;
use dram::preset;
use dram::{DramConfig, MemoryConfig};

use own::run_own;
use summary::outcome_of_replica;
pub use summary::{EnergySummary, Latency, Outcome, Summary};

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
    /// The name is neither a preset nor a configuration.
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

    /// Runs a trace.
    ///
    /// # Errors
    /// If a simulator's parameter cannot stand.
    pub fn run(&self, requests: &[Request], recording: Recording) -> Result<Outcome, TargetError> {
        match self {
            Self::Own(memory) => Ok(run_own(memory, requests, recording)),
            Self::Replica(config) => {
                let options = RunOptions {
                    recording,
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
    pub fn name(&self) -> String {
        match self {
            Self::Own(memory) => summary::name_of(memory),
            Self::Replica(config) => config.name.clone(),
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

/// A command trace checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// The configuration whose rules were checked.
    pub config: String,
    /// The number of commands that the checker has seen.
    pub commands: u64,
    /// The first rules broken; at most 1000.
    pub violations: Vec<Violation>,
    /// All violations of rules, in the order of the trace.
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
    /// The trace holds no command to check.
    #[error("the trace holds no commands")]
    NoCommands,
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

/// The configuration of a command trace: the one that it holds, else the one that it names.
fn target_of_trace(text: &str) -> Result<Target, CheckError> {
    let held = text
        .lines()
        .take_while(|line| line.starts_with('#'))
        .find_map(|line| line.strip_prefix(summary::CONFIGURATION));
    Ok(match held {
        Some(config) => Target::from_ron(config)?,
        None => Target::named(config_of_trace(text).ok_or(CheckError::NoConfig)?)?,
    })
}

/// Replays a command trace, channel by channel, under the rules of a target; without one, of the
/// configuration that the trace holds or names.
///
/// # Errors
/// If a line is no command, or the configuration is not known.
pub fn check(text: &str, target: Option<&Target>) -> Result<CheckReport, CheckError> {
    let named;
    let target = match target {
        Some(target) => target,
        None => {
            named = target_of_trace(text)?;
            &named
        }
    };
    let protocol = target.protocol()?;
    let mut report = CheckReport {
        config: target.name(),
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
    if report.commands == 0 {
        return Err(CheckError::NoCommands);
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::generate;
    use dram::Page;
    use proptest::prelude::*;

    #[test]
    fn every_name_runs_a_trace_and_its_commands_pass_the_check() {
        let requests = generate("mix_2r1w", 300, 64, 7, "seed=9;span=1048576").unwrap();
        for name in names() {
            let target = Target::named(&name).unwrap();
            let outcome = target.run(&requests, Recording::Commands).unwrap();
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

    /// Configurations that differ from every preset, each in another way.
    fn changes() -> impl Strategy<Value = DramConfig> {
        (
            prop::sample::select(preset::names()),
            1u64..3,
            prop::sample::select(vec![None, Some(1), Some(2)]),
            prop::sample::select(vec![None, Some("tRFC_ab"), Some("tRCD_RD"), Some("tWR")]),
            prop::sample::select(vec!["rorabacochbg", "rorabgbachco"]),
            prop::sample::select(vec![Page::Open { row_hits: 4 }, Page::Closed]),
            1u32..9,
        )
            .prop_map(|(name, channels, ranks, timing, map, page, queue)| {
                let mut config = DramConfig::preset(&name, channels);
                let known = preset::named(&name).unwrap().timings;
                if let Some((timing, cycles)) = timing.and_then(|t| known.get_key_value(t)) {
                    config.timings.insert(timing.clone(), cycles + 3);
                }
                config.organisation.ranks = ranks;
                config.map = map.to_owned();
                config.policy.page = page;
                config.policy.queue = queue;
                config
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_command_trace_carries_the_configuration_that_it_is_checked_under(config in changes()) {
            let memory = Memory::dram(&config).unwrap();
            let target = Target::Own(Box::new(memory));
            let requests = generate("mix_2r1w", 120, 64, 7, "seed=9;span=16777216").unwrap();
            let outcome = target.run(&requests, Recording::Commands).unwrap();
            prop_assert_eq!(outcome.summary.reads + outcome.summary.writes, 120);
            let report = check(&outcome.command_trace(), None).unwrap();
            prop_assert_eq!(report.violations, []);
            prop_assert_eq!(report.config, target.name());
            // Under the bare preset's rules it is another device: what differs shows.
            prop_assert!(config.is_preset() || target.name().ends_with(", changed"));
        }
    }

    #[test]
    fn two_requests_far_apart_take_no_longer_than_two_that_are_near() {
        let far = "0x0 READ 0\n0x0 READ 1000000000000\n";
        for name in preset::names() {
            let target = Target::named(&name).unwrap();
            let requests = crate::request::parse_trace(far, u64::MAX).unwrap();
            let summary = target.run(&requests, Recording::Off).unwrap().summary;
            assert!(summary.cycles > 1_000_000_000_000, "{name}");
            assert!(summary.refreshes > 1_000_000, "{name}");
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
            (
                r#"(standard: "DDR4-3200AA", channels: 0)"#,
                "a whole number from 1 to 4096",
            ),
            (
                r#"(standard: "DDR4-3200AA", timings: {"tRC": 60})"#,
                "below tRAS + tRP",
            ),
            (
                r#"(standard: "DDR4-3200AA", timings: {"tRFC_ab": 13000})"#,
                "do not fit its interval of 12480",
            ),
            (
                r#"(standard: "DDR4-3200AA", timings: {"tRCD_RD": 100000})"#,
                "do not fit its interval of 12480",
            ),
            (
                r#"(standard: "LPDDR5-6400", timings: {"tRFC_pb": 9000}, policy: (refresh: PerBank))"#,
                "do not fit its interval of 6256",
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
