//! DRAMsim3's controller, command for command.
//!
//! A read queue and a write buffer feed one command queue a bank; a round-robin pointer over those
//! queues chooses the command of each tick. See the crate's README for the policy in words.

use std::collections::VecDeque;

use crate::address::{AddressMap, Hash};
use crate::command::{Command, Issued, Place};
use crate::preset::Organisation;
use crate::request::Request;
use crate::standard::{Rule, Standard};
use crate::timing::{Shape, Timing};

use super::config::{ReplicaConfig, ReplicaError};
use super::driver::{Arrived, ChannelStatistics, RequestChannel};
use super::protocol::Facts;

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
        if ranks.saturating_mul(groups).saturating_mul(banks) > 64 {
            return Err(config.wrong("ranks", "must give at most 64 banks on a channel"));
        }
        let channels = config.positive("channels")?;
        let mapping = config.text("address_mapping").unwrap_or_default();
        let map = AddressMap::new(mapping, &organisation, channels, Hash::None)
            .map_err(|error| config.wrong("address_mapping", &error.to_string()))?;
        if !request_bytes.is_power_of_two() {
            return Err(config.wrong("bus_width", "must give bursts of a power of two of bytes"));
        }
        let (_, rules, [read, write, burst]) = constraints(config)?;
        let closes_page = config.text("row_buf_policy") == Some("CLOSE_PAGE");
        let mut asked = vec![Command::Activate, Command::Precharge, Command::RefreshAll];
        asked.extend(column_commands(closes_page));
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
            timing: Timing::new(shape, &rules, &asked),
            read_return: read + burst,
            write_data: write + burst,
            refresh_interval: (config.positive("tREFI")? / ranks).max(1),
            closes_page,
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

/// DRAMsim3's constraint table, in cycles for a configuration, and RL, WL and the burst.
fn constraints(config: &ReplicaConfig) -> Result<(Standard, Vec<Rule>, [u64; 3]), ReplicaError> {
    let mut parameters = config.parameters();
    let mut derive = |name: &str, value: u64| parameters.insert(name.to_owned(), value);
    let additive = config.number_or("AL", 0)?;
    let read = config.positive("CL")? + additive;
    let write = config.positive("CWL")? + additive;
    let burst = (config.positive("BL")? / 2).max(1);
    derive("RL", read);
    derive("WL", write);
    derive("B", burst);
    if config.positive("bankgroups")? == 1 {
        for short in ["tRRD", "tCCD", "tWTR"] {
            derive(&format!("{short}_L"), config.number(&format!("{short}_S"))?);
        }
    }
    if config.text("protocol") != Some("HBM") {
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
    Ok((standard, rules, [read, write, burst]))
}

/// What the checker must know.
pub(crate) fn facts(config: &ReplicaConfig) -> Result<Facts, ReplicaError> {
    let setup = Setup::new(config)?;
    let (standard, rules, [read_latency, write_latency, burst]) = constraints(config)?;
    Ok(Facts {
        standard,
        rules,
        shape: setup.shape,
        pseudo_channels: 1,
        two_buses: setup.two_commands,
        read_latency,
        write_latency,
        burst,
        refresh_interval: Some(config.positive("tREFI")?),
        two_step: None,
    })
}

/// The read and the write command of a page policy.
const fn column_commands(closes_page: bool) -> [Command; 2] {
    if closes_page {
        [Command::ReadAuto, Command::WriteAuto]
    } else {
        [Command::Read, Command::Write]
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    burst: u64,
    accepted: u64,
    row: u32,
    column: u32,
    bank: u16,
    write: bool,
}

/// Requests that wait for their bank's queue, and the banks they wait for.
#[derive(Clone, Debug)]
struct Waiting {
    entries: VecDeque<Entry>,
    by_bank: Vec<u16>,
    banks: u64,
}

impl Waiting {
    fn new(depth: usize, banks: usize) -> Self {
        Self {
            entries: VecDeque::with_capacity(depth),
            by_bank: vec![0; banks],
            banks: 0,
        }
    }

    fn len(&self) -> usize {
        self.entries.len()
    }

    fn push(&mut self, entry: Entry) {
        self.by_bank[usize::from(entry.bank)] += 1;
        self.banks |= 1 << entry.bank;
        self.entries.push_back(entry);
    }

    fn remove(&mut self, index: usize) {
        if let Some(entry) = self.entries.remove(index) {
            let left = &mut self.by_bank[usize::from(entry.bank)];
            *left -= 1;
            if *left == 0 {
                self.banks &= !(1 << entry.bank);
            }
        }
    }
}

/// How many requests are under way by a hash of their burst: most bursts are told to be new
/// without a search.
#[derive(Clone, Debug)]
struct Filter([u8; 512]);

impl Filter {
    const fn slot(burst: u64) -> usize {
        (burst.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 55) as usize
    }

    fn may_have(&self, burst: u64) -> bool {
        self.0[Self::slot(burst)] > 0
    }

    fn add(&mut self, burst: u64) {
        let count = &mut self.0[Self::slot(burst)];
        *count = count.saturating_add(1);
    }

    fn remove(&mut self, burst: u64) {
        // A count that was ever full stays, and only costs searches.
        let count = &mut self.0[Self::slot(burst)];
        if *count < u8::MAX {
            *count -= 1;
        }
    }
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

/// The command that goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planned {
    /// To be looked up.
    Unknown,
    /// One of these banks gives it at a tick, and none gives any before; the tick may be "never".
    At(u64, u64),
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
    /// The first bank and all banks of each bank group.
    groups: Vec<(usize, u64)>,
    /// Banks whose choices have each kind of command.
    kinds: [(Command, u64); 4],
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
            reads: Waiting::new(setup.buffer_depth, setup.shape.total_banks()),
            writes: Waiting::new(setup.buffer_depth, setup.shape.total_banks()),
            reads_under_way: Filter([0; 512]),
            writes_under_way: Filter([0; 512]),
            full: 0,
            choosing: 0,
            groups: (0..setup.shape.total_banks())
                .step_by(setup.shape.banks)
                .map(|first| (first, u64::MAX >> (64 - setup.shape.banks) << first))
                .collect(),
            kinds: {
                let [read, write] = column_commands(setup.closes_page);
                [Command::Activate, Command::Precharge, read, write].map(|kind| (kind, 0))
            },
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
        let banks = match self.planned {
            Planned::At(at, banks) if at <= tick => banks,
            Planned::At(..) => return None,
            Planned::Unknown => match self.plan(tick) {
                (at, banks) if at <= tick => banks,
                _ => return None,
            },
        };
        // Those after the pointer first, then those up to it.
        let after = banks & !(u64::MAX >> (63 - self.pointer));
        let at = if after == 0 { banks } else { after }.trailing_zeros() as usize;
        self.pointer = at;
        let bank = &self.banks[at];
        bank.choices[..usize::from(bank.choice_count)]
            .iter()
            .find(|(command, _)| self.timing.earliest(*command, at) <= tick)
            .map(|&(command, entry)| (command, at, usize::from(entry)))
    }

    /// The first tick from `tick` on in which a queue can give a command, and the banks of all
    /// queues that can then.
    fn plan(&self, tick: u64) -> (u64, u64) {
        let awake = self.awake();
        let mut best = (u64::MAX, 0);
        for &(first, group) in &self.groups {
            for (command, banks) in self.kinds {
                let mut left = banks & awake & group;
                if left == 0 {
                    continue;
                }
                let around = self.timing.earliest_around(command, first).max(tick);
                while left != 0 && around <= best.0 {
                    let at = left.trailing_zeros() as usize;
                    left &= left - 1;
                    let ready = self.timing.earliest_of_bank(command, at).max(around);
                    let others = if ready == best.0 { best.1 } else { 0 };
                    if ready <= best.0 {
                        best = (ready, others | 1 << at);
                    }
                }
            }
        }
        best
    }

    /// Looks up what a bank's queue can give.
    fn choose(&mut self, at: usize) {
        self.look_up(at);
        let bank = &self.banks[at];
        let bit = 1 << at;
        for (kind, banks) in &mut self.kinds {
            let choices = &bank.choices[..usize::from(bank.choice_count)];
            if choices.iter().any(|(command, _)| command == kind) {
                *banks |= bit;
            } else {
                *banks &= !bit;
            }
        }
        if bank.choice_count == 0 {
            self.choosing &= !bit;
        } else {
            self.choosing |= bit;
        }
        self.planned = Planned::Unknown;
        if bank.queue.len() < self.queue_depth {
            self.full &= !bit;
        } else {
            self.full |= bit;
        }
    }

    fn look_up(&mut self, at: usize) {
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
        self.planned = Planned::Unknown;
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
        self.planned = Planned::Unknown;
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
                    self.writes_under_way.remove(entry.burst);
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
        let waits = |entry: &Entry| entry.burst == burst && !entry.write;
        self.reads_under_way.may_have(burst)
            && (self.banks[bank].queue.iter().any(waits) || self.reads.entries.iter().any(waits))
    }

    fn writes_burst(&self, burst: u64, bank: usize) -> bool {
        let waits = |entry: &Entry| entry.burst == burst && entry.write;
        self.writes_under_way.may_have(burst)
            && (self.banks[bank].queue.iter().any(waits) || self.writes.entries.iter().any(waits))
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
        if from.banks & !self.full == 0 {
            return;
        }
        let room = |entry: &Entry| self.full >> entry.bank & 1 == 0;
        let Some(index) = from.entries.iter().position(room) else {
            return;
        };
        let entry = from.entries[index];
        let bank = usize::from(entry.bank);
        if entry.write {
            if self.reads_burst(entry.burst, bank) {
                self.draining = 0;
                return;
            }
            self.draining -= 1;
            self.writes.remove(index);
        } else {
            self.reads.remove(index);
        }
        self.banks[bank].queue.push(entry);
        self.queued += 1;
        self.choose(bank);
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
        let (at, banks) = self.plan(tick + 1);
        self.planned = Planned::At(at, banks);
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
