//! DRAMsim3's controller, command for command.
//!
//! A read queue and a write buffer feed one command queue a bank; a round-robin pointer over those
//! queues chooses the command of each tick. See the crate's README for the policy in words.

use std::collections::VecDeque;

use crate::address::{AddressMap, Hash};
use crate::command::{Command, Issued, Place};
use crate::preset::Organisation;
use crate::request::Request;
use crate::standard::Standard;
use crate::timing::{Shape, Timing};

use super::config::{ReplicaConfig, ReplicaError};
use super::driver::{Arrived, ChannelStatistics, RequestChannel};

const STANDARD: &str = include_str!("../../standards/dramsim3.ron");

/// Writes that stay in the write buffer when nothing else is to do.
const IDLE_WRITES: usize = 8;
/// Column commands of a row after which its bank's oldest request may close it.
const ROW_HITS: u32 = 4;

/// A checked configuration.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) channels: u64,
    pub(crate) tick_ps: f64,
    pub(crate) request_bytes: u64,
    pub(crate) burst: u64,
    map: AddressMap,
    request_shift: u32,
    shape: Shape,
    timing: Timing,
    read_return: u64,
    write_data: u64,
    refresh_interval: u64,
    closes_page: bool,
    two_commands: bool,
    queue_depth: usize,
    buffer_depth: usize,
}

impl Setup {
    pub(crate) fn new(config: &ReplicaConfig) -> Result<Self, ReplicaError> {
        let hbm = config.text("protocol") == Some("HBM");
        let ranks = config.positive("ranks")?;
        let groups = config.positive("bankgroups")?;
        let banks = config.positive("banks_per_group")?;
        let burst_length = config.positive("BL")?;
        let request_bytes = config.positive("bus_width")? / 8 * burst_length;
        let columns = config.positive("columns")? * if hbm { 2 } else { 1 };
        let organisation = Organisation {
            ranks,
            bank_groups: groups,
            banks_per_group: banks,
            rows_per_bank: config.positive("rows")?,
            row_bytes: columns / burst_length * request_bytes,
            access_bytes: request_bytes,
        };
        let channels = config.positive("channels")?;
        let mapping = config.text("address_mapping").unwrap_or_default();
        let map = AddressMap::new(mapping, &organisation, channels, Hash::None)
            .map_err(|error| config.wrong("address_mapping", &error.to_string()))?;
        if !request_bytes.is_power_of_two() {
            return Err(config.wrong("bus_width", "must give bursts of a power of two of bytes"));
        }
        let mut parameters = config.parameters();
        let mut derive = |name: &str, value: u64| parameters.insert(name.to_owned(), value);
        let additive = config.number_or("AL", 0)?;
        let (read, write) = (
            config.positive("CL")? + additive,
            config.positive("CWL")? + additive,
        );
        let burst = (burst_length / 2).max(1);
        derive("RL", read);
        derive("WL", write);
        derive("B", burst);
        if groups == 1 {
            for short in ["tRRD", "tCCD", "tWTR"] {
                derive(&format!("{short}_L"), config.number(&format!("{short}_S"))?);
            }
        }
        if !hbm {
            derive("tRCDRD", config.number("tRCD")?);
            derive("tRCDWR", config.number("tRCD")?);
        }
        let standard: Standard = match ron::from_str(STANDARD) {
            Ok(standard) => standard,
            Err(error) => panic!("standards/dramsim3.ron: {error}"),
        };
        let rules = standard
            .rules(&parameters)
            .map_err(|error| config.wrong("timings", &error.to_string()))?;
        let shape = Shape {
            ranks: ranks as usize,
            groups: groups as usize,
            banks: banks as usize,
        };
        Ok(Self {
            channels,
            tick_ps: config.fraction("tCK")? * 1000.0,
            request_bytes,
            burst,
            map,
            request_shift: request_bytes.trailing_zeros(),
            shape,
            timing: Timing::new(shape, &rules),
            read_return: read + burst,
            write_data: write + burst,
            refresh_interval: (config.positive("tREFI")? / ranks).max(1),
            closes_page: config.text("row_buf_policy") == Some("CLOSE_PAGE"),
            two_commands: hbm && config.text("hbm_dual_cmd") != Some("False"),
            queue_depth: config.positive("cmd_queue_size")? as usize,
            buffer_depth: config.positive("trans_queue_size")? as usize,
        })
    }

    pub(crate) fn arrived(&self, request: &Request) -> Arrived {
        let burst = request.address >> self.request_shift;
        let location = self.map.locate(burst);
        let group = location.rank as usize * self.shape.groups + location.group as usize;
        Arrived {
            burst,
            channel: location.channel as usize,
            unit: 0,
            bank: group * self.shape.banks + location.bank as usize,
            row: location.row as u32,
            column: location.column as u32,
            write: request.write,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    burst: u64,
    accepted: u64,
    bank: usize,
    row: u32,
    column: u32,
    write: bool,
}

/// A bank with its command queue.
#[derive(Clone, Debug)]
struct Bank {
    queue: Vec<Entry>,
    row: Option<u32>,
    /// Column commands since the activate.
    hits: u32,
    /// What the queue can give, in the order of its entries: a command and its entry. Only one
    /// entry of each kind can ever be the first that is ready.
    choices: [(Command, u8); 3],
    choice_count: u8,
}

/// One channel.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    shape: Shape,
    timing: Timing,
    banks: Vec<Bank>,
    reads: Vec<Entry>,
    writes: Vec<Entry>,
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
    closes_page: bool,
    two_commands: bool,
    queue_depth: usize,
    buffer_depth: usize,
    next_event: u64,
    statistics: ChannelStatistics,
    log: Option<Vec<Issued>>,
}

impl Channel {
    pub(crate) fn new(setup: &Setup, record: bool) -> Self {
        let bank = Bank {
            queue: Vec::with_capacity(setup.queue_depth),
            row: None,
            hits: 0,
            choices: [(Command::Activate, 0); 3],
            choice_count: 0,
        };
        Self {
            shape: setup.shape,
            timing: setup.timing.clone(),
            banks: vec![bank; setup.shape.total_banks()],
            reads: Vec::with_capacity(setup.buffer_depth),
            writes: Vec::with_capacity(setup.buffer_depth),
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
            closes_page: setup.closes_page,
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

    /// Step 4: the first queue after the pointer that can give a command now; moves the pointer.
    fn queue_command(&mut self, tick: u64) -> Option<(Command, usize, usize)> {
        let frozen = self.frozen();
        let count = self.banks.len();
        let per_rank = self.shape.banks_per_rank();
        let mut at = self.pointer;
        for _ in 0..count {
            at += 1;
            if at == count {
                at = 0;
            }
            let bank = &self.banks[at];
            if bank.choice_count == 0 || frozen.is_some_and(|rank| at / per_rank == rank) {
                continue;
            }
            for &(command, entry) in &bank.choices[..usize::from(bank.choice_count)] {
                if self.timing.earliest(command, at) <= tick {
                    self.pointer = at;
                    return Some((command, at, usize::from(entry)));
                }
            }
        }
        None
    }

    /// Looks up what a bank's queue can give.
    fn choose(&mut self, at: usize) {
        let closes = self.closes_page;
        let bank = &mut self.banks[at];
        bank.choice_count = 0;
        if bank.queue.is_empty() {
            return;
        }
        let mut add = |command, entry| {
            bank.choices[usize::from(bank.choice_count)] = (command, entry as u8);
            bank.choice_count += 1;
        };
        let Some(row) = bank.row else {
            add(Command::Activate, 0);
            return;
        };
        let (mut read, mut write) = (false, false);
        for (index, entry) in bank.queue.iter().enumerate() {
            if entry.row != row {
                let blocked = index > 0
                    || (bank.hits < ROW_HITS && bank.queue.iter().any(|other| other.row == row));
                if !blocked {
                    add(Command::Precharge, index);
                }
            } else if entry.write {
                let depends = || {
                    bank.queue[..index].iter().any(|earlier| {
                        !earlier.write && earlier.row == row && earlier.column == entry.column
                    })
                };
                if !write && !depends() {
                    add(
                        if closes {
                            Command::WriteAuto
                        } else {
                            Command::Write
                        },
                        index,
                    );
                    write = true;
                }
            } else if !read {
                add(
                    if closes {
                        Command::ReadAuto
                    } else {
                        Command::Read
                    },
                    index,
                );
                read = true;
            }
        }
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

    fn give_refresh(&mut self, tick: u64, command: Command, at: usize) {
        self.timing.issue(command, at, tick);
        self.note(tick, command, at, 0, 0);
        if command == Command::Precharge {
            self.banks[at].row = None;
            self.choose(at);
        } else {
            self.refreshes.pop_front();
        }
    }

    fn give(&mut self, tick: u64, command: Command, at: usize, index: usize) {
        self.timing.issue(command, at, tick);
        let bank = &mut self.banks[at];
        let entry = bank.queue[index];
        match command {
            Command::Activate => {
                bank.row = Some(entry.row);
                bank.hits = 0;
            }
            Command::Precharge => bank.row = None,
            _ => {
                bank.queue.remove(index);
                bank.hits += 1;
                self.queued -= 1;
                self.statistics.row_misses += u64::from(bank.hits == 1);
                if command.closes() {
                    bank.row = None;
                }
                if entry.write {
                    self.statistics.last_write_command = Some(tick);
                    self.statistics.last_write_done = tick + self.write_data;
                } else {
                    self.finish_read(tick, &entry);
                }
            }
        }
        self.choose(at);
        self.note(tick, command, at, entry.row, entry.column);
    }

    fn finish_read(&mut self, tick: u64, entry: &Entry) {
        let done = tick + self.read_return;
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
        let waits = |entry: &Entry| entry.burst == burst && !entry.write;
        self.banks[bank].queue.iter().any(waits) || self.reads.iter().any(waits)
    }

    fn writes_burst(&self, burst: u64, bank: usize) -> bool {
        let waits = |entry: &Entry| entry.burst == burst && entry.write;
        self.banks[bank].queue.iter().any(waits) || self.writes.iter().any(waits)
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
        let room = |entry: &Entry| self.banks[entry.bank].queue.len() < self.queue_depth;
        let Some(index) = from.iter().position(room) else {
            return;
        };
        let entry = from[index];
        if entry.write {
            if self.reads_burst(entry.burst, entry.bank) {
                self.draining = 0;
                return;
            }
            self.draining -= 1;
            self.writes.remove(index);
        } else {
            self.reads.remove(index);
        }
        self.banks[entry.bank].queue.push(entry);
        self.queued += 1;
        self.choose(entry.bank);
    }

    /// Whether step 6 would do anything.
    fn can_move(&self) -> bool {
        if self.starts_draining() {
            return true;
        }
        let from = if self.draining > 0 {
            &self.writes
        } else {
            &self.reads
        };
        from.iter()
            .any(|entry| self.banks[entry.bank].queue.len() < self.queue_depth)
    }

    fn find_next_event(&self, tick: u64) -> u64 {
        if self.can_move() {
            return tick + 1;
        }
        let mut next = self.next_refresh;
        let per_rank = self.shape.banks_per_rank();
        let frozen = self.frozen();
        if let Some(rank) = frozen {
            next = next.min(self.refresh_event(rank * per_rank));
        }
        for (at, bank) in self.banks.iter().enumerate() {
            if bank.choice_count == 0 || frozen.is_some_and(|rank| at / per_rank == rank) {
                continue;
            }
            for &(command, _) in &bank.choices[..usize::from(bank.choice_count)] {
                next = next.min(self.timing.earliest(command, at));
            }
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
            bank: request.bank,
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
            && self.reads.is_empty()
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
