//! Main memory in the machine: one component per channel, in the memory's own clock.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use dram::{Causes, Channel, Direction, Done, Memory, Share};
use event_kernel::{Component, ComponentId, Context, Cycle, Cycles, DomainId, Phase, WaitsFor};
use tile_program::{Bytes, Observer};

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

/// A piece of a transfer on its way to a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) share: Share,
    pub(crate) side: Side,
    /// The port of the DMA that it passes.
    pub(crate) port: usize,
    /// Number of the transfer on its side.
    pub(crate) transfer: u64,
    pub(crate) bytes: Bytes,
}

/// A piece of a transfer whose data has moved, in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrival {
    /// Edge of the reference clock at which it has passed the DMA's port.
    pub(crate) at: Cycle,
    /// Breaks ties in the order of decision.
    sequence: u64,
    /// When its data has left (entered) memory.
    pub(crate) moved: Cycle,
    pub(crate) channel: u32,
    pub(crate) port: usize,
    pub(crate) transfer: u64,
    pub(crate) bytes: Bytes,
    /// The channel's time since the side's previous arrival on it, in memory cycles by cause.
    pub(crate) causes: [u64; CAUSES],
}

/// How many causes a memory channel tells apart; see [`dram::Causes`].
pub(crate) const CAUSES: usize = 5;

/// The machine's side of the memory channels.
pub(crate) struct MemoryPorts {
    pub(crate) memory: Memory,
    pub(crate) domain: DomainId,
    ports: Vec<Port>,
    /// Who is told of arrivals, by side.
    dma: [ComponentId; 2],
    arrivals: [BinaryHeap<Reverse<Arrival>>; 2],
    sequence: u64,
    /// Bytes that a port of the DMA moves in a cycle of the reference clock.
    rate: Option<u64>,
    /// When each port of the DMA has moved all data so far, by side, in parts of a cycle: as many
    /// to the cycle as the rate has bytes.
    passed: [Vec<u128>; 2],
}

struct Port {
    component: ComponentId,
    channel: Channel,
    requests: VecDeque<Request>,
    /// Requests pushed and not done, by tag.
    pushed: Tags,
    /// Memory cycles by cause since each side's last arrival, or since it had none under way.
    causes: [[u64; CAUSES]; 2],
    /// All of the channel's cycles up to its last data, by cause.
    spent: Causes,
    /// Requests of each side under way.
    under_way: [u32; 2],
}

/// Requests under way in a channel, by a dense tag.
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
        channels: Vec<ComponentId>,
        dma: [ComponentId; 2],
        spec: &DmaSpec,
    ) -> Self {
        let masters = usize::try_from(spec.ports).expect("port counts are checked");
        let ports = channels
            .into_iter()
            .map(|component| Port {
                component,
                channel: memory.channel(),
                requests: VecDeque::new(),
                pushed: Tags::default(),
                causes: [[0; CAUSES]; 2],
                spent: Causes::default(),
                under_way: [0; 2],
            })
            .collect();
        let arrivals = [BinaryHeap::new(), BinaryHeap::new()];
        Self {
            memory,
            domain,
            ports,
            dma,
            arrivals,
            sequence: 0,
            rate: spec.port.map(Bytes::get),
            passed: [vec![0; masters], vec![0; masters]],
        }
    }

    /// Hands a request to its channel.
    pub(crate) fn request(&mut self, context: &mut Context<'_>, request: Request) {
        let port = &mut self.ports[usize::try_from(request.share.channel).unwrap_or(usize::MAX)];
        port.requests.push_back(request);
        context.wake(port.component, Phase::Act);
    }

    /// The next arrival of a side at or before a cycle.
    pub(crate) fn arrival(&mut self, side: Side, now: Cycle) -> Option<Arrival> {
        let heap = &mut self.arrivals[side as usize];
        if heap.peek()?.0.at > now {
            return None;
        }
        heap.pop().map(|Reverse(arrival)| arrival)
    }

    /// When the next arrival of a side is due, as far as is decided.
    pub(crate) fn next_arrival(&self, side: Side) -> Option<Cycle> {
        self.arrivals[side as usize]
            .peek()
            .map(|Reverse(arrival)| arrival.at)
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

    /// Lets a channel decide all that it can at its current edge.
    fn advance(&mut self, context: &mut Context<'_>, index: usize, reference: DomainId) {
        let now = context.now();
        let port = &mut self.ports[index];
        while port.channel.can_accept() {
            let Some(request) = port.requests.pop_front() else {
                break;
            };
            let direction = match request.side {
                Side::Load => Direction::Read,
                Side::Store => Direction::Write,
            };
            let side = request.side as usize;
            if port.under_way[side] == 0 {
                port.causes[side] = [0; CAUSES];
            }
            port.under_way[side] += 1;
            let Share { first, bursts, .. } = request.share;
            let tag = port.pushed.put(request);
            port.channel.push(now, first, bursts, direction, tag);
        }
        let (pushed, causes) = (&mut port.pushed, &mut port.causes);
        let under_way = &mut port.under_way;
        let spent = &mut port.spent;
        let (arrivals, sequence) = (&mut self.arrivals, &mut self.sequence);
        let (rate, passed) = (self.rate, &mut self.passed);
        let mut due = [None; 2];
        port.channel.advance(now, &mut |done: Done| {
            spent.add(&done.causes);
            for side in &mut *causes {
                add(side, &done.causes);
            }
            let Request {
                side,
                port,
                transfer,
                bytes,
                ..
            } = pushed.take(done.tag);
            under_way[side as usize] -= 1;
            let moved = context
                .timeline()
                .convert(context.domain(), done.last_data, reference);
            let at = pass(&mut passed[side as usize][port], rate, bytes, moved);
            *sequence += 1;
            arrivals[side as usize].push(Reverse(Arrival {
                at,
                sequence: *sequence,
                moved,
                port,
                channel: u32::try_from(index).expect("channel counts are small"),
                transfer,
                bytes,
                causes: std::mem::take(&mut causes[side as usize]),
            }));
            let due = &mut due[side as usize];
            *due = Some(due.map_or(at, |earlier: Cycle| earlier.min(at)));
        });
        for (dma, due) in self.dma.into_iter().zip(due) {
            if let Some(at) = due {
                let instant = context.timeline().instant(reference, at);
                let later = instant > context.instant();
                context.wake_at(
                    dma,
                    instant,
                    if later { Phase::Deliver } else { Phase::Act },
                );
            }
        }
        let port = &self.ports[index];
        if let Some(edge) = port.channel.next_wake() {
            context.wake_me_at(edge.max(now), Phase::Act);
        }
    }
}

/// When data that moves at a cycle has passed a port: no faster than the port's rate, after what
/// came before. `free` counts parts of a cycle.
fn pass(free: &mut u128, rate: Option<u64>, bytes: Bytes, moved: Cycle) -> Cycle {
    let Some(rate) = rate.map(u128::from) else {
        return moved;
    };
    *free = (*free + u128::from(bytes.get())).max(u128::from(moved.get()) * rate);
    Cycle(u64::try_from(free.div_ceil(rate)).unwrap_or(u64::MAX))
}

fn add(sum: &mut [u64; CAUSES], causes: &Causes) {
    let parts = [
        causes.bandwidth,
        causes.row_conflict,
        causes.refresh,
        causes.turnaround,
        causes.latency,
    ];
    for (sum, part) in sum.iter_mut().zip(parts) {
        *sum += part.get();
    }
}

/// Wakes one memory channel.
pub(crate) struct ChannelUnit {
    pub(crate) index: usize,
}

impl<O: Observer> Component<World<'_, O>> for ChannelUnit {
    fn wake(&mut self, world: &mut World<'_, O>, context: &mut Context<'_>) {
        let reference = world.reference;
        world.memory.advance(context, self.index, reference);
    }

    fn waits_for(&self, world: &World<'_, O>) -> Option<WaitsFor> {
        let port = &world.memory.ports[self.index];
        let waiting = port.requests.len() + port.pushed.len();
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
    span: u64,
) -> Cycles {
    context
        .timeline()
        .convert(memory, Cycle(span), to)
        .since(Cycle::ZERO)
}
