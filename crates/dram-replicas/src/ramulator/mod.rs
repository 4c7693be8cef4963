//! Ramulator 2.1's controller, command for command.
//!
//! A read and a write buffer, an active buffer for requests whose row was opened for them, and a
//! priority buffer for refreshes; in each the oldest request whose command can go now is chosen.

mod map;
mod refresh;
mod setup;
mod two_step;

use std::collections::VecDeque;

use dram::Direction;
use dram::command::{Command, Issued, Place};
use dram::timing::{Shape, Timing};

use super::driver::{Arrived, ChannelStatistics, Recording, RequestChannel};

use setup::Kind;
pub(crate) use setup::{Setup, facts};
use two_step::TwoStep;

#[derive(Clone, Copy, Debug)]
struct Entry {
    burst: u64,
    /// The tick of acceptance.
    accepted: u64,
    unit: usize,
    bank: usize,
    row: u32,
    column: u32,
    direction: Direction,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bank {
    row: Option<u32>,
    /// LPDDR5: the first half of the activate has gone, the second has not.
    half_open: bool,
    hits: u32,
    /// The number of its requests in the active buffer.
    active: u32,
}

/// A pseudo channel, or the channel where there are none.
#[derive(Clone, Debug)]
struct Unit {
    timing: Timing,
    banks: Vec<Bank>,
    /// The tick at which LPDDR5's data clock stops, if it runs.
    clock_until: Option<u64>,
    /// The tick of the last command on the row bus, which HBM3 spaces.
    last_row_command: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Buffer {
    Active,
    Reads,
    Writes,
}

/// What can go over a command bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bus {
    Any,
    Column,
    Row,
}

impl Bus {
    const fn carries(self, command: Command) -> bool {
        match self {
            Self::Any => true,
            Self::Column => command.uses_column_bus(),
            Self::Row => !command.uses_column_bus(),
        }
    }
}

/// One channel of Ramulator: its queues, timing and refresh.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    kind: Kind,
    shape: Shape,
    units: Vec<Unit>,
    reads: Vec<Entry>,
    writes: Vec<Entry>,
    active: Vec<Entry>,
    /// The refreshes that go before requests: the unit and rank of each.
    priority: VecDeque<(usize, usize)>,
    /// The tick from which the row bus is free of the last activate.
    row_bus_free: u64,
    write_mode: bool,
    /// When the read that returns last so far returns: reads return in order.
    last_return: u64,
    refresh_interval: Option<u64>,
    next_refresh: u64,
    read_latency: u64,
    write_latency: u64,
    clock_runs_on: u64,
    activate_gap: u64,
    two_step: TwoStep,
    read_depth: usize,
    write_depth: usize,
    high: f64,
    low: f64,
    next_event: u64,
    now: u64,
    statistics: ChannelStatistics,
    log: Option<Vec<Issued>>,
}

const NEVER: u64 = u64::MAX;

impl Channel {
    pub(crate) fn new(setup: &Setup, recording: Recording) -> Self {
        let shape = setup.map.shape();
        let unit = Unit {
            timing: setup.timing.clone(),
            banks: vec![Bank::default(); shape.total_banks()],
            clock_until: None,
            last_row_command: None,
        };
        Self {
            kind: setup.kind,
            shape,
            units: vec![unit; setup.units],
            reads: Vec::with_capacity(setup.read_depth),
            writes: Vec::with_capacity(setup.write_depth),
            active: Vec::new(),
            priority: VecDeque::new(),
            row_bus_free: 0,
            write_mode: false,
            last_return: 0,
            refresh_interval: setup.refresh_interval,
            // The clock is one ahead of the tick.
            next_refresh: setup
                .refresh_interval
                .map_or(NEVER, |interval| interval - 1),
            read_latency: setup.read_latency,
            write_latency: setup.write_latency,
            clock_runs_on: setup.clock_runs_on,
            activate_gap: setup.activate_gap,
            two_step: TwoStep::default(),
            read_depth: setup.read_depth,
            write_depth: setup.write_depth,
            high: setup.high,
            low: setup.low,
            next_event: 0,
            now: 0,
            statistics: ChannelStatistics::default(),
            log: recording.log(),
        }
    }

    /// The command that a request needs next.
    fn needed(&self, entry: &Entry, tick: u64) -> Command {
        let unit = &self.units[entry.unit];
        let bank = &unit.banks[entry.bank];
        match bank.row {
            None => Command::Activate,
            Some(row) if row != entry.row => Command::Precharge,
            Some(_) if bank.half_open => Command::Activate2,
            Some(_) => {
                let stands =
                    self.kind == Kind::Lpddr5 && unit.clock_until.is_none_or(|until| tick >= until);
                match (entry.direction, stands) {
                    (Direction::Read, false) => Command::Read,
                    (Direction::Read, true) => Command::CasRead,
                    (Direction::Write, false) => Command::Write,
                    (Direction::Write, true) => Command::CasWrite,
                }
            }
        }
    }

    /// When a command to a bank can go, from a tick on.
    fn earliest(&self, command: Command, unit: usize, bank: usize, from: u64) -> u64 {
        let timing = &self.units[unit].timing;
        let by_rules = match command {
            Command::CasRead => timing.earliest(Command::Read, bank),
            Command::CasWrite => timing.earliest(Command::Write, bank),
            command => timing.earliest(command, bank),
        };
        let bus = if command.uses_column_bus() {
            0
        } else {
            self.row_bus_free
        };
        self.on_edge(command, unit, by_rules.max(from).max(bus))
    }

    /// HBM3: column commands, ACT and REF go on rising edges (even ticks); PRE also on falling
    /// ones, unless its pair, the row command of the rising edge, went to the same pseudo channel.
    fn on_edge(&self, command: Command, unit: usize, tick: u64) -> u64 {
        if self.kind != Kind::Hbm3 || tick.is_multiple_of(2) {
            return tick;
        }
        let paired = self.units[unit].last_row_command == Some(tick - 1);
        if matches!(command, Command::Precharge | Command::PrechargeAll) && !paired {
            tick
        } else {
            tick + 1
        }
    }

    fn buffer(&self, buffer: Buffer) -> &[Entry] {
        match buffer {
            Buffer::Active => &self.active,
            Buffer::Reads => &self.reads,
            Buffer::Writes => &self.writes,
        }
    }

    /// The oldest of a buffer's requests whose command can go now over a bus; else when the first
    /// can. Second halves of activates are owed, not chosen, and no activate begins before.
    fn choose(&self, buffer: Buffer, bus: Bus, tick: u64) -> Result<(usize, Command), u64> {
        let mut best: Option<(usize, Command, u64)> = None;
        let mut soonest = NEVER;
        for (index, entry) in self.buffer(buffer).iter().enumerate() {
            let command = self.needed(entry, tick);
            let owed = self.two_step.deadline.is_some() && command == Command::Activate;
            if owed || command == Command::Activate2 {
                continue;
            }
            if !bus.carries(command)
                || (command == Command::Precharge
                    && self.units[entry.unit].banks[entry.bank].active > 0)
            {
                continue;
            }
            let at = self.earliest(command, entry.unit, entry.bank, tick);
            soonest = soonest.min(at);
            if at == tick && best.is_none_or(|(_, _, oldest)| entry.accepted < oldest) {
                best = Some((index, command, entry.accepted));
            }
        }
        best.map(|(index, command, _)| (index, command))
            .ok_or(soonest)
    }

    fn set_write_mode(&mut self) {
        let writes = self.writes.len() as f64;
        let depth = self.write_depth as f64;
        if self.write_mode {
            if writes < self.low * depth && !self.reads.is_empty() {
                self.write_mode = false;
            }
        } else if writes > self.high * depth || self.reads.is_empty() {
            self.write_mode = true;
        }
    }

    fn served_buffer(&mut self) -> Buffer {
        self.set_write_mode();
        if self.write_mode {
            Buffer::Writes
        } else {
            Buffer::Reads
        }
    }

    /// Chooses and issues one command over a bus; returns when the next could go if none can.
    fn issue_one(&mut self, bus: Bus, tick: u64) -> Result<(), u64> {
        if let Some(given) = self.issue_owed(tick) {
            return given;
        }
        let mut soonest = NEVER;
        if bus != Bus::Row {
            match self.issue_from(Buffer::Active, bus, tick) {
                Ok(()) => return Ok(()),
                Err(at) => soonest = at,
            }
        }
        if bus != Bus::Column
            && let Some((command, at)) = self.refresh_command(tick)
        {
            if at == tick {
                self.issue_refresh(command, tick);
                return Ok(());
            }
            soonest = soonest.min(at);
        }
        if self.priority.is_empty() {
            let buffer = self.served_buffer();
            match self.issue_from(buffer, bus, tick) {
                Ok(()) => return Ok(()),
                Err(at) => soonest = soonest.min(at),
            }
        }
        if self.two_step.deadline.is_some() {
            self.issue_second_half(tick);
            return Ok(());
        }
        Err(soonest)
    }

    fn issue_from(&mut self, buffer: Buffer, bus: Bus, tick: u64) -> Result<(), u64> {
        let (index, command) = self.choose(buffer, bus, tick)?;
        if self.two_step.leaves_no_room(command, tick) {
            self.issue_second_half(tick);
        } else {
            self.issue(buffer, index, command, tick);
        }
        Ok(())
    }

    fn note(&mut self, tick: u64, command: Command, entry: &Entry) {
        self.statistics.commands[command as usize] += 1;
        let issued = Issued {
            cycle: tick,
            command,
            place: Place {
                pseudo_channel: entry.unit as u8,
                ..self.shape.place(entry.bank, entry.row, entry.column)
            },
        };
        if let Some(log) = &mut self.log {
            log.push(issued);
        }
        if !command.uses_column_bus() {
            self.units[entry.unit].last_row_command = Some(tick);
            if command == Command::Activate {
                self.row_bus_free = tick + self.kind.activate_ticks();
            }
        }
    }

    fn issue(&mut self, buffer: Buffer, index: usize, command: Command, tick: u64) {
        let entry = self.buffer(buffer)[index];
        let unit = &mut self.units[entry.unit];
        unit.timing.issue(command, entry.bank, tick);
        let bank = &mut unit.banks[entry.bank];
        let from = match buffer {
            Buffer::Active => &mut self.active,
            Buffer::Reads => &mut self.reads,
            Buffer::Writes => &mut self.writes,
        };
        match command {
            Command::Activate => {
                bank.row = Some(entry.row);
                bank.hits = 0;
                if self.kind == Kind::Lpddr5 {
                    bank.half_open = true;
                    self.two_step.deadline = Some(tick + self.activate_gap);
                }
                bank.active += 1;
                from.remove(index);
                self.active.push(entry);
            }
            Command::Activate2 => {
                bank.half_open = false;
                self.two_step.deadline = None;
            }
            Command::Precharge => bank.row = None,
            Command::CasRead | Command::CasWrite => {
                self.two_step.column = Some((buffer, index));
            }
            _ => {
                from.remove(index);
                bank.hits += 1;
                if buffer == Buffer::Active {
                    bank.active -= 1;
                }
                let first = bank.hits == 1;
                self.statistics.row_misses += u64::from(first);
                self.finish(&entry, tick);
            }
        }
        self.note(tick, command, &entry);
    }

    fn finish(&mut self, entry: &Entry, tick: u64) {
        let latency = if entry.direction == Direction::Write {
            self.statistics.last_write_command = Some(tick);
            self.statistics.last_write_done = tick + self.write_latency;
            self.write_latency
        } else {
            self.return_read(entry.accepted, tick + self.read_latency);
            self.read_latency
        };
        let unit = &mut self.units[entry.unit];
        let until = tick + latency + self.clock_runs_on;
        unit.clock_until = unit.clock_until.max(Some(until));
    }

    /// A read returns when its data is there and all reads before it have returned.
    fn return_read(&mut self, accepted: u64, ready: u64) {
        self.last_return = self.last_return.max(ready);
        self.statistics.returned(accepted, self.last_return);
    }
}

impl RequestChannel for Channel {
    fn has_room(&self, direction: Direction) -> bool {
        // A full buffer still takes what it has already.
        direction == Direction::Write
            || self.reads.len() < self.read_depth
            || !self.writes.is_empty()
    }

    fn offer(&mut self, tick: u64, request: &Arrived) -> bool {
        let entry = Entry {
            burst: request.burst,
            accepted: tick,
            unit: usize::from(request.unit),
            bank: usize::from(request.bank),
            row: request.row,
            column: request.column,
            direction: request.direction,
        };
        let buffered = self.writes.iter().any(|write| write.burst == entry.burst);
        if request.direction == Direction::Write {
            if !buffered {
                if self.writes.len() >= self.write_depth {
                    return false;
                }
                self.writes.push(entry);
            }
        } else if buffered {
            self.return_read(tick, tick + 1);
        } else {
            if self.reads.len() >= self.read_depth {
                return false;
            }
            self.reads.push(entry);
        }
        true
    }

    fn note_offers(&mut self, tick: u64) {
        self.next_event = self.next_event.min(tick + 1);
    }

    fn tick(&mut self, tick: u64) {
        self.now = tick;
        if tick == self.next_refresh {
            self.queue_refreshes(tick);
        }
        let buses: &[Bus] = if self.kind.two_buses() {
            &[Bus::Column, Bus::Row]
        } else {
            &[Bus::Any]
        };
        let mut next = self.next_refresh;
        for &bus in buses {
            next = next.min(match self.issue_one(bus, tick) {
                Ok(()) => tick + 1,
                Err(at) => at.max(tick + 1),
            });
        }
        self.next_event = next;
    }

    fn next_event(&self) -> u64 {
        self.next_event
    }

    fn done(&self) -> bool {
        self.reads.is_empty() && self.writes.is_empty() && self.active.is_empty()
    }

    fn statistics(&self) -> &ChannelStatistics {
        &self.statistics
    }

    fn take_commands(&mut self) -> Vec<Issued> {
        self.log.take().unwrap_or_default()
    }
}
