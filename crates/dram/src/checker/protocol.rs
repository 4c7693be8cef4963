//! What the checker must know of a device, and how it tells of broken rules.

use std::fmt;

use crate::command::{Command, Issued, Place};
use crate::config::{Device, RefreshPolicy};
use crate::standard::{BankRefresh, CommandBus, Rule, Scope};
use crate::timing::Shape;

/// What the checker must know of a device.
#[derive(Clone, Debug)]
pub struct Protocol {
    /// Pseudo channels that share the channel's command buses.
    pub pseudo_channels: usize,
    /// The tree of a pseudo channel (of the channel, where there are none).
    pub shape: Shape,
    /// Rows of a bank.
    pub rows: u64,
    /// Columns of a row, in bursts.
    pub columns: u64,
    /// The constraint table in cycles.
    pub rules: Vec<Rule>,
    /// A text for each line of the constraint table, for messages.
    pub lines: Vec<String>,
    /// The command buses.
    pub command_bus: CommandBus,
    /// Cycles that each command takes of its bus, by its number.
    pub bus_cycles: [u64; Command::COUNT],
    /// From a read command to its data.
    pub read_latency: u64,
    /// From a write command to its data.
    pub write_latency: u64,
    /// Cycles of a burst.
    pub burst: u64,
    /// The refreshes that must not be forgotten, if any.
    pub refresh: Option<RefreshDuty>,
    /// What one all-bank refresh covers.
    pub refresh_scope: Scope,
    /// What one refresh of single banks covers.
    pub bank_refresh: BankRefresh,
    /// LPDDR5's two-step activate and stopping data clock.
    pub two_step: Option<TwoStep>,
}

/// How often a rank must be refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshDuty {
    /// tREFI (for single banks: tREFI_pb).
    pub interval: u64,
    /// How many refreshes may be owed.
    pub postpone: u64,
    /// Whether single banks are refreshed by turns.
    pub per_bank: bool,
}

/// What LPDDR5 demands beyond distances between commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwoStep {
    /// The second activate comes at most so long after the first.
    pub activate_gap: u64,
    /// The data clock runs on so long after the data.
    pub clock_runs_on: u64,
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The command that breaks it.
    pub issued: Issued,
    /// The rule, in words.
    pub rule: String,
    /// The line of the constraint table, if the rule is one of it.
    pub line: Option<usize>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Issued {
            cycle,
            command,
            place,
        } = &self.issued;
        write!(
            f,
            "cycle {cycle}: {command} to rank {} group {} bank {} row {} column {}: {}",
            place.rank, place.group, place.bank, place.row, place.column, self.rule
        )
    }
}

impl Protocol {
    /// The protocol of a checked device.
    #[must_use]
    pub fn of(device: &Device) -> Self {
        let organisation = &device.preset.organisation;
        let standard = &device.standard;
        let refresh = match device.policy.refresh {
            RefreshPolicy::Off => None,
            policy => {
                let per_bank = policy == RefreshPolicy::PerBank;
                Some(RefreshDuty {
                    interval: device.timing(if per_bank { "tREFI_pb" } else { "tREFI" }),
                    postpone: u64::from(standard.refresh.postpone),
                    per_bank,
                })
            }
        };
        Self {
            pseudo_channels: 1,
            shape: Shape {
                ranks: organisation.ranks as usize,
                groups: organisation.bank_groups as usize,
                banks: organisation.banks_per_group as usize,
            },
            rows: organisation.rows_per_bank,
            columns: organisation.columns(),
            rules: device.rules.clone(),
            lines: standard
                .constraints
                .iter()
                .map(|line| format!("{:?} {}", line.scope, line.latency))
                .collect(),
            command_bus: standard.command_bus,
            bus_cycles: Command::ALL.map(|command| {
                // The second half of a two-step activate is a command of its own.
                if standard.data_clock_stops {
                    1
                } else {
                    standard.bus_cycles(command)
                }
            }),
            read_latency: device.timing("CL"),
            write_latency: device.timing("CWL"),
            burst: device.timing("nBL"),
            refresh,
            refresh_scope: standard.refresh.scope,
            bank_refresh: standard.refresh.per_bank,
            two_step: standard.data_clock_stops.then(|| TwoStep {
                activate_gap: device.timing("tAAD"),
                clock_runs_on: device.timing("tWCKPST"),
            }),
        }
    }

    pub(super) const fn nodes(&self) -> usize {
        1 + self.shape.ranks * (1 + self.shape.groups * (1 + self.shape.banks))
    }

    pub(super) const fn bank(&self, place: &Place) -> usize {
        (place.rank as usize * self.shape.groups + place.group as usize) * self.shape.banks
            + place.bank as usize
    }
}
