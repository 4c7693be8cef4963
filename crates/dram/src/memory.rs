//! A whole memory as the accelerator sees it: a factory of channels, and the split of addresses
//! over them.

use config::FieldError;
use quantities::{Cycle, Cycles, Frequency};

use crate::address::{ChannelSlice, slices};
use crate::command::Issued;
use crate::config::{Device, DramConfig, MemoryConfig};
use crate::controller::Controller;
use crate::energy::EnergyTable;
use crate::ideal::{self, Bandwidth, Ideal, IdealConfig};
use crate::vocabulary::{Causes, Counters, Direction, Done};

/// A memory: DRAM timed by command, or an ideal one.
#[derive(Clone, Debug)]
pub struct Memory {
    kind: Kind,
    frequency: Frequency,
}

#[derive(Clone, Debug)]
enum Kind {
    Dram(Box<Device>),
    Ideal(IdealConfig),
}

impl Memory {
    /// Checks a configuration. `machine_clock` clocks an ideal memory; DRAM has its own clock.
    ///
    /// # Errors
    /// Names the field that cannot stand and what would be right.
    pub fn new(config: &MemoryConfig, machine_clock: Frequency) -> Result<Self, FieldError> {
        match config {
            MemoryConfig::Dram(dram) => Self::dram(dram),
            MemoryConfig::Ideal(ideal) => {
                if ideal.bandwidth == Bandwidth::BytesPerSecond(0) {
                    return Err(FieldError::new("bandwidth", "0 bytes a second")
                        .help("a bandwidth above zero, or Unlimited"));
                }
                if ideal.access_bytes == Some(0) {
                    return Err(FieldError::new("access", "accesses of 0 bytes")
                        .help("at least 1 byte, or none given: as much as a request asks for"));
                }
                if Ideal::new(ideal, machine_clock).is_none() {
                    let message = format!("{} ps", ideal.latency_picoseconds);
                    return Err(FieldError::new("latency_picoseconds", message)
                        .help("less than 2^64 cycles"));
                }
                Ok(Self {
                    kind: Kind::Ideal(ideal.clone()),
                    frequency: machine_clock,
                })
            }
        }
    }

    /// Checks a configuration of DRAM.
    ///
    /// # Errors
    /// The same errors as [`Memory::new`].
    pub fn dram(config: &DramConfig) -> Result<Self, FieldError> {
        let device = Device::new(config)?;
        Ok(Self {
            frequency: device.frequency,
            kind: Kind::Dram(Box::new(device)),
        })
    }

    /// What is odd about the configuration, but can stand.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        match &self.kind {
            Kind::Dram(device) => &device.warnings,
            Kind::Ideal(_) => &[],
        }
    }

    /// The checked description, if this is DRAM.
    #[must_use]
    pub fn device(&self) -> Option<&Device> {
        match &self.kind {
            Kind::Dram(device) => Some(device),
            Kind::Ideal(_) => None,
        }
    }

    /// The clock in whose cycles channels speak.
    #[must_use]
    pub const fn frequency(&self) -> Frequency {
        self.frequency
    }

    /// The number of channels, each of which moves data on its own.
    #[must_use]
    pub const fn channels(&self) -> u64 {
        match &self.kind {
            Kind::Dram(device) => device.channels,
            Kind::Ideal(_) => 1,
        }
    }

    /// The capacity of the memory, in bytes.
    #[must_use]
    pub fn capacity_bytes(&self) -> u64 {
        match &self.kind {
            Kind::Dram(device) => device
                .preset
                .organisation
                .capacity_bytes()
                .map_or(u64::MAX, |bytes| bytes.saturating_mul(device.channels)),
            Kind::Ideal(ideal) => ideal.capacity_bytes,
        }
    }

    /// Bytes of one burst: what the least transfer moves. A byte in an ideal memory without
    /// accesses of its own, which moves what it is asked for.
    #[must_use]
    pub fn access_bytes(&self) -> u64 {
        match &self.kind {
            Kind::Dram(device) => device.preset.organisation.access_bytes,
            Kind::Ideal(ideal) => ideal.access_bytes.unwrap_or(1),
        }
    }

    /// Bytes that lie on one channel before the next channel's turn, and how many channels take
    /// turns. An ideal memory has one channel.
    #[must_use]
    pub fn interleave(&self) -> (u64, u64) {
        let access = self.access_bytes();
        match &self.kind {
            Kind::Dram(device) => (device.map.stripe_bursts() * access, device.channels),
            Kind::Ideal(_) => (access, 1),
        }
    }

    /// Whole bytes a second that the data buses can carry, rounded down, for what compares times by
    /// it; `None` if unlimited. It is exact integer arithmetic, so it is the same on every host.
    #[must_use]
    pub fn peak_whole_bytes_per_second(&self) -> Option<u64> {
        match &self.kind {
            Kind::Dram(device) => {
                let (numerator, denominator) = self.frequency.as_fraction();
                let bytes = device.channels * device.preset.organisation.access_bytes;
                let clocks = u128::from(denominator) * u128::from(device.timing("nBL"));
                let rate = u128::from(bytes) * u128::from(numerator) / clocks;
                Some(u64::try_from(rate).unwrap_or(u64::MAX))
            }
            Kind::Ideal(ideal) => match ideal.bandwidth {
                Bandwidth::Unlimited => None,
                Bandwidth::BytesPerSecond(bytes) => Some(bytes),
            },
        }
    }

    /// Bytes a second that the data buses can carry, for reports; `None` if unlimited.
    #[must_use]
    pub fn peak_bytes_per_second(&self) -> Option<f64> {
        match &self.kind {
            Kind::Dram(device) => Some(
                (device.channels * device.preset.organisation.access_bytes) as f64
                    * self.frequency.as_hertz_f64()
                    / device.timing("nBL") as f64,
            ),
            Kind::Ideal(ideal) => match ideal.bandwidth {
                Bandwidth::Unlimited => None,
                Bandwidth::BytesPerSecond(bytes) => Some(bytes as f64),
            },
        }
    }

    /// From the arrival of a read at an idle memory, its row closed, until the last data of one
    /// burst: tRCD + CL + nBL, or the latency of an ideal memory.
    #[must_use]
    pub fn idle_latency_picoseconds(&self) -> u64 {
        match &self.kind {
            Kind::Dram(device) => {
                let cycles = ["tRCD_RD", "CL", "nBL"].map(|name| device.timing(name));
                let (hertz, per) = self.frequency.as_fraction();
                let cycles = u128::from(cycles.iter().sum::<u64>());
                let picoseconds = cycles * u128::from(per) * 1_000_000_000_000;
                u64::try_from(picoseconds.div_ceil(u128::from(hertz))).unwrap_or(u64::MAX)
            }
            Kind::Ideal(ideal) => ideal.latency_picoseconds,
        }
    }

    /// The slice of each channel in a contiguous range of bytes, as channel-local bursts. Addresses
    /// wrap at the capacity; a byte moves its whole burst.
    pub fn split(&self, address: u64, bytes: u64) -> impl Iterator<Item = ChannelSlice> + use<> {
        let access = self.access_bytes();
        let address = address % self.capacity_bytes();
        let end = if bytes == 0 {
            address / access
        } else {
            (address.saturating_add(bytes)).div_ceil(access)
        };
        let (stripe, channels) = self.interleave();
        slices(address / access, end, stripe / access, channels)
    }

    /// A channel at cycle 0, all rows closed.
    #[must_use]
    pub fn channel(&self) -> Channel {
        match &self.kind {
            Kind::Dram(device) => Channel(State::Dram(Box::new(Controller::new(device)))),
            Kind::Ideal(config) => match Ideal::new(config, self.frequency) {
                Some(ideal) => Channel(State::Ideal(Box::new(ideal))),
                None => unreachable!("checked when the memory was made"),
            },
        }
    }

    /// The energies of the device's commands, where a source has them.
    #[must_use]
    pub fn energy(&self) -> Option<EnergyTable> {
        self.device()
            .and_then(|device| EnergyTable::of(&device.preset))
    }
}

/// One channel: a passive state machine in cycles of [`Memory::frequency`].
///
/// A call with `now` makes every decision before cycle `now`; what is pushed at `now` can still
/// take part in the decisions of that cycle, in whatever order the caller pushes and advances.
/// `now` never goes back.
#[derive(Clone, Debug)]
pub struct Channel(State);

#[derive(Clone, Debug)]
enum State {
    Dram(Box<Controller>),
    Ideal(Box<Ideal>),
}

impl Channel {
    /// Whether another request of any length finds room.
    #[must_use]
    pub fn can_accept(&self) -> bool {
        match &self.0 {
            State::Dram(controller) => controller.can_accept(),
            State::Ideal(_) => true,
        }
    }

    /// Asks for a transfer of `bursts` channel-local bursts from `first` on.
    ///
    /// # Panics
    /// If there is no room, no burst, or `now` is before an earlier call's: a caller's mistake.
    pub fn push(&mut self, now: Cycle, first: u64, bursts: u64, direction: Direction, tag: u64) {
        assert!(bursts > 0, "a transfer of nothing");
        match &mut self.0 {
            State::Dram(controller) => controller.push(now.get(), first, bursts, direction, tag),
            State::Ideal(ideal) => ideal.push(now, bursts, direction, tag),
        }
    }

    /// The least time from a request's arrival to its last data, whatever else the channel does: a
    /// caller that advances the channel then hears of it in time. Zero if all is decided on
    /// arrival.
    #[must_use]
    pub fn least_latency(&self, bursts: u64, direction: Direction) -> Cycles {
        match &self.0 {
            State::Dram(controller) => Cycles(controller.least_latency(bursts, direction)),
            State::Ideal(_) => Cycles::ZERO,
        }
    }

    /// No request's last data can have moved before this cycle, so a caller that advances the
    /// channel then hears of every request in time; `None` while nothing is asked for.
    #[must_use]
    pub fn next_wake(&self) -> Option<Cycle> {
        match &self.0 {
            State::Dram(controller) => controller.next_wake().map(Cycle),
            State::Ideal(ideal) => ideal.next_wake(),
        }
    }

    /// Makes every decision before `now` and reports each request whose last command is decided, in
    /// the order of their last data, which can lie after `now`.
    pub fn advance(&mut self, now: Cycle, done: &mut impl FnMut(Done)) {
        if let State::Dram(controller) = &mut self.0 {
            controller.advance(now.get());
        }
        self.report(done);
    }

    /// Reports each request whose last command is decided.
    fn report(&mut self, done: &mut impl FnMut(Done)) {
        match &mut self.0 {
            State::Dram(controller) => controller.take_done().for_each(done),
            State::Ideal(ideal) => ideal.take_decided().into_iter().for_each(|transfer| {
                done(Done {
                    tag: transfer.tag,
                    first_data: Cycle(transfer.first_data),
                    last_data: Cycle(transfer.last_data),
                    causes: ideal_causes(&transfer),
                });
            }),
        }
    }

    /// As [`Channel::advance`] to `from`, and on from there until there is room for another
    /// request, but not past `limit`. Returns the cycle at which there is room, so that a request
    /// that waits can be pushed then; `None` if there is none before `limit`, up to which
    /// everything is then decided.
    pub fn advance_to_room(
        &mut self,
        from: Cycle,
        limit: Cycle,
        done: &mut impl FnMut(Done),
    ) -> Option<Cycle> {
        let room = match &mut self.0 {
            State::Dram(controller) => controller
                .advance_to_room(from.get(), limit.get())
                .map(Cycle),
            State::Ideal(_) => Some(from),
        };
        self.report(done);
        room
    }

    /// Keeps all commands from now on, for [`Channel::take_commands`].
    pub fn record_commands(&mut self) {
        if let State::Dram(controller) = &mut self.0 {
            controller.record();
        }
    }

    /// The commands issued since the last call, if they are kept; none of an ideal memory.
    #[must_use]
    pub fn take_commands(&mut self) -> Vec<Issued> {
        match &mut self.0 {
            State::Dram(controller) => controller.take_commands(),
            State::Ideal(_) => Vec::new(),
        }
    }

    /// What the channel did so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        match &self.0 {
            State::Dram(controller) => controller.counters(),
            State::Ideal(ideal) => ideal.counters,
        }
    }
}

/// The time since the previous data: idle until the arrival, latency until the data, then data.
fn ideal_causes(transfer: &ideal::Transfer) -> Causes {
    let begin = transfer.previous_data;
    let data = transfer.first_data.clamp(begin, transfer.last_data);
    let arrival = transfer.arrival.clamp(begin, data);
    Causes {
        idle: Cycles(arrival - begin),
        latency: Cycles(data - arrival),
        bandwidth: Cycles(transfer.last_data - data),
        ..Causes::default()
    }
}
