//! DRAMsim3's controller, command for command.
//!
//! A read queue and a write buffer feed one command queue a bank; a round-robin pointer over those
//! queues chooses the command of each tick. See the crate's README for the policy in words.
//!
//! When each bank's queue can give something is kept, and looked up again only where a command or
//! a moved request can have changed it.

mod bank;
mod setup;
mod waiting;

use std::collections::VecDeque;

use crate::command::{Command, Issued, Place};
use crate::timing::{Shape, Timing};

use super::driver::{Arrived, ChannelStatistics, RequestChannel};

use bank::Bank;
pub(crate) use setup::{Setup, facts};
use waiting::{Entry, Filter, Waiting};

/// Writes that stay in the write buffer when nothing else is to do.
const IDLE_WRITES: usize = 8;

const NEVER: u64 = u64::MAX;

/// The command that goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planned {
    /// To be looked up.
    Unknown,
    /// One of these banks gives it at a tick, and none gives any before; the tick may be "never".
    At(u64, u64),
}

/// Banks whose choices have a command of a kind that others must keep a distance from.
#[derive(Clone, Copy, Debug, Default)]
struct Kinds {
    activates: u64,
    precharges: u64,
    columns: u64,
}

/// One channel.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    shape: Shape,
    timing: Timing,
    banks: Vec<Bank>,
    reads: Waiting,
    writes: Waiting,
    reads_under_way: Filter,
    writes_under_way: Filter,
    /// Banks whose queue is full, and whose queue can give something.
    full: u64,
    choosing: u64,
    /// Those by what their queues can give.
    kinds: Kinds,
    /// When each bank's queue can give something, but for the banks of `stale`.
    ready: Vec<u64>,
    stale: u64,
    /// Whether precharges of other banks wait for a precharge.
    spaced_precharges: bool,
    /// The column commands of the page policy.
    read: Command,
    write: Command,
    /// The command that goes next, unless the banks' queues or a refresh change before.
    planned: Planned,
    /// Reads merged with an earlier one of the same burst: burst, accepted.
    merged: Vec<(u64, u64)>,
    draining: usize,
    /// The queue that gave the last command.
    pointer: usize,
    queued: usize,
    refresh_interval: u64,
    next_refresh: u64,
    next_rank: usize,
    refreshes: VecDeque<usize>,
    read_return: u64,
    write_data: u64,
    two_commands: bool,
    queue_depth: usize,
    buffer_depth: usize,
    next_event: u64,
    statistics: ChannelStatistics,
    log: Option<Vec<Issued>>,
}

impl Channel {
    pub(crate) fn new(setup: &Setup, record: bool) -> Self {
        let banks = setup.shape.total_banks();
        let [read, write] = setup.column_commands();
        Self {
            shape: setup.shape,
            timing: setup.timing.clone(),
            banks: vec![Bank::new(setup.queue_depth); banks],
            reads: Waiting::new(setup.buffer_depth, banks),
            writes: Waiting::new(setup.buffer_depth, banks),
            reads_under_way: Filter::EMPTY,
            writes_under_way: Filter::EMPTY,
            full: 0,
            choosing: 0,
            kinds: Kinds::default(),
            ready: vec![NEVER; banks],
            stale: 0,
            spaced_precharges: setup
                .timing
                .spaces_others(Command::Precharge, Command::Precharge),
            read,
            write,
            planned: Planned::Unknown,
            merged: Vec::new(),
            draining: 0,
            pointer: 0,
            queued: 0,
            refresh_interval: setup.refresh_interval,
            next_refresh: setup.refresh_interval,
            next_rank: 0,
            refreshes: VecDeque::new(),
            read_return: setup.read_return,
            write_data: setup.write_data,
            two_commands: setup.two_commands,
            queue_depth: setup.queue_depth,
            buffer_depth: setup.buffer_depth,
            next_event: 0,
            statistics: ChannelStatistics::default(),
            log: record.then(Vec::new),
        }
    }

    /// The rank whose queues a refresh has frozen.
    fn frozen(&self) -> Option<usize> {
        self.refreshes.front().copied()
    }

    /// Step 3: the command that the oldest pending refresh needs, if it can go now.
    fn refresh_command(&self, tick: u64) -> Option<(Command, usize)> {
        let rank = self.frozen()?;
        let first = rank * self.shape.banks_per_rank();
        let mut all = true;
        for bank in first..first + self.shape.banks_per_rank() {
            if self.banks[bank].row.is_some() {
                if self.timing.earliest(Command::Precharge, bank) <= tick {
                    return Some((Command::Precharge, bank));
                }
                all = false;
            } else {
                all &= self.timing.earliest(Command::RefreshAll, bank) <= tick;
            }
        }
        all.then_some((Command::RefreshAll, first))
    }

    /// The banks whose queues can give something and are not frozen.
    fn awake(&self) -> u64 {
        match self.frozen() {
            None => self.choosing,
            Some(rank) => {
                let per_rank = self.shape.banks_per_rank();
                let banks = u64::MAX >> (64 - per_rank);
                self.choosing & !(banks << (rank * per_rank))
            }
        }
    }

    /// Step 4: the first queue after the pointer that can give a command now; moves the pointer.
    fn queue_command(&mut self, tick: u64) -> Option<(Command, usize, usize)> {
        let (at, banks) = match self.planned {
            Planned::At(at, banks) if at >= tick => (at, banks),
            _ => self.plan(tick),
        };
        if at > tick {
            return None;
        }
        // Those after the pointer first, then those up to it.
        let after = banks & !(u64::MAX >> (63 - self.pointer));
        let at = if after == 0 { banks } else { after }.trailing_zeros() as usize;
        self.pointer = at;
        Some(self.ready_choice(at, tick))
    }

    /// The first of the entries of a bank's queue whose command can go now: one can.
    fn ready_choice(&self, at: usize, tick: u64) -> (Command, usize, usize) {
        let choices = &self.banks[at].choices;
        let can_go = |command| self.timing.earliest(command, at) <= tick;
        if let Some(command) = choices.row
            && can_go(command)
        {
            return (command, at, 0);
        }
        match (choices.read, choices.write) {
            (Some(read), write)
                if write.is_none_or(|write| read < write || !can_go(self.write))
                    && can_go(self.read) =>
            {
                (self.read, at, usize::from(read))
            }
            (_, Some(write)) => (self.write, at, usize::from(write)),
            _ => unreachable!("a bank that is ready has a choice"),
        }
    }

    /// When a bank's queue can give something.
    #[inline]
    fn look_up_ready(&self, at: usize) -> u64 {
        let choices = &self.banks[at].choices;
        let mut ready = NEVER;
        if let Some(command) = choices.row {
            ready = self.timing.earliest(command, at);
        }
        if choices.read.is_some() {
            ready = ready.min(self.timing.earliest(self.read, at));
        }
        if choices.write.is_some() {
            ready = ready.min(self.timing.earliest(self.write, at));
        }
        ready
    }

    /// The first tick from `tick` on in which a queue can give a command, and the banks of all
    /// queues that can then.
    fn plan(&mut self, tick: u64) -> (u64, u64) {
        let mut stale = self.stale & self.choosing;
        self.stale = 0;
        while stale != 0 {
            let at = stale.trailing_zeros() as usize;
            stale &= stale - 1;
            self.ready[at] = self.look_up_ready(at);
        }
        let mut best = (NEVER, 0);
        let mut left = self.awake();
        while left != 0 {
            let at = left.trailing_zeros() as usize;
            left &= left - 1;
            let ready = self.ready[at].max(tick);
            if ready < best.0 {
                best = (ready, 1 << at);
            } else if ready == best.0 {
                best.1 |= 1 << at;
            }
        }
        self.planned = Planned::At(best.0, best.1);
        best
    }

    /// Takes note that a bank's queue can give something else now.
    #[inline]
    fn note_choices(&mut self, at: usize) {
        let choices = &self.banks[at].choices;
        let bit = 1 << at;
        let set = |banks: &mut u64, on: bool| {
            *banks = *banks & !bit | u64::from(on) << at;
        };
        let row = |command| choices.row == Some(command);
        set(&mut self.kinds.activates, row(Command::Activate));
        set(&mut self.kinds.precharges, row(Command::Precharge));
        let column = choices.read.is_some() || choices.write.is_some();
        set(&mut self.kinds.columns, column);
        set(&mut self.choosing, choices.any());
        self.stale |= bit;
        self.planned = Planned::Unknown;
    }

    fn note(&mut self, tick: u64, command: Command, at: usize, row: u32, column: u32) {
        self.statistics.commands[command as usize] += 1;
        if let Some(log) = &mut self.log {
            let group = at / self.shape.banks;
            log.push(Issued {
                cycle: tick,
                command,
                place: Place {
                    pseudo_channel: 0,
                    rank: (group / self.shape.groups) as u8,
                    group: (group % self.shape.groups) as u8,
                    bank: (at % self.shape.banks) as u8,
                    row,
                    column,
                },
            });
        }
    }

    /// Tells the timing, and which banks have to be looked up again.
    #[inline]
    fn issue(&mut self, tick: u64, command: Command, at: usize) {
        self.timing.issue(command, at, tick);
        self.planned = Planned::Unknown;
        self.stale |= match command {
            Command::Activate => self.kinds.activates,
            Command::Precharge if self.spaced_precharges => self.kinds.precharges,
            Command::Precharge => 0,
            Command::RefreshAll => u64::MAX,
            _ => self.kinds.columns,
        };
    }

    fn give_refresh(&mut self, tick: u64, command: Command, at: usize) {
        self.issue(tick, command, at);
        self.note(tick, command, at, 0, 0);
        if command == Command::Precharge {
            self.banks[at].row = None;
            self.banks[at].look_up();
            self.note_choices(at);
        } else {
            self.refreshes.pop_front();
        }
    }

    fn give(&mut self, tick: u64, command: Command, at: usize, index: usize) {
        self.issue(tick, command, at);
        let bank = &mut self.banks[at];
        let before = bank.choices;
        let entry = match command {
            Command::Activate => {
                let entry = bank.queue[index];
                bank.row = Some(entry.row);
                bank.hits = 0;
                entry
            }
            Command::Precharge => {
                bank.row = None;
                bank.queue[index]
            }
            _ => {
                let entry = bank.take(index);
                bank.hits += 1;
                self.statistics.row_misses += u64::from(bank.hits == 1);
                if command.closes() {
                    bank.row = None;
                }
                self.queued -= 1;
                self.full &= !(1 << at);
                if entry.write {
                    self.writes_under_way.remove(entry.burst);
                    self.statistics.last_write_command = Some(tick);
                    self.statistics.last_write_done = tick + self.write_data;
                } else {
                    self.finish_read(tick, &entry);
                }
                entry
            }
        };
        let bank = &mut self.banks[at];
        bank.look_up();
        if bank.choices == before {
            self.stale |= 1 << at;
        } else {
            self.note_choices(at);
        }
        self.note(tick, command, at, entry.row, entry.column);
    }

    fn finish_read(&mut self, tick: u64, entry: &Entry) {
        let done = tick + self.read_return;
        self.reads_under_way.remove(entry.burst);
        self.statistics.returned(entry.accepted, done);
        if !self.merged.is_empty() {
            let statistics = &mut self.statistics;
            self.merged.retain(|&(burst, accepted)| {
                if burst == entry.burst {
                    statistics.returned(accepted, done);
                }
                burst != entry.burst
            });
        }
    }

    fn reads_burst(&self, burst: u64, bank: usize) -> bool {
        self.reads_under_way.may_have(burst)
            && (self.banks[bank].has(burst, false) || self.reads.has(burst, bank))
    }

    fn writes_burst(&self, burst: u64, bank: usize) -> bool {
        self.writes_under_way.may_have(burst)
            && (self.banks[bank].has(burst, true) || self.writes.has(burst, bank))
    }

    fn starts_draining(&self) -> bool {
        self.draining == 0
            && (self.writes.len() >= self.buffer_depth
                || (self.writes.len() > IDLE_WRITES && self.queued == 0))
    }

    /// Step 6: moves a request from the read queue or the write buffer to its bank's queue.
    fn move_request(&mut self) {
        if self.starts_draining() {
            self.draining = self.writes.len();
        }
        let from = if self.draining > 0 {
            &self.writes
        } else {
            &self.reads
        };
        let Some(entry) = from.first_beside(self.full) else {
            return;
        };
        let at = usize::from(entry.bank);
        if entry.write {
            if self.reads_burst(entry.burst, at) {
                self.draining = 0;
                return;
            }
            self.draining -= 1;
            self.writes.remove_first(entry.bank);
        } else {
            self.reads.remove_first(entry.bank);
        }
        self.queued += 1;
        let changed = self.banks[at].push(entry);
        if self.banks[at].queue.len() >= self.queue_depth {
            self.full |= 1 << at;
        }
        if changed {
            self.note_choices(at);
        }
    }

    /// Whether step 6 would do anything.
    fn can_move(&self) -> bool {
        let from = if self.draining > 0 {
            &self.writes
        } else {
            &self.reads
        };
        from.banks & !self.full != 0 || self.starts_draining()
    }

    fn find_next_event(&mut self, tick: u64) -> u64 {
        if self.can_move() {
            return tick + 1;
        }
        let at = match self.planned {
            Planned::At(at, _) if at > tick => at,
            _ => self.plan(tick + 1).0,
        };
        let mut next = self.next_refresh.min(at);
        if let Some(rank) = self.frozen() {
            next = next.min(self.refresh_event(rank * self.shape.banks_per_rank()));
        }
        next.max(tick + 1)
    }

    fn refresh_event(&self, first: usize) -> u64 {
        let banks = first..first + self.shape.banks_per_rank();
        let open = |bank: &usize| self.banks[*bank].row.is_some();
        banks
            .clone()
            .filter(open)
            .map(|bank| self.timing.earliest(Command::Precharge, bank))
            .min()
            .unwrap_or_else(|| {
                let ready = |bank| self.timing.earliest(Command::RefreshAll, bank);
                banks.map(ready).max().unwrap_or(0)
            })
    }
}

impl RequestChannel for Channel {
    fn offer(&mut self, tick: u64, request: &Arrived) -> bool {
        let entry = Entry {
            burst: request.burst,
            accepted: tick,
            bank: request.bank as u16,
            row: request.row,
            column: request.column,
            write: request.write,
        };
        if request.write {
            if self.writes.len() >= self.buffer_depth {
                return false;
            }
            if !self.writes_burst(request.burst, request.bank) {
                self.writes.push(entry);
                self.writes_under_way.add(entry.burst);
            }
        } else {
            if self.reads.len() >= self.buffer_depth {
                return false;
            }
            if self.writes_burst(request.burst, request.bank) {
                self.statistics.returned(tick, tick + 2);
            } else if self.reads_burst(request.burst, request.bank) {
                self.merged.push((request.burst, tick));
            } else {
                self.reads.push(entry);
                self.reads_under_way.add(entry.burst);
            }
        }
        if self.can_move() {
            self.next_event = self.next_event.min(tick + 1);
        }
        true
    }

    fn tick(&mut self, tick: u64) {
        if tick == self.next_refresh {
            self.next_refresh += self.refresh_interval;
            self.refreshes.push_back(self.next_rank);
            self.planned = Planned::Unknown;
            self.next_rank = (self.next_rank + 1) % self.shape.ranks;
        }
        let mut given = None;
        if let Some((command, at)) = self.refresh_command(tick) {
            self.give_refresh(tick, command, at);
            given = Some(command);
        } else if let Some((command, at, index)) = self.queue_command(tick) {
            self.give(tick, command, at, index);
            given = Some(command);
        }
        if self.two_commands
            && let Some(first) = given
            && let Some((command, at, index)) = self.queue_command(tick)
            && command.is_column() != first.is_column()
        {
            self.give(tick, command, at, index);
        }
        self.move_request();
        self.next_event = self.find_next_event(tick);
    }

    fn next_event(&self) -> u64 {
        self.next_event
    }

    fn done(&self) -> bool {
        self.queued == 0
            && self.reads.len() == 0
            && self.draining == 0
            && self.writes.len() <= IDLE_WRITES
    }

    fn statistics(&self) -> &ChannelStatistics {
        &self.statistics
    }

    fn take_commands(&mut self) -> Vec<Issued> {
        self.log.take().unwrap_or_default()
    }
}
