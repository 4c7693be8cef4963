//! Main memory in the machine: one component a chip, in the memory's own clock, which wakes each
//! channel when that can have something to tell.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use dram::{Causes, ChannelPort, Direction, Done, Memory, PortEvent, Share, Transfer};
use event_kernel::{Component, ComponentId, Context, DomainId, Phase, WaitsFor};
use quantities::{Bytes, Cycle, Cycles};
use smallvec::{SmallVec, smallvec};
use tile_program::Observer;

use crate::ChannelOutcome;
use crate::config::DmaSpec;
use crate::world::World;

/// The two directions of the DMA; `side as usize` indexes tables of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// Main memory to scratchpads.
    Load,
    /// Scratchpads to main memory.
    Store,
}

impl Side {
    const fn direction(self) -> Direction {
        match self {
            Self::Load => Direction::Read,
            Self::Store => Direction::Write,
        }
    }
}

/// A piece of a transfer on its way to a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) share: Share,
    pub(crate) side: Side,
    /// Whose DMA asks: a core among those that share the memory.
    pub(crate) master: usize,
    /// The port of the DMA that it passes.
    pub(crate) port: usize,
    /// Number of the transfer on its side.
    pub(crate) transfer: u64,
    pub(crate) bytes: Bytes,
}

/// A piece of a transfer whose data has moved, in the order of time: whenever channels are asked,
/// the order is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrival {
    /// Edge of the reference clock by which its data has left (entered) memory.
    pub(crate) moved: Cycle,
    pub(crate) channel: u32,
    /// Breaks ties in the order of the channel's data.
    sequence: u64,
    pub(crate) port: usize,
    pub(crate) transfer: u64,
    pub(crate) bytes: Bytes,
    /// The channel's time since the side's previous arrival on it, in memory cycles by cause.
    pub(crate) causes: Causes,
}

/// A channel that nothing is asked of.
const NEVER: Cycle = Cycle(u64::MAX);

/// The machine's side of the memory channels of a chip.
pub(crate) struct MemoryPorts {
    pub(crate) memory: Memory,
    pub(crate) domain: DomainId,
    component: ComponentId,
    ports: Vec<Port>,
    /// When each channel has to be woken, and the least of them: the component's next wake-up.
    due: Vec<Cycle>,
    next: Cycle,
    /// Cycles in which the data buses moved data, summed over all channels, and up to which cycle that
    /// was asked last.
    data_cycles: (Cycle, u64),
    /// The DMAs that share it.
    masters: Vec<Master>,
}

/// The DMA of a core, as its memory sees it; what has two entries is by side.
pub(crate) struct Master {
    /// Who is told of arrivals.
    dma: [ComponentId; 2],
    /// Data on its way to the ports of the DMA, and data that passes them, by the cycle at which it
    /// has.
    moved: [BinaryHeap<Reverse<Arrival>>; 2],
    passing: [BinaryHeap<Reverse<(Cycle, Arrival)>>; 2],
    sequence: u64,
    /// Bytes that a port of the DMA moves in a cycle of the reference clock.
    rate: Option<u64>,
    /// When each port of the DMA has moved all data so far, in parts of a cycle: as many to the
    /// cycle as the rate has bytes.
    passed: [Vec<u128>; 2],
}

impl Master {
    pub(crate) fn new(dma: [ComponentId; 2], spec: &DmaSpec) -> Self {
        let ports = usize::try_from(spec.ports).expect("port counts are checked");
        Self {
            dma,
            moved: [BinaryHeap::new(), BinaryHeap::new()],
            passing: [BinaryHeap::new(), BinaryHeap::new()],
            sequence: 0,
            rate: spec.port.map(Bytes::get),
            passed: [vec![0; ports], vec![0; ports]],
        }
    }

    /// The next arrival of a side at or before a cycle, and when it has passed its port.
    fn arrival(&mut self, side: usize, now: Cycle) -> Option<(Cycle, Arrival)> {
        let due = |arrival: &Reverse<Arrival>| arrival.0.moved <= now;
        while let Some(Reverse(arrival)) = pop_if(&mut self.moved[side], due) {
            let Some(rate) = self.rate else {
                return Some((arrival.moved, arrival));
            };
            let free = &mut self.passed[side][arrival.port];
            let at = pass(free, rate, arrival.bytes, arrival.moved);
            self.passing[side].push(Reverse((at, arrival)));
        }
        let due = |passing: &Reverse<(Cycle, Arrival)>| passing.0.0 <= now;
        pop_if(&mut self.passing[side], due).map(|Reverse(arrival)| arrival)
    }

    /// When a side has to look for arrivals, as far as is decided.
    fn next_arrival(&self, side: usize) -> Option<Cycle> {
        let moved = self.moved[side].peek();
        let passing = self.passing[side].peek();
        let moved = moved.map(|Reverse(arrival)| arrival.moved);
        let passing = passing.map(|Reverse((at, _))| *at);
        moved.into_iter().chain(passing).min()
    }
}

fn pop_if<T: Ord>(heap: &mut BinaryHeap<T>, test: impl Fn(&T) -> bool) -> Option<T> {
    heap.peek().filter(|first| test(first))?;
    heap.pop()
}

struct Port {
    channel: ChannelPort,
    /// Requests not done, by tag.
    asked: Tags,
    /// Memory cycles by cause since the last arrival of each side of each master, or since it had
    /// none in the channel; and the requests of each in the channel.
    causes: Vec<[Causes; 2]>,
    under_way: Vec<[u32; 2]>,
    /// All of the channel's cycles up to its last data, by cause.
    spent: Causes,
}

/// Requests asked of a channel, by a dense tag.
#[derive(Default)]
struct Tags {
    slots: Vec<Option<Request>>,
    free: Vec<u32>,
}

impl Tags {
    fn put(&mut self, request: Request) -> u64 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("the DMA bounds requests in flight")
        });
        self.slots[slot as usize] = Some(request);
        u64::from(slot)
    }

    fn get(&self, tag: u64) -> Request {
        let slot = usize::try_from(tag).expect("tags are slots");
        self.slots[slot].expect("a channel takes in what it was asked for")
    }

    fn take(&mut self, tag: u64) -> Request {
        let slot = u32::try_from(tag).expect("tags are slots");
        self.free.push(slot);
        self.slots[slot as usize]
            .take()
            .expect("a channel reports each request once")
    }

    fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

impl MemoryPorts {
    pub(crate) fn new(
        memory: Memory,
        domain: DomainId,
        component: ComponentId,
        masters: Vec<Master>,
    ) -> Self {
        let channels = usize::try_from(memory.channels()).expect("channel counts are checked");
        // Copies of one share what does not change.
        let idle = ChannelPort::new(memory.channel());
        let ports: Vec<_> = (0..channels)
            .map(|_| Port {
                channel: idle.clone(),
                asked: Tags::default(),
                causes: vec![[Causes::default(); 2]; masters.len()],
                under_way: vec![[0; 2]; masters.len()],
                spent: Causes::default(),
            })
            .collect();
        Self {
            memory,
            domain,
            component,
            due: vec![NEVER; ports.len()],
            next: NEVER,
            data_cycles: (Cycle::ZERO, 0),
            ports,
            masters,
        }
    }

    /// Hands a request to its channel, which is told of it, and when it came, before it could be
    /// done.
    pub(crate) fn request(&mut self, context: &mut Context<'_>, request: Request) {
        let channel = usize::try_from(request.share.channel).unwrap_or(usize::MAX);
        let port = &mut self.ports[channel];
        let now = context.now_in(self.domain);
        let Share { first, bursts, .. } = request.share;
        let transfer = Transfer {
            first,
            bursts,
            direction: request.side.direction(),
            tag: port.asked.put(request),
        };
        let latest = port.channel.request(now, transfer);
        let due = &mut self.due[channel];
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

    /// For how long the data buses have moved data so far, on average over all channels, in edges of
    /// the reference clock from the start of the run; `None` where there is one channel alone.
    pub(crate) fn mean_data_time(
        &mut self,
        context: &mut Context<'_>,
        reference: DomainId,
    ) -> Option<Cycle> {
        let channels = self.ports.len() as u64;
        if channels == 1 {
            return None;
        }
        let now = context.now_in(self.domain);
        if self.data_cycles.0 != now {
            // Channels with work sleep until it is done; up to now they have done part of it.
            for index in 0..self.ports.len() {
                if self.ports[index].asked.len() > 0 {
                    self.advance(context, now, index, reference);
                    let due = self.due[index];
                    self.wake_by(context, due);
                }
            }
            let ports = self.ports.iter();
            let data = ports.map(|port| port.channel.counters().bus_busy.get());
            self.data_cycles = (now, data.sum());
        }
        let mean = Cycle(self.data_cycles.1 / channels);
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
        self.masters[master].arrival(side as usize, now)
    }

    /// When a side of a master has to look for arrivals, as far as is decided.
    pub(crate) fn next_arrival(&self, master: usize, side: Side) -> Option<Cycle> {
        self.masters[master].next_arrival(side as usize)
    }

    /// What each channel did up to a cycle of its clock, which is not before its last data.
    pub(crate) fn outcomes(&self, end: Cycle) -> Vec<ChannelOutcome> {
        let outcome = |port: &Port| {
            let mut cycles = port.spent;
            cycles.idle += end.since(Cycle::ZERO) - cycles.total();
            ChannelOutcome {
                counters: port.channel.counters(),
                cycles,
            }
        };
        self.ports.iter().map(outcome).collect()
    }

    /// Lets each channel that is due decide all that it can at the current edge.
    fn advance_due(&mut self, context: &mut Context<'_>, reference: DomainId) {
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
        let masters = self.masters.len();
        let port = &mut self.ports[index];
        let mut told = Told {
            index,
            domains: (self.domain, reference),
            masters: &mut self.masters,
            asked: &mut port.asked,
            causes: &mut port.causes,
            under_way: &mut port.under_way,
            spent: &mut port.spent,
            due: smallvec![[None; 2]; masters],
        };
        port.channel.advance(now, &mut |event| match event {
            PortEvent::Accepted(tag) => told.accepted(tag),
            PortEvent::Done(done) => told.done(context, &done),
        });
        let wake = port.channel.next_wake();
        self.due[index] = wake.map_or(NEVER, |edge| edge.max(now));
        let due = told.due;
        let dmas = self.masters.iter().flat_map(|master| master.dma);
        for (dma, due) in dmas.zip(due.into_iter().flatten()) {
            if let Some(at) = due {
                let instant = context.timeline().instant(reference, at);
                let later = instant > context.instant();
                let phase = if later { Phase::Deliver } else { Phase::Act };
                context.wake_at(dma, instant, phase);
            }
        }
    }
}

/// Who is told of what a channel does, in the order of its data.
struct Told<'a> {
    /// The channel.
    index: usize,
    /// The memory's clock, and the reference.
    domains: (DomainId, DomainId),
    masters: &'a mut [Master],
    asked: &'a mut Tags,
    causes: &'a mut [[Causes; 2]],
    under_way: &'a mut [[u32; 2]],
    spent: &'a mut Causes,
    /// The first arrival of each side of each master.
    due: SmallVec<[[Option<Cycle>; 2]; 2]>,
}

impl Told<'_> {
    /// Notes a request that the channel takes in.
    fn accepted(&mut self, tag: u64) {
        let request = self.asked.get(tag);
        let (master, side) = (request.master, request.side as usize);
        if self.under_way[master][side] == 0 {
            self.causes[master][side] = Causes::default();
        }
        self.under_way[master][side] += 1;
    }

    fn done(&mut self, context: &Context<'_>, done: &Done) {
        self.spent.add(&done.causes);
        for side in self.causes.iter_mut().flatten() {
            side.add(&done.causes);
        }
        let Request {
            side,
            master,
            port,
            transfer,
            bytes,
            ..
        } = self.asked.take(done.tag);
        let side = side as usize;
        self.under_way[master][side] -= 1;
        let (memory, reference) = self.domains;
        let moved = context
            .timeline()
            .convert(memory, done.last_data, reference);
        let dma = &mut self.masters[master];
        dma.sequence += 1;
        dma.moved[side].push(Reverse(Arrival {
            moved,
            channel: u32::try_from(self.index).expect("channel counts are small"),
            sequence: dma.sequence,
            port,
            transfer,
            bytes,
            causes: std::mem::take(&mut self.causes[master][side]),
        }));
        let due = &mut self.due[master][side];
        *due = Some(due.map_or(moved, |earlier| earlier.min(moved)));
    }
}

/// When data that moves at a cycle has passed a port: no faster than the port's rate, after what
/// came before. `free` counts parts of a cycle.
fn pass(free: &mut u128, rate: u64, bytes: Bytes, moved: Cycle) -> Cycle {
    let rate = u128::from(rate);
    *free = (*free + u128::from(bytes.get())).max(u128::from(moved.get()) * rate);
    Cycle(u64::try_from(free.div_ceil(rate)).unwrap_or(u64::MAX))
}

/// Wakes the memory of a chip.
pub(crate) struct MemoryUnit {
    /// Which of the machine's memories.
    pub(crate) memory: usize,
}

impl<O: Observer> Component<World<'_, O>> for MemoryUnit {
    fn wake(&mut self, world: &mut World<'_, O>, context: &mut Context<'_>) {
        let reference = world.reference;
        world.memories[self.memory].advance_due(context, reference);
    }

    fn waits_for(&self, world: &World<'_, O>) -> Option<WaitsFor> {
        let ports = world.memories[self.memory].ports.iter();
        let waiting: usize = ports.map(|port| port.asked.len()).sum();
        (waiting > 0).then(|| WaitsFor {
            whom: None,
            what: format!("{waiting} requests undone"),
        })
    }
}

/// Memory cycles as a span of the reference clock, rounded up.
pub(crate) fn to_reference(
    context: &Context<'_>,
    memory: DomainId,
    to: DomainId,
    span: Cycles,
) -> Cycles {
    context
        .timeline()
        .convert(memory, Cycle::ZERO + span, to)
        .since(Cycle::ZERO)
}
