//! What the checker must know of a simulator's configuration.

use dram::checker::{Protocol, RefreshDuty, TwoStep};
use dram::command::Command;
use dram::energy::EnergyTable;
use dram::preset::{self, Preset};
use dram::standard::{Rule, Standard};
use dram::timing::Shape;

use super::config::{ReplicaConfig, ReplicaError};
use super::{dramsim3, ramulator};

/// What a simulator's setup tells of its device.
pub(crate) struct Facts {
    pub(crate) standard: Standard,
    pub(crate) rules: Vec<Rule>,
    pub(crate) shape: Shape,
    pub(crate) rows: u64,
    pub(crate) columns: u64,
    pub(crate) pseudo_channels: usize,
    pub(crate) two_buses: bool,
    pub(crate) read_latency: u64,
    pub(crate) write_latency: u64,
    pub(crate) burst: u64,
    pub(crate) refresh_interval: Option<u64>,
    pub(crate) two_step: Option<TwoStep>,
}

/// The protocol of a configuration.
///
/// # Errors
/// If a parameter is missing.
pub fn of(config: &ReplicaConfig) -> Result<Protocol, ReplicaError> {
    let facts = if config.is_dramsim3() {
        dramsim3::facts(config)?
    } else {
        ramulator::facts(config)?
    };
    let Facts {
        standard, rules, ..
    } = facts;
    Ok(Protocol {
        pseudo_channels: facts.pseudo_channels,
        shape: facts.shape,
        rows: facts.rows,
        columns: facts.columns,
        lines: standard
            .constraints
            .iter()
            .map(|line| format!("{:?} {}", line.scope, line.latency))
            .collect(),
        rules,
        command_bus: if facts.two_buses {
            dram::standard::CommandBus::RowAndColumn
        } else {
            standard.command_bus
        },
        // Both simulators overlap the later ticks of long commands with other commands.
        bus_cycles: [1; Command::COUNT],
        read_latency: facts.read_latency,
        write_latency: facts.write_latency,
        burst: facts.burst,
        refresh: facts.refresh_interval.map(|interval| RefreshDuty {
            interval,
            postpone: u64::from(standard.refresh.postpone),
            per_bank: false,
        }),
        bank_refresh: standard.refresh.per_bank,
        refresh_scope: standard.refresh.scope,
        two_step: facts.two_step,
    })
}

/// The energies of the device that a configuration describes, if any source has them.
#[must_use]
pub fn energy_table(config: &ReplicaConfig) -> Option<(EnergyTable, Preset)> {
    let preset = if config.name.contains("ddr4_3200") {
        "DDR4-3200AA"
    } else if config.name.contains("lpddr4") {
        "LPDDR4-3200"
    } else if config.name.contains("hbm2") {
        "HBM2-2000"
    } else {
        return None;
    };
    let mut preset = preset::named(preset)?;
    let table = EnergyTable::of(&preset)?;
    // A burst's bits, and a row's share of the source's row, are the configuration's.
    let bytes = config.number("request_bytes").ok()?;
    preset.organisation.access_bytes = bytes;
    Some((table, preset))
}
