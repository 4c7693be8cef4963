//! Main memory in the machine: the channels of a chip, each of which is woken when it can have
//! something to tell.

mod channel;
mod master;

use dram::{ChannelPort, ChannelSlice, Memory, Transfer};
use event_kernel::{ComponentId, Context, DomainId, Phase};
use quantities::Cycle;

use crate::memory::channel::ChannelFrontEnd;
use crate::outcome::ChannelOutcome;

pub(crate) use crate::memory::channel::Request;
pub(crate) use crate::memory::master::{Arrival, Master, Side};

/// A channel that nothing is asked of.
const NEVER: Cycle = Cycle(u64::MAX);

/// The main memory of a chip: its channels, and the DMAs that make requests of them.
pub(crate) struct ChipMemory {
    pub(crate) memory: Memory,
    pub(crate) domain: DomainId,
    component: ComponentId,
    channels: Vec<ChannelFrontEnd>,
    /// The edge at which each channel has to be woken.
    due: Vec<Cycle>,
    /// The least of them: the component's next wake-up.
    next: Cycle,
    /// How long the data buses had moved data when that was asked last.
    data_time: DataTime,
    /// The DMAs that share the memory.
    masters: Vec<Master>,
}

/// For how long data buses have moved data.
#[derive(Clone, Copy, Default)]
struct DataTime {
    /// Up to this edge of the memory's clock.
    at: Cycle,
    /// Cycles, summed over all channels.
    cycles: u64,
}

impl ChipMemory {
    pub(crate) fn new(
        memory: Memory,
        domain: DomainId,
        component: ComponentId,
        masters: Vec<Master>,
    ) -> Self {
        let channels = usize::try_from(memory.channels()).expect("channel counts are checked");
        // Copies of one channel have in common what does not change.
        let idle = ChannelPort::new(memory.channel());
        let channel = || ChannelFrontEnd::new(idle.clone(), masters.len());
        let front_ends = (0..channels).map(|_| channel()).collect();
        Self {
            memory,
            domain,
            component,
            due: vec![NEVER; channels],
            next: NEVER,
            data_time: DataTime::default(),
            channels: front_ends,
            masters,
        }
    }

    /// Hands a request to its channel, which is told of it, and when it came, before it could be
    /// done.
    pub(crate) fn request(&mut self, context: &mut Context<'_>, request: Request) {
        let index = usize::try_from(request.slice.channel).unwrap_or(usize::MAX);
        let front_end = &mut self.channels[index];
        let now = context.now_in(self.domain);
        let ChannelSlice { first, bursts, .. } = request.slice;
        let transfer = Transfer {
            first,
            bursts,
            direction: request.side.direction(),
            tag: front_end.requests.put(request),
        };
        let latest = front_end.channel.request(now, transfer);
        let due = &mut self.due[index];
        *due = (*due).min(latest);
        let due = *due;
        self.wake_by(context, due);
    }

    /// Has the component woken at an edge, unless it will be before.
    fn wake_by(&mut self, context: &mut Context<'_>, due: Cycle) {
        if due < self.next {
            self.next = due;
            let instant = context.timeline().instant(self.domain, due);
            context.wake_at(self.component, instant, Phase::Act);
        }
    }

    /// For how long the data buses have moved data so far, on average over all channels, in edges
    /// of the reference clock from the start of the run; `None` where there is one channel alone.
    pub(crate) fn mean_data_time(
        &mut self,
        context: &mut Context<'_>,
        reference: DomainId,
    ) -> Option<Cycle> {
        let channels = self.channels.len() as u64;
        if channels == 1 {
            return None;
        }
        let now = context.now_in(self.domain);
        if self.data_time.at != now {
            // Channels with work sleep until it is done; up to now they have done part of it.
            for index in 0..self.channels.len() {
                if self.channels[index].requests.len() > 0 {
                    self.advance(context, now, index, reference);
                    let due = self.due[index];
                    self.wake_by(context, due);
                }
            }
            let channels = self.channels.iter();
            let data = channels.map(|channel| channel.channel.counters().bus_busy.get());
            self.data_time = DataTime {
                at: now,
                cycles: data.sum(),
            };
        }
        let mean = Cycle(self.data_time.cycles / channels);
        Some(context.timeline().convert(self.domain, mean, reference))
    }

    /// The next arrival of a side of a master at or before a cycle, and the edge of the reference
    /// clock at which it has passed the DMA's port.
    pub(crate) fn arrival(
        &mut self,
        master: usize,
        side: Side,
        now: Cycle,
    ) -> Option<(Cycle, Arrival)> {
        self.masters[master].arrival(side, now)
    }

    /// When a side of a master has to look for arrivals, as far as is decided.
    pub(crate) fn next_arrival(&self, master: usize, side: Side) -> Option<Cycle> {
        self.masters[master].next_arrival(side)
    }

    /// What each channel did up to a cycle of its clock, which is not before its last data.
    pub(crate) fn outcomes(&self, end: Cycle) -> Vec<ChannelOutcome> {
        let outcome = |channel: &ChannelFrontEnd| {
            let mut cycles = channel.spent;
            cycles.idle += end.since(Cycle::ZERO) - cycles.total();
            ChannelOutcome {
                counters: channel.channel.counters(),
                cycles,
            }
        };
        self.channels.iter().map(outcome).collect()
    }

    /// Lets each channel that is due decide all that it can at the current edge.
    pub(crate) fn advance_due(&mut self, context: &mut Context<'_>, reference: DomainId) {
        let now = context.now();
        for index in 0..self.due.len() {
            if self.due[index] <= now {
                self.advance(context, now, index, reference);
            }
        }
        self.next = self.due.iter().copied().min().unwrap_or(NEVER);
        if self.next < NEVER {
            context.wake_me_at(self.next, Phase::Act);
        }
    }

    /// Lets a channel decide all that it can at an edge.
    fn advance(
        &mut self,
        context: &mut Context<'_>,
        now: Cycle,
        index: usize,
        reference: DomainId,
    ) {
        let front_end = &mut self.channels[index];
        let timeline = context.timeline();
        let to_reference = |edge| timeline.convert(self.domain, edge, reference);
        let arrivals = front_end.advance(now, index, &mut self.masters, to_reference);
        let wake = front_end.channel.next_wake();
        self.due[index] = wake.map_or(NEVER, |edge| edge.max(now));
        let dmas = self.masters.iter().flat_map(|master| master.dma);
        for (dma, first) in dmas.zip(arrivals.into_iter().flatten()) {
            if let Some(at) = first {
                let instant = context.timeline().instant(reference, at);
                let later = instant > context.instant();
                let phase = if later { Phase::Deliver } else { Phase::Act };
                context.wake_at(dma, instant, phase);
            }
        }
    }

    /// How many requests are not done.
    pub(crate) fn requests_under_way(&self) -> usize {
        let channels = self.channels.iter();
        channels.map(|channel| channel.requests.len()).sum()
    }
}
