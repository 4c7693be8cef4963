//! The DMA: moves tiles between main memory and scratchpads, with a bounded number of bytes in
//! flight. Its two sides are units of their own; transfers of a side are issued in order, overlap,
//! and complete in order.

use dram::Causes;
use event_kernel::{Context, DomainId, Phase, WaitsFor};
use quantities::{Bits, Bytes, Cycle, Cycles};
use smallvec::{SmallVec, smallvec};
use tile_program::{
    Cause, Instruction, Observer, Region, ScratchpadId, TransferTile, UnitId, Work,
};

use crate::MachineError;
use crate::config::DmaSpec;
use crate::memory::{Arrival, Request, Side};
use crate::unit::pipe::{Flights, InFlight, Order, Retired, Unit};
use crate::unit::transfer_time::TransferTime;
use crate::world::World;

/// How much the DMA keeps in flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// Bytes of the largest request.
    pub(crate) request: Bytes,
    /// Bytes in flight at most, on each port.
    pub(crate) in_flight: Bytes,
    /// Masters side by side.
    pub(crate) ports: usize,
    /// Bytes that a port moves in a cycle of the reference clock; `None` without limit.
    pub(crate) port: Option<Bytes>,
}

impl Window {
    pub(crate) fn new(spec: &DmaSpec) -> Self {
        let in_flight = spec.request.get().saturating_mul(spec.requests_in_flight);
        Self {
            request: spec.request,
            in_flight: Bytes(in_flight),
            ports: usize::try_from(spec.ports).expect("port counts are checked"),
            port: spec.port,
        }
    }

    /// For how long a port is at work on so many bytes, in whole cycles.
    fn passing(&self, bytes: Bytes) -> Cycles {
        self.port
            .map_or(Cycles::ZERO, |rate| Cycles(bytes.get() / rate.get()))
    }
}

/// One side of the DMA.
pub(crate) struct Dma {
    side: Side,
    place: Place,
    window: Window,
    /// Number of the oldest transfer in flight.
    first: u64,
    /// Bytes in flight on each port.
    in_flight: Vec<Bytes>,
    /// What the mean time of data on the memory's buses was where the side's account ended; `None`
    /// for a memory of one channel.
    mean_data_time: Option<Cycle>,
    /// What explains the time that nothing else does.
    remainder: Cause,
}

/// Where a DMA stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Among the simulated cores.
    pub(crate) core: usize,
    /// Its memory among those of the machine, and itself among the DMAs of that memory.
    pub(crate) memory: usize,
    pub(crate) master: usize,
}

/// What a side of the DMA knows of a transfer in flight.
pub(crate) struct Transfer {
    scratchpad: ScratchpadId,
    /// What each port has to move, in order.
    cursors: SmallVec<[Cursor; 1]>,
    /// Requests under way.
    outstanding: u32,
    /// When the data of the requests so far has arrived in (left) memory, the DMA's ports, and the
    /// scratchpad.
    memory_end: Cycle,
    port_end: Cycle,
    end: Cycle,
    /// Memory cycles by cause, of each channel that took part.
    channels: SmallVec<[(u32, Causes); 4]>,
    /// The channel of the last arrival from memory.
    last_channel: u32,
    /// Bytes that each port has moved, and the port of the last arrival.
    moved: SmallVec<[Bytes; 1]>,
    last_port: usize,
}

/// How far the requests of a port are issued: a transfer is divided by bytes, in the order in which
/// they lie in the region.
struct Cursor {
    region: Region,
    row: u64,
    offset: u64,
    /// Bytes not issued.
    left: u64,
}

impl Cursor {
    /// An even part of a region for each port. Parts are cut between two accesses, so that no
    /// access is made twice.
    fn split(region: Region, ports: usize, access: u64) -> SmallVec<[Self; 1]> {
        let total = region.bytes().get();
        let row_bytes = region.row_bytes.get();
        let ports = ports as u64;
        let cut = |port: u64| {
            let even = u128::from(total) * u128::from(port) / u128::from(ports);
            let even = u64::try_from(even).expect("a part is no more than the whole");
            if port == 0 || port == ports || total == 0 {
                return even;
            }
            let (row, offset) = (even / row_bytes, even % row_bytes);
            let address = region.address + row * region.pitch.get() + offset;
            let into_access = address % access;
            let to_next = if into_access == 0 {
                0
            } else {
                access - into_access
            };
            row * row_bytes + (offset + to_next).min(row_bytes)
        };
        (0..ports)
            .map(|port| {
                let (from, to) = (cut(port), cut(port + 1));
                Self {
                    region,
                    row: from / row_bytes.max(1),
                    offset: from % row_bytes.max(1),
                    left: to - from,
                }
            })
            .collect()
    }

    /// The next piece, address and size: it ends at the next multiple of `request` bytes, so that
    /// no two pieces share a burst.
    fn peek(&self, request: Bytes) -> Option<(u64, Bytes)> {
        if self.left == 0 {
            return None;
        }
        let left = (self.region.row_bytes.get() - self.offset).min(self.left);
        let address = self.region.address + self.row * self.region.pitch.get() + self.offset;
        let to_boundary = request.get() - address % request.get();
        Some((address, Bytes(left.min(to_boundary))))
    }

    fn advance(&mut self, bytes: Bytes) {
        self.left -= bytes.get();
        self.offset += bytes.get();
        if self.offset == self.region.row_bytes.get() {
            self.row += 1;
            self.offset = 0;
        }
    }
}

impl Dma {
    pub(crate) fn new(side: Side, place: Place, window: Window, remainder: Cause) -> Self {
        Self {
            side,
            place,
            window,
            first: 0,
            in_flight: vec![Bytes::ZERO; window.ports],
            mean_data_time: None,
            remainder,
        }
    }

    /// Issues requests of the youngest transfer as far as the window has room; true if none is
    /// left.
    fn issue_youngest<O: Observer>(
        &mut self,
        flights: &mut Flights<Transfer>,
        world: &mut World<'_, O>,
        context: &mut Context<'_>,
    ) -> bool {
        let number = self.first + flights.len() as u64;
        let Some(InFlight {
            state: youngest, ..
        }) = flights.back_mut()
        else {
            return true;
        };
        let transfer = number - 1;
        let memory = &mut world.memories[self.place.memory];
        let mut all_issued = false;
        let mut held = false;
        while !all_issued && !held {
            all_issued = true;
            held = true;
            // Ports take turns, request by request.
            for (port, cursor) in youngest.cursors.iter_mut().enumerate() {
                let Some((address, bytes)) = cursor.peek(self.window.request) else {
                    continue;
                };
                all_issued = false;
                let in_flight = &mut self.in_flight[port];
                if *in_flight + bytes > self.window.in_flight && *in_flight > Bytes::ZERO {
                    continue;
                }
                held = false;
                let access = memory.memory.access_bytes();
                for slice in memory.memory.split(address, bytes.get()) {
                    let bytes = Bytes(slice.bursts * access);
                    *in_flight += bytes;
                    youngest.outstanding += 1;
                    memory.request(
                        context,
                        Request {
                            slice,
                            side: self.side,
                            master: self.place.master,
                            port,
                            transfer,
                            bytes,
                        },
                    );
                }
                cursor.advance(bytes);
            }
        }
        all_issued
    }

    /// Notes data that has moved and passed the DMA's port at a cycle.
    fn arrive<O: Observer>(
        &mut self,
        flights: &mut Flights<Transfer>,
        world: &mut World<'_, O>,
        at: Cycle,
        arrival: &Arrival,
    ) {
        self.in_flight[arrival.port] -= arrival.bytes;
        let index = usize::try_from(arrival.transfer - self.first).expect("a short queue");
        let transfer = &mut flights[index].state;
        transfer.outstanding -= 1;
        let pad = world.pad(self.place.core, transfer.scratchpad);
        match self.side {
            Side::Load => pad.count_filled(arrival.bytes),
            Side::Store => pad.count_drained(arrival.bytes),
        }
        // Both sides of the DMA share the ports, in the order of arrival.
        let end = Cycle(pad.pass_dma(at.get(), arrival.bytes));
        if arrival.moved >= transfer.memory_end {
            transfer.memory_end = arrival.moved;
            transfer.last_channel = arrival.channel;
        }
        transfer.moved[arrival.port] += arrival.bytes;
        if at >= transfer.port_end {
            transfer.port_end = at;
            transfer.last_port = arrival.port;
        }
        transfer.end = transfer.end.max(end);
        let known = transfer
            .channels
            .iter_mut()
            .find(|(channel, _)| *channel == arrival.channel);
        match known {
            Some((_, causes)) => causes.add(&arrival.causes),
            None => transfer.channels.push((arrival.channel, arrival.causes)),
        }
    }
}

impl Transfer {
    /// What the channel of the last data did, in cycles of the reference clock.
    fn causes(&self, context: &Context<'_>, memory: DomainId, reference: DomainId) -> Causes {
        let mut channels = self.channels.iter();
        let known = channels.find(|(channel, _)| *channel == self.last_channel);
        let known = known.map_or(Causes::default(), |(_, causes)| *causes);
        known.map(|span| to_reference(context, memory, reference, span))
    }
}

fn tile(instruction: &Instruction) -> TransferTile {
    match instruction.work {
        Work::Transfer(tile) => tile,
        _ => unreachable!("the program gives the DMA transfers only"),
    }
}

impl Unit for Dma {
    type State = Transfer;

    const ORDER: Order = Order::StartThenRetire;

    fn collect<O: Observer>(
        &mut self,
        flights: &mut Flights<Transfer>,
        world: &mut World<'_, O>,
        context: &mut Context<'_>,
    ) {
        let now = context.now();
        let Place { memory, master, .. } = self.place;
        while let Some((at, arrival)) = world.memories[memory].arrival(master, self.side, now) {
            self.arrive(flights, world, at, &arrival);
        }
    }

    fn may_start<O: Observer>(
        &mut self,
        flights: &mut Flights<Transfer>,
        world: &mut World<'_, O>,
        context: &mut Context<'_>,
    ) -> bool {
        self.issue_youngest(flights, world, context)
    }

    fn start<O: Observer>(
        &mut self,
        _unit: UnitId,
        instruction: &Instruction,
        before: Option<&Transfer>,
        world: &mut World<'_, O>,
        context: &mut Context<'_>,
    ) -> Result<Transfer, MachineError> {
        let TransferTile { region, scratchpad } = tile(instruction);
        let start = context.now();
        let reference = world.reference;
        let memory = &mut world.memories[self.place.memory];
        if before.is_none() {
            self.mean_data_time = memory.mean_data_time(context, reference);
        }
        Ok(Transfer {
            scratchpad,
            cursors: Cursor::split(region, self.window.ports, memory.memory.access_bytes()),
            outstanding: 0,
            memory_end: start,
            port_end: start,
            end: start,
            channels: SmallVec::new(),
            last_channel: 0,
            moved: smallvec![Bytes::ZERO; self.window.ports],
            last_port: 0,
        })
    }

    fn end(transfer: &Transfer) -> Option<Cycle> {
        let is_issued = transfer.cursors.iter().all(|cursor| cursor.left == 0);
        (is_issued && transfer.outstanding == 0).then_some(transfer.end)
    }

    fn retire<O: Observer>(
        &mut self,
        unit: UnitId,
        flight: &InFlight<Transfer>,
        _rest: &Flights<Transfer>,
        world: &mut World<'_, O>,
        context: &mut Context<'_>,
    ) -> Retired {
        self.first += 1;
        let transfer = &flight.state;
        let accounted = world.units[unit.index()].accounted;
        let at = transfer.end.max(accounted);
        let reference = world.reference;
        let memory = &mut world.memories[self.place.memory];
        let mean = memory.mean_data_time(context, reference);
        let before = std::mem::replace(&mut self.mean_data_time, mean);
        let time = TransferTime {
            span: at - accounted,
            scratchpad_tail: at.saturating_since(transfer.port_end),
            port_tail: transfer.port_end.saturating_since(transfer.memory_end),
            port_busy: self.window.passing(transfer.moved[transfer.last_port]),
            channel: transfer.causes(context, memory.domain, reference),
            even: mean.map(|mean| mean.since(before.unwrap_or(Cycle::ZERO))),
            remainder: self.remainder,
        };
        let TransferTile { region, scratchpad } = tile(&flight.instruction);
        let bytes = region.bytes();
        let mut moved = [Bits::ZERO; 3];
        moved[scratchpad as usize] = bytes.to_bits();
        let (read, written) = match self.side {
            Side::Load => ([Bits::ZERO; 3], moved),
            Side::Store => (moved, [Bits::ZERO; 3]),
        };
        Retired {
            at,
            parts: time.parts(),
            read,
            written,
            macs: 0,
            bytes,
        }
    }

    fn sleep<O: Observer>(&self, world: &World<'_, O>, context: &mut Context<'_>) {
        let Place { memory, master, .. } = self.place;
        if let Some(at) = world.memories[memory].next_arrival(master, self.side) {
            context.wake_me_at(at, Phase::Deliver);
        }
    }

    fn waits_for(&self, flights: &Flights<Transfer>) -> Option<WaitsFor> {
        let what = format!("{} transfers under way", flights.len());
        (!flights.is_empty()).then_some(WaitsFor { whom: None, what })
    }
}

/// Memory cycles as a span of the reference clock, rounded up.
fn to_reference(
    context: &Context<'_>,
    memory: DomainId,
    reference: DomainId,
    span: Cycles,
) -> Cycles {
    let edge = Cycle::ZERO + span;
    let edge = context.timeline().convert(memory, edge, reference);
    edge.since(Cycle::ZERO)
}
