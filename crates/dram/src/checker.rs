//! A protocol checker: replays any command trace and finds every command that breaks a rule.
//!
//! It knows the device (shape, constraint table, buses, refresh), and nothing of any controller:
//! it keeps the times of past commands and looks every rule up again for every command.
//!
//! Rules: bank states (activate only a closed bank, columns only of the open row, refresh only
//! closed banks); every line of the constraint table; one command a bus and cycle; bursts never
//! overlap on the data bus; refresh neither forgotten nor postponed too often; LPDDR5's second
//! activate and its data clock.

use std::fmt;

use crate::command::{Command, Issued, Place};
use crate::config::{Device, RefreshPolicy};
use crate::standard::{CommandBus, Rule, Scope};
use crate::timing::Shape;

/// What the checker must know of a device.
#[derive(Clone, Debug)]
pub struct Protocol {
    /// Pseudo channels that share the channel's command buses.
    pub pseudo_channels: usize,
    /// The tree of a pseudo channel (of the channel, where there are none).
    pub shape: Shape,
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

/// LPDDR5's subtleties.
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

/// The last four times of each command at a node of the tree; 0 is "never", times are one more.
type History = [[u64; 4]; Command::COUNT];

#[derive(Clone, Copy, Debug, Default)]
struct BankState {
    row: Option<u32>,
    /// When the first half of a two-step activate went, while the second has not.
    half_open: Option<u64>,
    refreshed: u64,
}

/// The state of a replay.
#[derive(Clone, Debug)]
pub struct Checker {
    protocol: Protocol,
    by_target: Vec<Vec<Rule>>,
    nodes: Vec<History>,
    banks: Vec<BankState>,
    /// Cycle from which the row bus and the column bus are free, and the last command's cycle.
    bus_free: [u64; 2],
    latest: u64,
    /// End of the last data, a pseudo channel.
    data_end: Vec<u64>,
    /// The last refresh of each refresh set.
    refreshed: Vec<u64>,
    /// Until when the data clock runs, a pseudo channel; and a CAS that waits for its column
    /// command: its cycle and command.
    clock_until: Vec<u64>,
    cas: Vec<Option<(u64, Command)>>,
    commands: u64,
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
            two_step: standard.data_clock_stops.then(|| TwoStep {
                activate_gap: device.timing("tAAD"),
                clock_runs_on: device.timing("tWCKPST"),
            }),
        }
    }

    const fn nodes(&self) -> usize {
        1 + self.shape.ranks * (1 + self.shape.groups * (1 + self.shape.banks))
    }

    const fn bank(&self, place: &Place) -> usize {
        (place.rank as usize * self.shape.groups + place.group as usize) * self.shape.banks
            + place.bank as usize
    }
}

impl Checker {
    /// A device with all banks closed.
    #[must_use]
    pub fn new(protocol: Protocol) -> Self {
        let units = protocol.pseudo_channels;
        let by_target = Command::ALL
            .map(|to| {
                let rules = protocol.rules.iter();
                rules.filter(|rule| rule.to == to).copied().collect()
            })
            .to_vec();
        let sets = match protocol.refresh_scope {
            Scope::Unit => units,
            _ => units * protocol.shape.ranks,
        };
        Self {
            by_target,
            nodes: vec![[[0; 4]; Command::COUNT]; units * protocol.nodes()],
            banks: vec![BankState::default(); units * protocol.shape.total_banks()],
            bus_free: [0; 2],
            latest: 0,
            data_end: vec![0; units],
            refreshed: vec![0; sets],
            clock_until: vec![0; units],
            cas: vec![None; units],
            commands: 0,
            protocol,
        }
    }

    /// Commands checked so far.
    #[must_use]
    pub const fn commands(&self) -> u64 {
        self.commands
    }

    /// Replays a command and reports every rule that it breaks.
    pub fn check(&mut self, issued: &Issued, report: &mut impl FnMut(Violation)) {
        self.commands += 1;
        let mut broken = |rule: String, line| {
            report(Violation {
                issued: *issued,
                rule,
                line,
            });
        };
        if !self.in_shape(&issued.place) {
            broken("no such bank".to_owned(), None);
            return;
        }
        self.check_order_and_bus(issued, &mut broken);
        self.check_state(issued, &mut broken);
        self.check_table(issued, &mut broken);
        self.check_data(issued, &mut broken);
        self.check_refresh(issued, &mut broken);
        self.note(issued);
    }

    fn in_shape(&self, place: &Place) -> bool {
        let shape = self.protocol.shape;
        usize::from(place.pseudo_channel) < self.protocol.pseudo_channels
            && usize::from(place.rank) < shape.ranks
            && usize::from(place.group) < shape.groups
            && usize::from(place.bank) < shape.banks
    }

    fn check_order_and_bus(
        &mut self,
        issued: &Issued,
        broken: &mut impl FnMut(String, Option<usize>),
    ) {
        let cycle = issued.cycle;
        if cycle < self.latest {
            broken(format!("after a command of cycle {}", self.latest), None);
        }
        self.latest = self.latest.max(cycle);
        let bus = usize::from(
            self.protocol.command_bus == CommandBus::RowAndColumn
                && issued.command.uses_column_bus(),
        );
        let free = self.bus_free[bus];
        if cycle < free {
            broken(format!("the command bus is taken until cycle {free}"), None);
        }
        self.bus_free[bus] = cycle + self.protocol.bus_cycles[issued.command as usize];
    }

    /// The banks of the refresh set that a place belongs to.
    fn set_banks(&self, place: &Place) -> std::ops::Range<usize> {
        let total = self.protocol.shape.total_banks();
        let unit = usize::from(place.pseudo_channel) * total;
        match self.protocol.refresh_scope {
            Scope::Unit => unit..unit + total,
            _ => {
                let banks = self.protocol.shape.banks_per_rank();
                let first = unit + usize::from(place.rank) * banks;
                first..first + banks
            }
        }
    }

    fn bank_index(&self, place: &Place) -> usize {
        usize::from(place.pseudo_channel) * self.protocol.shape.total_banks()
            + self.protocol.bank(place)
    }

    fn check_state(&mut self, issued: &Issued, broken: &mut impl FnMut(String, Option<usize>)) {
        let place = &issued.place;
        let bank = self.bank_index(place);
        let state = self.banks[bank];
        match issued.command {
            Command::Activate => {
                if let Some(row) = state.row {
                    broken(format!("row {row} is open"), None);
                }
            }
            Command::Activate2 => match (state.half_open, self.protocol.two_step) {
                (Some(first), Some(rules)) => {
                    let gap = issued.cycle.saturating_sub(first);
                    if gap == 0 || gap > rules.activate_gap {
                        let most = rules.activate_gap;
                        broken(format!("{gap} cycles after ACT1, at most {most}"), None);
                    }
                }
                _ => broken("no ACT1 waits for it".to_owned(), None),
            },
            command if command.is_column() => {
                if state.row != Some(place.row) {
                    let open = state
                        .row
                        .map_or("no row".to_owned(), |row| format!("row {row}"));
                    broken(format!("{open} is open"), None);
                } else if state.half_open.is_some() {
                    broken("before ACT2".to_owned(), None);
                }
                self.check_data_clock(issued, broken);
            }
            Command::RefreshAll => {
                if let Some(open) = self
                    .set_banks(place)
                    .find(|&bank| self.banks[bank].row.is_some())
                {
                    broken(format!("bank {open} is open"), None);
                }
            }
            Command::RefreshBank => {
                if let Some(row) = state.row {
                    broken(format!("row {row} is open"), None);
                }
            }
            _ => {}
        }
    }

    fn check_data_clock(
        &mut self,
        issued: &Issued,
        broken: &mut impl FnMut(String, Option<usize>),
    ) {
        if self.protocol.two_step.is_none() {
            return;
        }
        let unit = usize::from(issued.place.pseudo_channel);
        let wanted = if issued.command.is_write() {
            Command::CasWrite
        } else {
            Command::CasRead
        };
        let started = self.cas[unit].take();
        let running = issued.cycle <= self.clock_until[unit] && self.clock_until[unit] > 0;
        if !running && started != Some((issued.cycle.wrapping_sub(1), wanted)) {
            broken(
                format!("the data clock stands and no {wanted} went a cycle before"),
                None,
            );
        }
    }

    fn check_table(&self, issued: &Issued, broken: &mut impl FnMut(String, Option<usize>)) {
        for rule in &self.by_target[issued.command as usize] {
            let Some(from) = self.last(rule, &issued.place) else {
                continue;
            };
            let gap = issued.cycle.saturating_sub(from);
            if gap < rule.cycles {
                let text = self
                    .protocol
                    .lines
                    .get(rule.line)
                    .map_or("", String::as_str);
                broken(
                    format!(
                        "{gap} cycles after {} of cycle {from}, at least {} ({text})",
                        rule.from, rule.cycles
                    ),
                    Some(rule.line),
                );
            }
        }
    }

    /// When the command that a rule counts from went.
    fn last(&self, rule: &Rule, place: &Place) -> Option<u64> {
        let time = |node: usize| {
            let history = &self.nodes[node][rule.from as usize];
            history[usize::from(rule.window) - 1].checked_sub(1)
        };
        let wide = matches!(rule.to, Command::PrechargeAll | Command::RefreshAll);
        if wide && rule.scope == Scope::Bank {
            return None;
        }
        match rule.scope {
            Scope::OtherRank => (0..self.protocol.shape.ranks)
                .filter(|rank| *rank != usize::from(place.rank))
                .filter_map(|rank| time(self.rank_node(place, rank)))
                .max(),
            scope => time(self.node(scope, place)),
        }
    }

    fn rank_node(&self, place: &Place, rank: usize) -> usize {
        usize::from(place.pseudo_channel) * self.protocol.nodes() + 1 + rank
    }

    fn node(&self, scope: Scope, place: &Place) -> usize {
        let shape = self.protocol.shape;
        let unit = usize::from(place.pseudo_channel) * self.protocol.nodes();
        let groups_at = unit + 1 + shape.ranks;
        let group = usize::from(place.rank) * shape.groups + usize::from(place.group);
        match scope {
            Scope::Unit => unit,
            Scope::Rank | Scope::OtherRank => self.rank_node(place, usize::from(place.rank)),
            Scope::Group => groups_at + group,
            Scope::Bank => groups_at + shape.ranks * shape.groups + self.protocol.bank(place),
        }
    }

    fn check_data(&mut self, issued: &Issued, broken: &mut impl FnMut(String, Option<usize>)) {
        if !issued.command.is_column() {
            return;
        }
        let latency = if issued.command.is_write() {
            self.protocol.write_latency
        } else {
            self.protocol.read_latency
        };
        let begin = issued.cycle + latency;
        let end = &mut self.data_end[usize::from(issued.place.pseudo_channel)];
        if begin < *end {
            broken(format!("the data bus is taken until cycle {end}"), None);
        }
        *end = (*end).max(begin + self.protocol.burst);
    }

    fn set_index(&self, place: &Place) -> usize {
        match self.protocol.refresh_scope {
            Scope::Unit => usize::from(place.pseudo_channel),
            _ => {
                usize::from(place.pseudo_channel) * self.protocol.shape.ranks
                    + usize::from(place.rank)
            }
        }
    }

    fn check_refresh(&mut self, issued: &Issued, broken: &mut impl FnMut(String, Option<usize>)) {
        let Some(duty) = self.protocol.refresh else {
            return;
        };
        let set = self.set_index(&issued.place);
        let since = issued.cycle.saturating_sub(self.refreshed[set]);
        let limit = (duty.postpone + 1) * duty.interval;
        if since > limit {
            broken(
                format!("{since} cycles since the last refresh, at most {limit}"),
                None,
            );
            // One message a refresh forgotten is enough.
            self.refreshed[set] = issued.cycle;
        }
        if duty.per_bank && issued.command == Command::RefreshBank {
            self.check_round(issued, duty, broken);
        }
        if matches!(issued.command, Command::RefreshAll | Command::RefreshBank) {
            self.refreshed[set] = issued.cycle;
        }
    }

    /// Each bank once in a round of single-bank refreshes.
    fn check_round(
        &mut self,
        issued: &Issued,
        duty: RefreshDuty,
        broken: &mut impl FnMut(String, Option<usize>),
    ) {
        let banks = self.set_banks(&issued.place).len() as u64;
        let bank = self.bank_index(&issued.place);
        let since = issued.cycle - self.banks[bank].refreshed;
        let limit = (banks + duty.postpone) * duty.interval;
        if since > limit {
            broken(
                format!("{since} cycles since the bank's last refresh, at most {limit}"),
                None,
            );
        }
        self.banks[bank].refreshed = issued.cycle;
    }

    fn note(&mut self, issued: &Issued) {
        let place = &issued.place;
        let unit = usize::from(place.pseudo_channel);
        for scope in [Scope::Bank, Scope::Group, Scope::Rank, Scope::Unit] {
            let node = self.node(scope, place);
            let history = &mut self.nodes[node][issued.command as usize];
            history.copy_within(0..3, 1);
            history[0] = issued.cycle + 1;
        }
        let bank = self.bank_index(place);
        match issued.command {
            Command::Activate => {
                self.banks[bank].row = Some(place.row);
                if self.protocol.two_step.is_some() {
                    self.banks[bank].half_open = Some(issued.cycle);
                }
            }
            Command::Activate2 => self.banks[bank].half_open = None,
            Command::Precharge => self.banks[bank].row = None,
            Command::PrechargeAll => {
                for bank in self.set_banks(place) {
                    self.banks[bank].row = None;
                }
            }
            Command::CasRead | Command::CasWrite => {
                self.cas[unit] = Some((issued.cycle, issued.command));
            }
            command if command.is_column() => self.note_column(issued, bank),
            _ => {}
        }
    }

    fn note_column(&mut self, issued: &Issued, bank: usize) {
        if issued.command.closes() {
            self.banks[bank].row = None;
        }
        if let Some(two_step) = self.protocol.two_step {
            let latency = if issued.command.is_write() {
                self.protocol.write_latency
            } else {
                self.protocol.read_latency
            };
            self.clock_until[usize::from(issued.place.pseudo_channel)] =
                issued.cycle + latency + self.protocol.burst + two_step.clock_runs_on;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DramConfig;
    use crate::preset;

    fn protocol(preset: &str) -> Protocol {
        let mut config = DramConfig::preset(preset, 1);
        config.organisation.ranks = Some(2);
        Protocol::of(&Device::new(&config).unwrap())
    }

    fn place(rank: u8, group: u8, bank: u8) -> Place {
        Place {
            rank,
            group,
            bank,
            ..Place::default()
        }
    }

    /// Whether a command `gap` cycles after those that a rule counts from breaks its line.
    fn breaks(protocol: &Protocol, rule: &Rule, gap: u64) -> bool {
        let (from, to) = match rule.scope {
            Scope::Bank => (place(0, 0, 0), place(0, 0, 0)),
            Scope::Group => (place(0, 0, 0), place(0, 0, 1)),
            Scope::Rank => (place(0, 0, 0), place(0, 0, 2)),
            Scope::Unit | Scope::OtherRank => (place(0, 0, 0), place(1, 0, 0)),
        };
        let mut checker = Checker::new(protocol.clone());
        let mut lines = Vec::new();
        let begin = 10_000;
        for repeat in 0..u64::from(rule.window) {
            let (cycle, command) = (begin + repeat, rule.from);
            checker.check(
                &Issued {
                    cycle,
                    command,
                    place: from,
                },
                &mut |_| {},
            );
        }
        let (cycle, command) = (begin + gap, rule.to);
        checker.check(
            &Issued {
                cycle,
                command,
                place: to,
            },
            &mut |violation| {
                lines.extend(violation.line);
            },
        );
        lines.contains(&rule.line)
    }

    #[test]
    fn each_rule_of_each_table_is_broken_one_cycle_early_and_not_on_time() {
        let mut tried = 0;
        for name in preset::names() {
            let protocol = protocol(&name);
            for rule in protocol.rules.iter().filter(|rule| rule.cycles > 0) {
                if rule.cycles > u64::from(rule.window) {
                    assert!(breaks(&protocol, rule, rule.cycles - 1), "{name}: {rule:?}");
                }
                assert!(!breaks(&protocol, rule, rule.cycles), "{name}: {rule:?}");
                tried += 1;
            }
        }
        assert!(tried > 1000, "{tried} rules");
    }

    fn rules_broken(preset: &str, commands: &[(u64, Command, Place)]) -> Vec<String> {
        let mut checker = Checker::new(protocol(preset));
        let mut found = Vec::new();
        for &(cycle, command, place) in commands {
            checker.check(
                &Issued {
                    cycle,
                    command,
                    place,
                },
                &mut |violation| {
                    found.push(violation.rule);
                },
            );
        }
        found
    }

    #[test]
    fn wrong_states_are_named() {
        use Command::{Activate, Activate2, Read, RefreshAll};
        let bank = place(0, 0, 0);
        let row = |row| Place { row, ..bank };
        let broken = rules_broken("DDR4-3200AA", &[(10, Read, bank)]);
        assert_eq!(broken, ["no row is open"]);
        let broken = rules_broken("DDR4-3200AA", &[(10, Activate, row(1)), (99, Read, row(2))]);
        assert_eq!(broken, ["row 1 is open"]);
        let broken = rules_broken(
            "DDR4-3200AA",
            &[(10, Activate, row(1)), (99, Activate, row(2))],
        );
        assert_eq!(broken, ["row 1 is open"]);
        let broken = rules_broken(
            "DDR4-3200AA",
            &[(10, Activate, row(1)), (999, RefreshAll, bank)],
        );
        assert_eq!(broken, ["bank 0 is open"]);
        let broken = rules_broken(
            "DDR4-3200AA",
            &[(10, Activate, bank), (10, Activate, place(1, 0, 0))],
        );
        assert_eq!(broken, ["the command bus is taken until cycle 11"]);
        let broken = rules_broken(
            "LPDDR5-6400",
            &[(10, Activate, bank), (19, Activate2, bank)],
        );
        assert_eq!(broken, ["9 cycles after ACT1, at most 8"]);
        let broken = rules_broken(
            "LPDDR5-6400",
            &[
                (10, Activate, bank),
                (11, Activate2, bank),
                (60, Read, bank),
            ],
        );
        assert!(broken[0].starts_with("the data clock stands"), "{broken:?}");
    }

    #[test]
    fn a_forgotten_refresh_is_named_after_nine_intervals() {
        let late = 9 * 12_480 + 1;
        let on_time = rules_broken(
            "DDR4-3200AA",
            &[(late - 1, Command::Activate, place(0, 0, 0))],
        );
        assert_eq!(on_time, Vec::<String>::new());
        let broken = rules_broken("DDR4-3200AA", &[(late, Command::Activate, place(0, 0, 0))]);
        assert!(broken[0].contains("since the last refresh"), "{broken:?}");
    }
}
