//! The accelerator's controller: open page, first-ready, row visits as its unit of work.
//!
//! Every cycle, at most one command goes on each command bus. A refresh that is due goes first,
//! then the oldest column command that can go now, then the oldest activate or precharge that can
//! go now. Ranges are cut into row visits (the bursts of one row); the scheduler sees a window of
//! the oldest visits of the direction that it serves.
//!
//! Nothing is ticked: each step jumps to the next cycle at which any command can go. Until the
//! next refresh or turn only row and column commands go, so they are decided in an inner loop that
//! mends what each command changes; and where one row at tCCD_L, or two rows of different bank
//! groups by turns at tCCD_S, keep the bus from all others, their commands up to the next event are
//! one step. `reference_path` switches these shortcuts off; the commands are the same.

mod account;
mod candidates;
mod columns;
mod idle;
mod queue;
mod refresh;
mod trains;

use std::sync::Arc;

use crate::checker::{Checker, Protocol};
use crate::command::{Command, Issued};
use crate::config::{Device, Page, Policy, RefreshPolicy, Scheduler};
use crate::standard::{CommandBus, Rule, Scope};
use crate::timing::{Shape, Timing};
use crate::vocabulary::{Counters, Direction, Done};

use account::Account;
use candidates::{Candidates, LookupMark, RowSpacing};
use queue::{Geometry, Queue};
use refresh::Refresh;
use trains::Spacing;

const NEVER: u64 = u64::MAX;

/// Commands whose earliest cycles [`Timing`] keeps. Column commands with automatic precharge are
/// not among them: they can go when those without can.
fn tracked_commands(refresh: RefreshPolicy) -> Vec<Command> {
    use Command::{Activate, Precharge, PrechargeAll, Read, RefreshAll, RefreshBank, Write};
    let mut tracked = vec![Activate, Precharge, Read, Write];
    match refresh {
        RefreshPolicy::AllBank => tracked.extend([PrechargeAll, RefreshAll]),
        RefreshPolicy::PerBank => tracked.push(RefreshBank),
        RefreshPolicy::Off => {}
    }
    tracked
}

#[derive(Clone, Copy, Debug, Default)]
struct Bank {
    open: bool,
    row: u32,
    /// Column commands since the activate.
    hits: u32,
    /// The cycle of the row's precharge or, if the activate did not follow it at once, of its
    /// activate.
    wait_from: u64,
    /// Whether a refresh that is about to go keeps the bank from new work.
    blocked_by_refresh: bool,
    mark: LookupMark,
}

/// DeviceTimings of the device that do not change.
#[derive(Clone, Copy, Debug)]
struct DeviceTimings {
    read_latency: u64,
    write_latency: u64,
    burst: u64,
    activate_bus: u64,
    /// Data bus cycles lost when reads follow writes, and writes follow reads.
    to_read: u64,
    to_write: u64,
    /// The data clock runs on so long after a column command's data (LPDDR5).
    data_clock: Option<u64>,
    access_bytes: u64,
    /// The least distances of an activate from its precharge, and of column commands from their
    /// activate.
    precharge: u64,
    read_after_activate: u64,
    write_after_activate: u64,
    two_buses: bool,
    /// Least distances of reads, and of writes.
    spacing: [Spacing; 2],
    /// Column commands after which younger hits no longer pass an older request.
    row_hits: u32,
}

impl DeviceTimings {
    fn of(device: &Device) -> Self {
        let timing = |name| device.timing(name);
        let (cl, cwl, burst) = (timing("CL"), timing("CWL"), timing("nBL"));
        Self {
            read_latency: cl,
            write_latency: cwl,
            burst,
            activate_bus: device.standard.bus_cycles(Command::Activate),
            to_read: cl + timing("tWTR_S"),
            to_write: (timing("tRTW") + cwl).saturating_sub(cl + burst),
            data_clock: device.standard.data_clock_stops.then(|| timing("tWCKPST")),
            access_bytes: device.preset.organisation.access_bytes,
            precharge: timing("tRP").saturating_sub(1),
            read_after_activate: timing("tRCD_RD"),
            write_after_activate: timing("tRCD_WR"),
            spacing: [Command::Read, Command::Write].map(|command| spacing(&device.rules, command)),
            two_buses: device.standard.command_bus == CommandBus::RowAndColumn,
            row_hits: match device.policy.page {
                Page::Open { row_hits } | Page::Adaptive { row_hits } => row_hits,
                Page::Closed => u32::MAX,
            },
        }
    }
}

/// Where commands are noted.
#[derive(Clone, Debug, Default)]
enum Log {
    #[default]
    Off,
    Record(Vec<Issued>),
    /// Debug builds replay every command through the checker.
    Check(Box<Checker>),
}

/// Which direction the data bus serves, and for how long.
#[derive(Clone, Copy, Debug)]
struct Turn {
    direction: Direction,
    /// Column commands since the direction last turned.
    served: u64,
    /// Writes that are drained before waiting reads have the bus again.
    drain: u64,
}

/// When the buses of a channel are free for the next command.
#[derive(Clone, Copy, Debug, Default)]
struct Buses {
    /// The first free cycle of the bus for row commands.
    row_free: u64,
    /// The first free cycle of the bus for column commands; the same if there is one bus.
    column_free: u64,
    /// The cycle at which LPDDR5's data clock stops.
    data_clock_until: u64,
}

/// One channel's controller.
#[derive(Clone, Debug)]
pub(crate) struct Controller {
    /// What does not change is one for all channels of a memory.
    device: Arc<DeviceTimings>,
    policy: Arc<Policy>,
    geometry: Arc<Geometry>,
    timing: Timing,
    banks: Vec<Bank>,
    /// The queue of reads and the queue of writes, indexed by [`Direction`].
    queues: [Queue; 2],
    turn: Turn,
    refresh: Refresh,
    candidates: Candidates,
    row_spacing: RowSpacing,
    account: Account,
    /// Everything before this cycle is decided; no command goes before it.
    decided: u64,
    buses: Buses,
    log: Log,
    /// Whether commands are decided one by one, without the shortcuts; for tests.
    reference_path: bool,
}

impl Log {
    fn note(&mut self, issued: Issued) {
        match self {
            Self::Off => {}
            Self::Record(commands) => commands.push(issued),
            Self::Check(checker) => {
                let panics = &mut |violation| panic!("the controller broke a rule: {violation}");
                checker.check(&issued, panics);
            }
        }
    }
}

impl Controller {
    pub(crate) fn new(device: &Device) -> Self {
        let organisation = &device.preset.organisation;
        let shape = Shape {
            ranks: organisation.ranks as usize,
            groups: organisation.bank_groups as usize,
            banks: organisation.banks_per_group as usize,
        };
        let window = match device.policy.scheduler {
            Scheduler::FirstReady => device.policy.window as usize,
            Scheduler::FirstCome => 1,
        };
        let timing = Timing::new(
            shape,
            &device.rules,
            &tracked_commands(device.policy.refresh),
        );
        Self {
            device: Arc::new(DeviceTimings::of(device)),
            policy: Arc::new(device.policy),
            geometry: Arc::new(Geometry::new(&device.map, organisation)),
            row_spacing: RowSpacing::of(&timing),
            timing,
            banks: vec![Bank::default(); shape.total_banks()],
            queues: [Queue::new(window), Queue::new(window)],
            turn: Turn {
                direction: Direction::Read,
                served: 0,
                drain: 0,
            },
            refresh: Refresh::new(device, shape),
            candidates: Candidates::new(shape),
            account: Account::default(),
            decided: 0,
            buses: Buses::default(),
            log: if cfg!(debug_assertions) {
                Log::Check(Box::new(Checker::new(Protocol::of(device))))
            } else {
                Log::Off
            },
            reference_path: false,
        }
    }

    pub(crate) fn can_accept(&self) -> bool {
        self.queues.iter().map(Queue::len).sum::<usize>() < self.policy.queue as usize
    }

    pub(crate) fn push(
        &mut self,
        now: u64,
        first: u64,
        bursts: u64,
        direction: Direction,
        tag: u64,
    ) {
        assert!(self.can_accept(), "a full channel was pushed to");
        self.advance(now);
        if !self.busy() {
            self.account.busy_since = now;
        }
        let queue = &mut self.queues[direction as usize];
        let known = queue.visits.len();
        queue.push(first, bursts, tag, &self.geometry);
        if direction == self.turn.direction {
            self.admit(known);
        }
    }

    fn busy(&self) -> bool {
        self.queues.iter().any(|queue| queue.bursts > 0)
    }

    /// The least time from a request's arrival to its last data: all bursts hit, at once.
    pub(crate) fn least_latency(&self, bursts: u64, direction: Direction) -> u64 {
        let latency = match direction {
            Direction::Read => self.device.read_latency,
            Direction::Write => self.device.write_latency,
        };
        latency + bursts * self.device.burst
    }

    /// No request can have all its data moved before this cycle.
    ///
    /// Its last column command goes earlier by the latency, so a caller that comes back then still
    /// learns of it no later than it happens.
    pub(crate) fn next_wake(&self) -> Option<u64> {
        let begin = self.decided.max(self.buses.column_free);
        let burst = self.device.burst;
        [Direction::Read, Direction::Write]
            .into_iter()
            .filter_map(|direction| {
                let spacing = self.device.spacing[direction as usize];
                let device = &self.device;
                let (column, to_column, latency) = match direction {
                    Direction::Read => (
                        Command::Read,
                        device.read_after_activate,
                        device.read_latency,
                    ),
                    Direction::Write => (
                        Command::Write,
                        device.write_after_activate,
                        device.write_latency,
                    ),
                };
                let soonest = self.queues[direction as usize].soonest(
                    |left| begin + left.saturating_sub(1) * burst,
                    |visit| {
                        let bank = &self.banks[visit.bank];
                        let row = |command| {
                            let rules = self.timing.earliest(command, visit.bank);
                            rules.max(self.buses.row_free).max(self.decided) + to_column
                        };
                        let first = if bank.open && bank.row == visit.row {
                            self.timing.earliest(column, visit.bank)
                        } else if bank.open {
                            row(Command::Precharge) + self.device.precharge
                        } else {
                            row(Command::Activate)
                        };
                        first.max(begin) + u64::from(visit.left - 1) * spacing.group.max(burst)
                    },
                );
                soonest.map(|command| command + latency + burst)
            })
            .min()
    }

    pub(crate) fn counters(&self) -> Counters {
        self.account.counters
    }

    pub(crate) fn take_done(&mut self) -> impl Iterator<Item = Done> + use<'_> {
        self.account.take_done()
    }

    /// Makes every decision before cycle `now`.
    pub(crate) fn advance(&mut self, now: u64) {
        assert!(now >= self.decided, "a channel's time went back");
        if now == self.decided {
            return;
        }
        self.skip_idle_refreshes(now);
        while self.step(now) {
            self.skip_idle_refreshes(now);
        }
        self.decided = now;
    }

    /// Makes every decision before cycle `from` and, if there is no room for a request then, goes
    /// on until there is. Returns the first cycle with room, the one after the command that made
    /// it; or `None` if every decision before `limit` makes none.
    pub(crate) fn advance_to_room(&mut self, from: u64, limit: u64) -> Option<u64> {
        self.advance(from);
        if self.can_accept() {
            return Some(from);
        }
        while !self.can_accept() {
            if !self.step(limit) {
                self.decided = limit;
                return None;
            }
        }
        // What else goes in the cycle of the command that made room is decided, too.
        self.advance(self.decided + 1);
        Some(self.decided)
    }

    /// Gives the next command before cycle `end`; false if there is none.
    fn step(&mut self, end: u64) -> bool {
        let due = self.refresh.next_due();
        let busy = self.busy();
        self.turn_if_due();
        let refresh = if self.refresh.owed() {
            self.next_refresh()
        } else {
            None
        };
        let (mut column, mut row) = (None, None);
        if busy {
            self.find_candidates();
            column = self.next_column();
            row = self
                .candidates
                .next_row(self.buses.row_free.max(self.decided));
        }
        let refresh_at = refresh.map_or(NEVER, |(cycle, _)| cycle);
        let column_at = column.map_or(NEVER, |column| column.cycle);
        let row_at = row.map_or(NEVER, |(cycle, _)| cycle);
        let horizon = due.min(refresh_at).min(end);
        let first = horizon.min(column_at).min(row_at);
        if first >= end {
            return false;
        }
        self.decided = self.decided.max(first);
        if due == first {
            self.note_refresh_due();
        } else if let Some((cycle, command)) = refresh
            && cycle == first
        {
            self.issue_refresh(cycle, command);
        } else if !self.reference_path {
            self.issue_until(horizon);
        } else if let Some(column) = column
            && column.cycle == first
        {
            self.issue_column(column);
        } else if let Some((cycle, at)) = row {
            self.issue_row(cycle, at);
        }
        true
    }

    /// The law of turning between reads and writes.
    fn turn_if_due(&mut self) {
        if self.turn_after() == 0 {
            self.turn.direction = match self.turn.direction {
                Direction::Read => Direction::Write,
                Direction::Write => Direction::Read,
            };
            self.turn.served = 0;
            let writes = self.queues[1].bursts;
            // Down to the low watermark; a turn for fewer writes than that is for all of them.
            let drain = writes.saturating_sub(self.policy.write_low);
            self.turn.drain = if drain == 0 { writes } else { drain }.min(self.policy.batch);
            self.candidates.forget();
        }
    }

    /// Column commands that may still go before the direction turns; 0 to turn now.
    fn turn_after(&self) -> u64 {
        let [reads, writes] = [self.queues[0].bursts, self.queues[1].bursts];
        let policy = &self.policy;
        match self.turn.direction {
            Direction::Read if writes == 0 => NEVER,
            Direction::Read if reads == 0 => 0,
            Direction::Read if writes >= policy.write_high => {
                policy.batch.saturating_sub(self.turn.served)
            }
            // Writes below the watermark do not wait for ever.
            Direction::Read => (4 * policy.batch).saturating_sub(self.turn.served),
            Direction::Write if reads == 0 => NEVER,
            Direction::Write => writes.min(self.turn.drain.saturating_sub(self.turn.served)),
        }
    }

    /// Notes a command, where commands are kept or checked. Most runs do neither, so that case
    /// alone stands in the caller.
    #[inline]
    fn note(&mut self, cycle: u64, command: Command, bank: usize, row: u32, column: u32) {
        if !matches!(self.log, Log::Off) {
            self.note_place(cycle, command, (bank, row, column));
        }
    }

    #[cold]
    #[inline(never)]
    fn note_place(&mut self, cycle: u64, command: Command, (bank, row, column): (usize, u32, u32)) {
        let place = self.timing.shape().place(bank, row, column);
        self.log.note(Issued {
            cycle,
            command,
            place,
        });
    }

    /// Keeps all commands from now on.
    pub(crate) fn record(&mut self) {
        self.log = Log::Record(Vec::new());
    }

    /// The commands kept since the last call.
    pub(crate) fn take_commands(&mut self) -> Vec<Issued> {
        match &mut self.log {
            Log::Record(commands) => std::mem::take(commands),
            _ => Vec::new(),
        }
    }
}

fn spacing(rules: &[Rule], command: Command) -> Spacing {
    let of = |scopes: &[Scope]| {
        let same = |rule: &&Rule| {
            rule.from == command && rule.to == command && scopes.contains(&rule.scope)
        };
        let cycles = rules.iter().filter(same).map(|rule| rule.cycles);
        cycles.max().unwrap_or(0)
    };
    Spacing {
        group: of(&[Scope::Bank, Scope::Group, Scope::Rank, Scope::Unit]),
        rank: of(&[Scope::Rank, Scope::Unit]),
        other_rank: of(&[Scope::OtherRank, Scope::Unit]),
    }
}

#[cfg(test)]
impl Controller {
    /// A controller that gives its commands one by one and takes no short cut.
    pub(crate) fn on_reference_path(device: &Device) -> Self {
        let mut controller = Self::new(device);
        controller.reference_path = true;
        controller
    }
}

#[cfg(test)]
mod mutations;
#[cfg(test)]
mod tests;
