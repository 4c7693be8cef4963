//! A configuration of Ramulator, checked.

use dram::checker::TwoStep;
use dram::command::Command;
use dram::standard::{Rule, Standard};
use dram::timing::Timing;

use crate::config::{ReplicaConfig, ReplicaError};
use crate::protocol::Facts;

use super::map::Map;

/// Which of Ramulator's controllers a configuration names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Generic,
    Lpddr5,
    Hbm2,
    Hbm3,
}

impl Kind {
    fn of(config: &ReplicaConfig) -> Result<Self, ReplicaError> {
        match config.text("controller") {
            Some("GenericDDR") => Ok(Self::Generic),
            Some("LPDDR5") => Ok(Self::Lpddr5),
            Some("HBM12") => Ok(Self::Hbm2),
            Some("HBM34") => Ok(Self::Hbm3),
            _ => Err(config.wrong("controller", "must be GenericDDR, LPDDR5, HBM12 or HBM34")),
        }
    }

    const fn table(self) -> &'static str {
        match self {
            Self::Generic => include_str!("../../standards/ramulator-ddr4.ron"),
            Self::Lpddr5 => include_str!("../../standards/ramulator-lpddr5.ron"),
            Self::Hbm2 => include_str!("../../standards/ramulator-hbm2.ron"),
            Self::Hbm3 => include_str!("../../standards/ramulator-hbm3.ron"),
        }
    }

    /// Ticks of the row bus, shared by the pseudo channels, that an activate takes.
    pub(super) const fn activate_ticks(self) -> u64 {
        match self {
            Self::Generic | Self::Lpddr5 => 1,
            Self::Hbm2 => 2,
            Self::Hbm3 => 3,
        }
    }

    pub(super) const fn two_buses(self) -> bool {
        matches!(self, Self::Hbm2 | Self::Hbm3)
    }
}

/// A checked configuration.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) channels: u64,
    pub(crate) units: usize,
    pub(crate) tick_ps: f64,
    pub(crate) request_bytes: u64,
    pub(crate) burst: u64,
    pub(super) kind: Kind,
    pub(super) map: Map,
    pub(super) timing: Timing,
    pub(super) read_latency: u64,
    pub(super) write_latency: u64,
    pub(super) refresh_interval: Option<u64>,
    pub(super) clock_runs_on: u64,
    pub(super) activate_gap: u64,
    pub(super) read_depth: usize,
    pub(super) write_depth: usize,
    /// Writes above which write mode starts, and below which it ends.
    pub(super) high: f64,
    pub(super) low: f64,
}

impl Setup {
    pub(crate) fn new(config: &ReplicaConfig, channels: u64) -> Result<Self, ReplicaError> {
        let kind = Kind::of(config)?;
        let map = Map::new(config, channels)?;
        let (_, rules) = constraints(config, kind)?;
        let burst = config.number(if kind == Kind::Lpddr5 {
            "nBL_min"
        } else {
            "nBL"
        })?;
        let refresh = config.text("refresh_manager") != Some("NoRefresh");
        Ok(Self {
            channels,
            units: map.units(),
            tick_ps: config.fraction("tCK_ps")?,
            request_bytes: map.request_bytes(),
            burst,
            kind,
            timing: Timing::new(map.shape(), &rules, &Command::ALL),
            map,
            read_latency: config.number("nCL")? + burst,
            write_latency: config.number("nCWL")? + burst,
            refresh_interval: if refresh {
                Some(config.positive("nREFI")?)
            } else {
                None
            },
            clock_runs_on: config.number_or("nWCKPST", 0)?,
            activate_gap: config.number_or("nAAD", 0)?,
            read_depth: config.positive("read_buffer_size")? as usize,
            write_depth: config.positive("write_buffer_size")? as usize,
            high: config.fraction("wr_high_watermark")?,
            low: config.fraction("wr_low_watermark")?,
        })
    }

    /// Where requests go.
    pub(crate) const fn map(&self) -> &Map {
        &self.map
    }
}

/// The constraint table of a kind, and its rules in ticks for a configuration.
fn constraints(config: &ReplicaConfig, kind: Kind) -> Result<(Standard, Vec<Rule>), ReplicaError> {
    let standard: Standard = match ron::from_str(kind.table()) {
        Ok(standard) => standard,
        Err(error) => panic!("standards/ramulator-{kind:?}: {error}"),
    };
    let rules = standard
        .rules(&config.parameters())
        .map_err(|error| config.wrong("timings", &error.to_string()))?;
    Ok((standard, rules))
}

/// What the checker must know.
pub(crate) fn facts(config: &ReplicaConfig) -> Result<Facts, ReplicaError> {
    let setup = Setup::new(config, config.channels_by_name()?)?;
    let (standard, rules) = constraints(config, setup.kind)?;
    Ok(Facts {
        standard,
        rules,
        shape: setup.map.shape(),
        rows: setup.map.rows(),
        columns: setup.map.columns(),
        pseudo_channels: setup.units,
        two_buses: setup.kind.two_buses(),
        read_latency: config.number("nCL")?,
        write_latency: config.number("nCWL")?,
        burst: setup.burst,
        refresh_interval: setup.refresh_interval,
        two_step: match setup.kind {
            Kind::Lpddr5 => Some(TwoStep {
                activate_gap: config.number("nAAD")?,
                clock_runs_on: setup.clock_runs_on,
            }),
            _ => None,
        },
    })
}
