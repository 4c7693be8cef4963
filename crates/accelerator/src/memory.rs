//! Main memory in the machine: one component per channel, in the memory's own clock.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use dram::{Causes, Channel, Direction, Done, Memory, Share};
use event_kernel::{Component, ComponentId, Context, Cycle, Cycles, DomainId, Phase, WaitsFor};
use smallvec::{SmallVec, smallvec};
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
    /// Whose DMA asks: a core among those that share the memory.
    pub(crate) master: usize,
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

/// The machine's side of the memory channels of a chip.
pub(crate) struct MemoryPorts {
    pub(crate) memory: Memory,
    pub(crate) domain: DomainId,
    ports: Vec<Port>,
    /// The DMAs that share it.
    masters: Vec<Master>,
    sequence: u64,
}

/// The DMA of a core, as its memory sees it; what has two entries is by side.
pub(crate) struct Master {
    /// Who is told of arrivals.
    dma: [ComponentId; 2],
    arrivals: [BinaryHeap<Reverse<Arrival>>; 2],
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
            arrivals: [BinaryHeap::new(), BinaryHeap::new()],
            rate: spec.port.map(Bytes::get),
            passed: [vec![0; ports], vec![0; ports]],
        }
    }
}

struct Port {
    component: ComponentId,
    channel: Channel,
    requests: VecDeque<Request>,
    /// Requests pushed and not done, by tag.
    pushed: Tags,
    /// Memory cycles by cause since the last arrival of each side of each master, or since it had
    /// none under way; and the requests of each under way.
    causes: Vec<[[u64; CAUSES]; 2]>,
    under_way: Vec<[u32; 2]>,
    /// All of the channel's cycles up to its last data, by cause.
    spent: Causes,
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
        masters: Vec<Master>,
    ) -> Self {
        let ports = channels
            .into_iter()
            .map(|component| Port {
                component,
                channel: memory.channel(),
                requests: VecDeque::new(),
                pushed: Tags::default(),
                causes: vec![[[0; CAUSES]; 2]; masters.len()],
                under_way: vec![[0; 2]; masters.len()],
                spent: Causes::default(),
            })
            .collect();
        Self {
            memory,
            domain,
            ports,
            masters,
            sequence: 0,
        }
    }

    /// Hands a request to its channel.
    pub(crate) fn request(&mut self, context: &mut Context<'_>, request: Request) {
        let port = &mut self.ports[usize::try_from(request.share.channel).unwrap_or(usize::MAX)];
        port.requests.push_back(request);
        context.wake(port.component, Phase::Act);
    }

    /// The next arrival of a side of a master at or before a cycle.
    pub(crate) fn arrival(&mut self, master: usize, side: Side, now: Cycle) -> Option<Arrival> {
        let heap = &mut self.masters[master].arrivals[side as usize];
        if heap.peek()?.0.at > now {
            return None;
        }
        heap.pop().map(|Reverse(arrival)| arrival)
    }

    /// When the next arrival of a side of a master is due, as far as is decided.
    pub(crate) fn next_arrival(&self, master: usize, side: Side) -> Option<Cycle> {
        self.masters[master].arrivals[side as usize]
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
            let (master, side) = (request.master, request.side as usize);
            if port.under_way[master][side] == 0 {
                port.causes[master][side] = [0; CAUSES];
            }
            port.under_way[master][side] += 1;
            let Share { first, bursts, .. } = request.share;
            let tag = port.pushed.put(request);
            port.channel.push(now, first, bursts, direction, tag);
        }
        let (pushed, causes) = (&mut port.pushed, &mut port.causes);
        let under_way = &mut port.under_way;
        let spent = &mut port.spent;
        let (masters, sequence) = (&mut self.masters, &mut self.sequence);
        let mut due: SmallVec<[_; 2]> = smallvec![[None; 2]; masters.len()];
        port.channel.advance(now, &mut |done: Done| {
            spent.add(&done.causes);
            for side in causes.iter_mut().flatten() {
                add(side, &done.causes);
            }
            let Request {
                side,
                master,
                port,
                transfer,
                bytes,
                ..
            } = pushed.take(done.tag);
            under_way[master][side as usize] -= 1;
            let dma = &mut masters[master];
            let moved = context
                .timeline()
                .convert(context.domain(), done.last_data, reference);
            let at = pass(&mut dma.passed[side as usize][port], dma.rate, bytes, moved);
            *sequence += 1;
            dma.arrivals[side as usize].push(Reverse(Arrival {
                at,
                sequence: *sequence,
                moved,
                port,
                channel: u32::try_from(index).expect("channel counts are small"),
                transfer,
                bytes,
                causes: std::mem::take(&mut causes[master][side as usize]),
            }));
            let due = &mut due[master][side as usize];
            *due = Some(due.map_or(at, |earlier: Cycle| earlier.min(at)));
        });
        let told = self.masters.iter().flat_map(|master| master.dma);
        for (dma, due) in told.zip(due.into_iter().flatten()) {
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
    /// Which of the machine's memories, one a chip.
    pub(crate) memory: usize,
    pub(crate) index: usize,
}

impl<O: Observer> Component<World<'_, O>> for ChannelUnit {
    fn wake(&mut self, world: &mut World<'_, O>, context: &mut Context<'_>) {
        let reference = world.reference;
        world.memories[self.memory].advance(context, self.index, reference);
    }

    fn waits_for(&self, world: &World<'_, O>) -> Option<WaitsFor> {
        let port = &world.memories[self.memory].ports[self.index];
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
