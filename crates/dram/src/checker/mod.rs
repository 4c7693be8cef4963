//! A protocol checker: replays any command trace and finds every command that breaks a rule.
//!
//! It knows the device (shape, constraint table, buses, refresh), and nothing of any controller:
//! it keeps the times of past commands and looks every rule up again for every command.
//!
//! Rules: a place that the device has; bank states (activate only a closed bank, columns only of
//! the open row, refresh only closed banks); every line of the constraint table; one command a bus
//! and cycle; bursts never overlap on the data bus; refresh neither forgotten nor postponed too
//! often; LPDDR5's second activate and its data clock.

mod protocol;

use crate::command::{Command, Issued, Place};
use crate::standard::{CommandBus, Rule, Scope};

pub use protocol::{Protocol, RefreshDuty, TwoStep, Violation};

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

    /// Passes over cycles in which nothing but refresh went, each in its time: what comes next
    /// counts from there.
    pub fn pass_over(&mut self, cycles: u64) {
        for refreshed in &mut self.refreshed {
            *refreshed += cycles;
        }
        for bank in &mut self.banks {
            bank.refreshed += cycles;
        }
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
        if let Some((level, number, count)) = self.beyond(issued) {
            broken(
                format!("there is no {level} {number}: the device has {count}"),
                None,
            );
            return;
        }
        self.check_order_and_bus(issued, &mut broken);
        self.check_state(issued, &mut broken);
        self.check_table(issued, &mut broken);
        self.check_data(issued, &mut broken);
        self.check_refresh(issued, &mut broken);
        self.note(issued);
    }

    /// The first level of a command's place that the device does not have: its name, the place's
    /// number, and how many there are.
    fn beyond(&self, issued: &Issued) -> Option<(&'static str, u64, u64)> {
        let Protocol {
            shape,
            rows,
            columns,
            ..
        } = self.protocol;
        let place = &issued.place;
        let column = issued.command.is_column();
        let row = column || matches!(issued.command, Command::Activate | Command::Activate2);
        let units = self.protocol.pseudo_channels as u64;
        [
            ("pseudo channel", u64::from(place.pseudo_channel), units),
            ("rank", u64::from(place.rank), shape.ranks as u64),
            ("bank group", u64::from(place.group), shape.groups as u64),
            ("bank", u64::from(place.bank), shape.banks as u64),
            ("row", if row { u64::from(place.row) } else { 0 }, rows),
            (
                "column",
                if column { u64::from(place.column) } else { 0 },
                columns,
            ),
        ]
        .into_iter()
        .find(|(_, number, count)| number >= count)
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

    /// How many refreshes of single banks cover a refresh set once.
    fn turns(&self, place: &Place) -> usize {
        let banks = self.set_banks(place).len();
        let Protocol {
            bank_refresh,
            shape,
            ..
        } = &self.protocol;
        bank_refresh.turns(banks, shape.banks)
    }

    /// The banks that a refresh of single banks covers, by any of their places.
    fn refreshed_banks(&self, place: &Place) -> impl Iterator<Item = usize> + use<> {
        let set = self.set_banks(place);
        let turns = self.turns(place);
        let turn = (self.bank_index(place) - set.start) % turns;
        set.skip(turn).step_by(turns)
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
                let mut banks = self.refreshed_banks(place);
                if let Some(open) = banks.find(|&bank| self.banks[bank].row.is_some()) {
                    broken(format!("bank {open} is open"), None);
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
            Scope::Bank if rule.to == Command::RefreshBank => self
                .refreshed_banks(place)
                .filter_map(|bank| time(self.bank_node(bank)))
                .max(),
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

    fn bank_node(&self, bank: usize) -> usize {
        let shape = self.protocol.shape;
        let (unit, bank) = (bank / shape.total_banks(), bank % shape.total_banks());
        unit * self.protocol.nodes() + 1 + shape.ranks * (1 + shape.groups) + bank
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
            Scope::Bank => self.bank_node(self.bank_index(place)),
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

    /// Each bank of a set once in a round of single-bank refreshes.
    fn check_round(
        &mut self,
        issued: &Issued,
        duty: RefreshDuty,
        broken: &mut impl FnMut(String, Option<usize>),
    ) {
        let turns = self.turns(&issued.place) as u64;
        let limit = (turns + duty.postpone) * duty.interval;
        for bank in self.set_banks(&issued.place) {
            let refreshed = &mut self.banks[bank].refreshed;
            let since = issued.cycle.saturating_sub(*refreshed);
            if since > limit {
                broken(
                    format!("{since} cycles since bank {bank}'s last refresh, at most {limit}"),
                    None,
                );
                // One message a refresh forgotten is enough.
                *refreshed = issued.cycle;
            }
        }
        for bank in self.refreshed_banks(&issued.place) {
            self.banks[bank].refreshed = issued.cycle;
        }
    }

    fn note(&mut self, issued: &Issued) {
        let place = &issued.place;
        let unit = usize::from(place.pseudo_channel);
        for scope in [Scope::Bank, Scope::Group, Scope::Rank, Scope::Unit] {
            if scope != Scope::Bank || issued.command != Command::RefreshBank {
                self.note_at(self.node(scope, place), issued);
            }
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
            Command::RefreshBank => {
                for bank in self.refreshed_banks(place) {
                    self.note_at(self.bank_node(bank), issued);
                }
            }
            command if command.is_column() => self.note_column(issued, bank),
            _ => {}
        }
    }

    fn note_at(&mut self, node: usize, issued: &Issued) {
        let history = &mut self.nodes[node][issued.command as usize];
        history.copy_within(0..3, 1);
        history[0] = issued.cycle + 1;
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
mod tests;
