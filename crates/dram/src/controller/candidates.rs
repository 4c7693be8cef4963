//! The command that each bank of the window needs next.
//!
//! A bank whose open row a visit hits needs a column command for the oldest such visit; any other
//! needs an activate or a precharge for its oldest visit. Commands and visits that enter or leave
//! the window update the candidates in place. After a turn of the direction, a refresh or an
//! automatic precharge all candidates are looked up again.

use crate::command::Command;
use crate::timing::{Shape, Timing};

use super::trains::Spacing;
use super::{Controller, NEVER};

/// Whether a hit is the oldest visit of its bank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Precedence {
    /// No older visit of the window goes to the bank.
    #[default]
    Oldest,
    /// An older visit waits for another row of the bank.
    PassesOlder,
}

/// A command that opens or closes a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RowKind {
    Activate,
    Precharge,
}

impl RowKind {
    const fn command(self) -> Command {
        match self {
            Self::Activate => Command::Activate,
            Self::Precharge => Command::Precharge,
        }
    }
}

/// A visit whose row is open, the oldest of its bank.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hit {
    /// The cycle at which its next command can go, regardless of the column commands issued since
    /// the look-up.
    pub(super) ready: u64,
    /// The place of the visit in the window.
    pub(super) index: u32,
    pub(super) bank: u16,
    pub(super) group: u16,
    pub(super) rank: u16,
    pub(super) precedence: Precedence,
    /// The number of its commands that a train may still issue.
    pub(super) budget: u32,
    /// The number of commands that a train has issued and not yet reported, and the cycles of the
    /// first and the last of them.
    pub(super) count: u32,
    pub(super) first: u64,
    pub(super) last: u64,
}

/// A row command, and when it can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowCommand {
    cycle: u64,
    kind: RowKind,
    row: u32,
    bank: u32,
    /// The visit's place in the window.
    index: u32,
}

/// The needs of all banks of the window, by the age of their visits.
#[derive(Clone, Debug)]
pub(super) struct Candidates {
    pub(super) valid: bool,
    pub(super) hits: Vec<Hit>,
    rows: Vec<RowCommand>,
    /// The cycle until which the column commands issued since the look-up hold back hits, by group
    /// and by rank.
    groups: Vec<u64>,
    pub(super) ranks: Vec<u64>,
    /// The number of look-ups so far, which marks the banks that the present one has come across.
    look_up: u64,
}

/// Which row commands of other banks have to wait after a row command; both arrays are indexed by
/// [`RowKind`].
#[derive(Clone, Copy, Debug)]
pub(super) struct RowSpacing {
    /// Whether a command of each kind waits after an activate.
    activate: [bool; 2],
    /// Whether a command of each kind waits after a precharge.
    precharge: [bool; 2],
}

impl RowSpacing {
    pub(super) fn of(timing: &Timing) -> Self {
        let kinds = [RowKind::Activate, RowKind::Precharge];
        let waits = |from| kinds.map(|kind| timing.spaces_others(from, kind.command()));
        Self {
            activate: waits(Command::Activate),
            precharge: waits(Command::Precharge),
        }
    }
}

/// The numbers of the look-ups that last came across a bank.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LookupMark {
    /// The last look-up that saw a visit to the bank.
    any: u64,
    /// The last look-up that found what the bank needs next.
    decided: u64,
}

impl Candidates {
    pub(super) fn new(shape: Shape) -> Self {
        Self {
            valid: false,
            hits: Vec::new(),
            rows: Vec::new(),
            groups: vec![0; shape.ranks * shape.groups],
            ranks: vec![0; shape.ranks],
            look_up: 0,
        }
    }

    /// Has candidates looked up again, because the direction turned, or a refresh or an automatic
    /// precharge changed banks.
    pub(super) fn forget(&mut self) {
        self.valid = false;
    }

    /// The cycle from which on the column commands issued since the look-up let a hit go.
    #[inline]
    pub(super) fn spaced(&self, hit: &Hit) -> u64 {
        let group = self.groups[usize::from(hit.group)];
        group.max(self.ranks[usize::from(hit.rank)])
    }

    /// The oldest of the hits that can go first, by its place, and when.
    #[inline]
    pub(super) fn next_hit(&self, free: u64) -> (usize, u64) {
        let mut best = (0, NEVER);
        for (at, hit) in self.hits.iter().enumerate() {
            let cycle = hit.ready.max(self.spaced(hit)).max(free);
            if cycle < best.1 {
                best = (at, cycle);
                if cycle == free {
                    break;
                }
            }
        }
        best
    }

    /// Has all hits wait for a column command of one of them.
    #[inline]
    pub(super) fn space(&mut self, at: usize, cycle: u64, spacing: Spacing) {
        let Hit { group, rank, .. } = self.hits[at];
        let of_group = &mut self.groups[usize::from(group)];
        *of_group = (*of_group).max(cycle + spacing.group);
        for (other, of_rank) in self.ranks.iter_mut().enumerate() {
            let distance = if other == usize::from(rank) {
                spacing.rank
            } else {
                spacing.other_rank
            };
            *of_rank = (*of_rank).max(cycle + distance);
        }
    }

    /// The oldest activate or precharge among those that can go first, by its place.
    #[inline]
    pub(super) fn next_row(&self, free: u64) -> Option<(u64, usize)> {
        let mut best = None;
        let mut best_at = NEVER;
        for (at, command) in self.rows.iter().enumerate() {
            let cycle = command.cycle.max(free);
            if cycle < best_at {
                best_at = cycle;
                best = Some((cycle, at));
                if cycle == free {
                    break;
                }
            }
        }
        best
    }

    fn insert_hit(&mut self, hit: Hit) {
        let place = self.hits.partition_point(|other| other.index < hit.index);
        self.hits.insert(place, hit);
    }

    fn insert_row(&mut self, command: RowCommand) {
        let older = |other: &RowCommand| other.index < command.index;
        let place = self.rows.partition_point(older);
        self.rows.insert(place, command);
    }

    /// Moves up the visits behind one that has left the window.
    fn close_up(&mut self, gone: u32) {
        for hit in &mut self.hits {
            hit.index -= u32::from(hit.index > gone);
        }
        for command in &mut self.rows {
            command.index -= u32::from(command.index > gone);
        }
    }
}

impl Controller {
    /// Looks candidates up, unless they are known.
    pub(super) fn find_candidates(&mut self) {
        if self.candidates.valid && !self.reference_path {
            return;
        }
        let candidates = &mut self.candidates;
        candidates.valid = true;
        candidates.look_up += 1;
        candidates.hits.clear();
        candidates.rows.clear();
        candidates.groups.fill(0);
        candidates.ranks.fill(0);
        let look_up = candidates.look_up;
        let queue = self.turn.direction as usize;
        for index in 0..self.queues[queue].visits.len() {
            let visit = &self.queues[queue].visits[index];
            let bank = &mut self.banks[visit.bank];
            let first = bank.mark.any != look_up;
            let hit = bank.open && bank.row == visit.row;
            bank.mark.any = look_up;
            if hit && bank.mark.decided != look_up && (first || bank.hits < self.device.row_hits) {
                bank.mark.decided = look_up;
                if !bank.blocked_by_refresh {
                    let precedence = if first {
                        Precedence::Oldest
                    } else {
                        Precedence::PassesOlder
                    };
                    let hit = self.hit(index, precedence);
                    self.candidates.hits.push(hit);
                }
            }
        }
        for index in 0..self.queues[queue].visits.len() {
            let bank = &mut self.banks[self.queues[queue].visits[index].bank];
            if bank.mark.decided == look_up {
                continue;
            }
            bank.mark.decided = look_up;
            if !bank.blocked_by_refresh {
                let command = self.row_command(index);
                self.candidates.rows.push(command);
            }
        }
    }

    fn hit(&self, index: usize, precedence: Precedence) -> Hit {
        let visit = &self.queues[self.turn.direction as usize].visits[index];
        let (group, rank) = self.timing.group_and_rank(visit.bank);
        Hit {
            ready: self.timing.earliest(self.column_kind(), visit.bank),
            index: index as u32,
            bank: visit.bank as u16,
            group,
            rank,
            precedence,
            budget: self.train_budget(visit, precedence),
            ..Hit::default()
        }
    }

    fn row_command(&self, index: usize) -> RowCommand {
        let visit = &self.queues[self.turn.direction as usize].visits[index];
        let kind = if self.banks[visit.bank].open {
            RowKind::Precharge
        } else {
            RowKind::Activate
        };
        RowCommand {
            cycle: self.timing.earliest(kind.command(), visit.bank),
            kind,
            row: visit.row,
            bank: visit.bank as u32,
            index: index as u32,
        }
    }

    /// Adds the new visits of the window, from the `known`-th on, to the candidates.
    pub(super) fn admit(&mut self, known: usize) {
        if !self.candidates.valid {
            return;
        }
        for index in known..self.queues[self.turn.direction as usize].visits.len() {
            let visit = &self.queues[self.turn.direction as usize].visits[index];
            let bank = &self.banks[visit.bank];
            let number = visit.bank as u16;
            if bank.blocked_by_refresh || self.candidates.hits.iter().any(|hit| hit.bank == number)
            {
                continue;
            }
            let same = |command: &RowCommand| command.bank == u32::from(number);
            let older = self.candidates.rows.iter().position(same);
            let hit = bank.open && bank.row == visit.row;
            match older {
                None if hit => {
                    let hit = self.hit(index, Precedence::Oldest);
                    self.candidates.insert_hit(hit);
                }
                None => {
                    let command = self.row_command(index);
                    self.candidates.rows.push(command);
                }
                Some(older) if hit && bank.hits < self.device.row_hits => {
                    self.candidates.rows.remove(older);
                    let hit = self.hit(index, Precedence::PassesOlder);
                    self.candidates.insert_hit(hit);
                }
                Some(_) => {}
            }
        }
    }

    /// Replaces a hit whose visit has left the window by what its bank needs next. Visits behind
    /// the first `known` ones are new.
    pub(super) fn replace_visit(&mut self, at: usize, known: usize) {
        let gone = self.candidates.hits.remove(at);
        self.candidates.close_up(gone.index);
        self.look_up_bank(usize::from(gone.bank), known);
        self.admit(known);
    }

    /// Replaces a hit that may no longer pass an older visit by what its bank needs next.
    pub(super) fn end_passing(&mut self, at: usize) {
        let gone = self.candidates.hits.remove(at);
        let visits = self.queues[self.turn.direction as usize].visits.len();
        self.look_up_bank(usize::from(gone.bank), visits);
    }

    /// Looks up what a bank without a candidate needs for the first `known` visits.
    fn look_up_bank(&mut self, bank: usize, known: usize) {
        let state = &self.banks[bank];
        if state.blocked_by_refresh {
            return;
        }
        let visits = &self.queues[self.turn.direction as usize].visits;
        let mut oldest = None;
        for (index, visit) in visits[..known].iter().enumerate() {
            if visit.bank != bank {
                continue;
            }
            let precedence = match oldest {
                None => Precedence::Oldest,
                Some(_) => Precedence::PassesOlder,
            };
            let hit = state.open && state.row == visit.row;
            let may_pass = precedence == Precedence::Oldest || state.hits < self.device.row_hits;
            if hit && may_pass {
                let hit = self.hit(index, precedence);
                self.candidates.insert_hit(hit);
                return;
            }
            oldest = oldest.or(Some(index));
        }
        if let Some(index) = oldest {
            let command = self.row_command(index);
            self.candidates.insert_row(command);
        }
    }

    /// Issues a row command.
    pub(super) fn issue_row(&mut self, cycle: u64, at: usize) {
        let RowCommand {
            kind,
            row,
            bank,
            index,
            ..
        } = self.candidates.rows[at];
        let bank = bank as usize;
        self.decided = cycle;
        let spacing = match kind {
            RowKind::Activate => {
                self.activate(cycle, bank, row);
                self.candidates.rows.remove(at);
                let hit = self.hit(index as usize, Precedence::Oldest);
                self.candidates.insert_hit(hit);
                self.row_spacing.activate
            }
            RowKind::Precharge => {
                self.precharge(cycle, bank);
                let command = &mut self.candidates.rows[at];
                command.kind = RowKind::Activate;
                command.cycle = self.timing.earliest(Command::Activate, bank);
                self.row_spacing.precharge
            }
        };
        for command in &mut self.candidates.rows {
            if spacing[command.kind as usize] {
                let kind = command.kind.command();
                command.cycle = self.timing.earliest(kind, command.bank as usize);
            }
        }
    }

    fn precharge(&mut self, cycle: u64, bank: usize) {
        self.timing.issue(Command::Precharge, bank, cycle);
        self.take_row_bus(cycle, 1);
        let state = &mut self.banks[bank];
        state.open = false;
        state.wait_from = cycle;
        self.account.counters.precharges += 1;
        self.note(cycle, Command::Precharge, bank, 0, 0);
    }

    fn activate(&mut self, cycle: u64, bank: usize, row: u32) {
        self.timing.issue(Command::Activate, bank, cycle);
        self.take_row_bus(cycle, self.device.activate_bus);
        let precharge = self.timing_since_precharge(bank, cycle);
        let state = &mut self.banks[bank];
        state.open = true;
        state.row = row;
        state.hits = 0;
        state.wait_from = precharge;
        self.account.counters.activates += 1;
        self.note(cycle, Command::Activate, bank, row, 0);
        if self.device.data_clock.is_some() {
            self.note(cycle + 1, Command::Activate2, bank, row, 0);
        }
    }

    /// The cycle of the bank's precharge, if the activate followed it as soon as it could; else the
    /// cycle of the activate.
    fn timing_since_precharge(&self, bank: usize, cycle: u64) -> u64 {
        let state = &self.banks[bank];
        if state.wait_from > 0 && cycle - state.wait_from <= 2 * (self.device.precharge + 1) {
            state.wait_from
        } else {
            cycle
        }
    }

    pub(super) fn take_row_bus(&mut self, cycle: u64, cycles: u64) {
        self.buses.row_free = cycle + cycles;
        if !self.device.two_buses {
            self.buses.column_free = self.buses.row_free;
        }
    }
}
