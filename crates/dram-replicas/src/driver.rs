//! Drives a simulator's channels with one stream of requests, and tells what they did.

use crate::request::Request;
use dram::Direction;
use dram::command::{Command, Issued};

use super::advance::{Feed, Watch};
use super::config::{ReplicaConfig, ReplicaError};
use super::{advance, dramsim3, ramulator};

/// A request as its channel sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arrived {
    /// The cycle of its arrival.
    pub(crate) arrival: u64,
    /// The burst's number in the whole memory: what makes two requests the same.
    pub(crate) burst: u64,
    pub(crate) row: u32,
    pub(crate) column: u32,
    pub(crate) channel: u32,
    /// The bank's number within its unit.
    pub(crate) bank: u16,
    /// The pseudo channel's number within its channel.
    pub(crate) unit: u8,
    pub(crate) direction: Direction,
}

/// Finds the channel, bank, row and column of requests.
pub(crate) trait Locate {
    /// Fills in a request's place, where the last request's is.
    fn locate(&self, request: &Request, at: &mut Arrived);
}

/// The interface of one channel of a simulator.
pub(crate) trait RequestChannel: Sized {
    /// Whether there can be room for a request of a direction, before its address is known.
    fn has_room(&self, direction: Direction) -> bool;
    /// Takes a request at a tick, after the tick; false if there is no room.
    fn offer(&mut self, tick: u64, request: &Arrived) -> bool;
    /// Takes note that requests have been taken at a tick.
    fn note_offers(&mut self, tick: u64);
    /// Advances by the tick, in which something may happen.
    fn tick(&mut self, tick: u64);
    /// The next tick in which anything can happen, if no request comes.
    fn next_event(&self) -> u64;
    /// Advances many ticks as one step, from a tick on and at most up to `to`: the last that is
    /// done; none if the policy knows no such step from there. After each tick requests can be
    /// offered: `offers` tells the next tick at which more can be, or none if the step has to end.
    #[inline]
    fn run(
        &mut self,
        _tick: u64,
        _to: u64,
        _offers: impl FnMut(&mut Self, u64) -> Option<u64>,
    ) -> Option<u64> {
        None
    }
    /// Advances up to a tick and by it: through all in which something may happen.
    #[inline]
    fn advance(&mut self, to: u64) {
        while self.next_event() <= to {
            let event = self.next_event();
            if self.run(event, to, |_, _| Some(u64::MAX)).is_none() {
                self.tick(event);
            }
        }
    }
    /// Takes requests from a feed, from a tick on, as long as they are for this channel, which has
    /// a number.
    fn serve(
        &mut self,
        number: usize,
        mut tick: u64,
        feed: &mut Feed<impl Iterator<Item = Request>, impl Locate>,
    ) -> Result<(), ReplicaError> {
        let mut watch = Watch::default();
        self.advance(tick);
        while let Some(next) = feed.offer(self, number, tick) {
            tick = next.min(self.next_event());
            let offers = |channel: &mut Self, tick| feed.offer(channel, number, tick);
            if let Some(last) = self.run(tick, u64::MAX, offers) {
                tick = last;
            } else if self.next_event() <= tick {
                self.tick(tick);
            }
            watch.step(tick, || feed.progress(self))?;
        }
        Ok(())
    }
    /// Whether every request is finished, or can never finish.
    fn done(&self) -> bool;
    /// What the channel did.
    fn statistics(&self) -> &ChannelStatistics;
    /// The commands, if they are kept.
    fn take_commands(&mut self) -> Vec<Issued>;
}

/// Read latencies in ticks by powers of two: entry `i` counts those below `2^i` and not below half
/// that.
pub type LatencyHistogram = [u64; 32];

/// What a channel did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelStatistics {
    /// The number of commands of each kind, indexed by [`Command`].
    pub commands: [u64; Command::COUNT],
    /// Column commands that were the first after their activate.
    pub row_misses: u64,
    /// Read requests returned, however they were answered.
    pub reads_returned: u64,
    /// The sum of the latencies of those reads, in ticks.
    pub latency_sum: u64,
    /// The greatest of those latencies, in ticks.
    pub latency_max: u64,
    /// The distribution of the latencies of all requests.
    pub latencies: LatencyHistogram,
    /// When the last read returned.
    pub last_read_done: Option<u64>,
    /// When the last write command went.
    pub last_write_command: Option<u64>,
    /// When the data of the last write had moved.
    pub last_write_done: u64,
}

impl ChannelStatistics {
    pub(crate) fn returned(&mut self, accepted: u64, tick: u64) {
        let latency = tick - accepted;
        self.reads_returned += 1;
        self.latency_sum += latency;
        self.latency_max = self.latency_max.max(latency);
        self.latencies[(64 - latency.leading_zeros() as usize).min(31)] += 1;
        self.last_read_done = self.last_read_done.max(Some(tick));
    }

    /// How often a command went.
    #[must_use]
    pub const fn count(&self, command: Command) -> u64 {
        self.commands[command as usize]
    }

    /// The number of read commands, with or without precharge.
    #[must_use]
    pub const fn reads(&self) -> u64 {
        self.count(Command::Read) + self.count(Command::ReadAuto)
    }

    /// The number of write commands, with or without precharge.
    #[must_use]
    pub const fn writes(&self) -> u64 {
        self.count(Command::Write) + self.count(Command::WriteAuto)
    }
}

/// A finished run.
#[derive(Clone, Debug)]
pub struct RunStatistics {
    /// The run's length: until the last read's return and the last write's data.
    pub cycles: u64,
    /// The number of read requests that were accepted.
    pub reads: u64,
    /// The number of write requests that were accepted.
    pub writes: u64,
    /// The tick in which the last request was accepted.
    pub last_accept: u64,
    /// The statistics of each channel, in order of their numbers.
    pub channels: Vec<ChannelStatistics>,
    /// The length of a tick, in picoseconds.
    pub tick_ps: f64,
    /// The number of bytes of a burst.
    pub request_bytes: u64,
    /// The number of ticks that a burst occupies the data bus.
    pub burst_ticks: u64,
    /// The number of pseudo channels of a channel.
    pub pseudo_channels: u64,
    /// The commands of each channel, if they were kept.
    pub commands: Vec<Vec<Issued>>,
}

impl RunStatistics {
    /// A sum over channels.
    #[must_use]
    pub fn sum(&self, of: impl Fn(&ChannelStatistics) -> u64) -> u64 {
        self.channels.iter().map(of).sum()
    }

    /// The number of column commands over all channels.
    #[must_use]
    pub fn column_commands(&self) -> u64 {
        self.sum(|channel| channel.reads() + channel.writes())
    }

    /// The bandwidth achieved, in 1e9 bytes a second.
    #[must_use]
    pub fn bandwidth_gbps(&self) -> f64 {
        (self.column_commands() * self.request_bytes) as f64 / (self.cycles as f64 * self.tick_ps)
            * 1000.0
    }

    /// The share of time in which the data buses moved data.
    #[must_use]
    pub fn bus_utilisation(&self) -> f64 {
        let buses = self.channels.len() as u64 * self.pseudo_channels;
        (self.column_commands() * self.burst_ticks) as f64 / (self.cycles * buses) as f64
    }

    /// The share of column commands of the busiest channel.
    #[must_use]
    pub fn busiest_share(&self) -> f64 {
        let busiest = self.channels.iter().map(|c| c.reads() + c.writes()).max();
        busiest.unwrap_or(0) as f64 / self.column_commands() as f64
    }

    /// The mean read latency in ticks, if anything was read.
    #[must_use]
    pub fn mean_read_latency(&self) -> Option<f64> {
        let returned = self.sum(|channel| channel.reads_returned);
        (returned > 0).then(|| self.sum(|channel| channel.latency_sum) as f64 / returned as f64)
    }
}

/// Whether a run keeps the commands that its channels issue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recording {
    /// Commands are counted only.
    #[default]
    Off,
    /// Every command is kept, in as much memory as that takes.
    Commands,
}

impl Recording {
    /// Where a channel keeps its commands, if it does.
    pub(crate) fn log(self) -> Option<Vec<Issued>> {
        match self {
            Self::Off => None,
            Self::Commands => Some(Vec::new()),
        }
    }
}

/// Which ticks of the simulated time a run visits. The results are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stepping {
    /// Each channel visits the ticks that can change something.
    #[default]
    Events,
    /// All channels visit every tick together: slower, and the reference for `Events`.
    EveryTick,
}

/// How to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// Whether the commands are kept.
    pub recording: Recording,
    /// Which ticks are visited.
    pub stepping: Stepping,
    /// The most requests offered in a tick; 0 for the simulator's own (one a channel and pseudo
    /// channel).
    pub inject_width: u64,
    /// Channels of a Ramulator configuration; 0 for as many as its name says (`..._8ch...`).
    pub channels: u64,
}

/// Runs a configuration over a stream of requests, whose arrivals must not go back.
///
/// # Errors
/// If the configuration lacks a parameter.
pub fn run(
    config: &ReplicaConfig,
    requests: impl IntoIterator<Item = Request>,
    options: RunOptions,
) -> Result<RunStatistics, ReplicaError> {
    let width = |own| match options.inject_width {
        0 => own,
        width => width,
    };
    if config.is_dramsim3() {
        let setup = dramsim3::Setup::new(config)?;
        let channels = (0..setup.channels)
            .map(|_| dramsim3::Channel::new(&setup, options.recording))
            .collect();
        let common = Common {
            tick_ps: setup.tick_ps,
            request_bytes: setup.request_bytes,
            burst_ticks: setup.burst,
            pseudo_channels: 1,
        };
        let width = width(setup.channels);
        return drive(
            channels,
            setup.locator(),
            requests,
            width,
            options.stepping,
            common,
        );
    }
    let channels = match options.channels {
        0 => config.channels_by_name()?,
        channels => channels,
    };
    let setup = ramulator::Setup::new(config, channels)?;
    let channels = (0..setup.channels)
        .map(|_| ramulator::Channel::new(&setup, options.recording))
        .collect();
    let common = Common {
        tick_ps: setup.tick_ps,
        request_bytes: setup.request_bytes,
        burst_ticks: setup.burst,
        pseudo_channels: setup.units as u64,
    };
    let width = width(setup.channels * setup.units as u64);
    drive(
        channels,
        setup.map(),
        requests,
        width,
        options.stepping,
        common,
    )
}

#[derive(Clone, Copy)]
struct Common {
    tick_ps: f64,
    request_bytes: u64,
    burst_ticks: u64,
    pseudo_channels: u64,
}

fn drive<C: RequestChannel>(
    mut channels: Vec<C>,
    places: impl Locate,
    requests: impl IntoIterator<Item = Request>,
    width: u64,
    stepping: Stepping,
    common: Common,
) -> Result<RunStatistics, ReplicaError> {
    let feed = Feed::new(requests.into_iter(), places, width);
    let accepted = match stepping {
        Stepping::Events => advance::apart(&mut channels, feed)?,
        Stepping::EveryTick => advance::together(&mut channels, feed)?,
    };
    Ok(RunStatistics {
        cycles: advance::end(&channels),
        reads: accepted.reads,
        writes: accepted.writes,
        last_accept: accepted.last,
        commands: channels.iter_mut().map(C::take_commands).collect(),
        channels: channels.iter().map(|c| c.statistics().clone()).collect(),
        tick_ps: common.tick_ps,
        request_bytes: common.request_bytes,
        burst_ticks: common.burst_ticks,
        pseudo_channels: common.pseudo_channels,
    })
}
