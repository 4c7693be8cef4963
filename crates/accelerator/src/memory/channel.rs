//! A memory channel with the requests that the DMAs of the machine made of it.

use dram::{Causes, ChannelPort, ChannelSlice, Done, PortEvent};
use quantities::{Bytes, Cycle};
use smallvec::{SmallVec, smallvec};

use crate::memory::master::{Arrival, Master, Side};

/// A piece of a transfer on its way to a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) slice: ChannelSlice,
    pub(crate) side: Side,
    /// Whose DMA asks: a core among those that share the memory.
    pub(crate) master: usize,
    /// The port of the DMA that it passes.
    pub(crate) port: usize,
    /// Number of the transfer on its side.
    pub(crate) transfer: u64,
    pub(crate) bytes: Bytes,
}

/// A memory channel with what the machine knows of the requests that were made of it.
pub(super) struct ChannelFrontEnd {
    pub(super) channel: ChannelPort,
    /// Requests not done, by tag.
    pub(super) requests: Tags,
    /// By side of each master.
    masters: Vec<[MasterAccount; 2]>,
    /// All of the channel's cycles up to its last data, by cause.
    pub(super) spent: Causes,
}

/// What one side of one master has in a channel.
#[derive(Clone, Copy, Default)]
struct MasterAccount {
    /// The channel's time, in memory cycles by cause, since the side's last arrival, or since it
    /// had nothing in the channel.
    causes: Causes,
    /// Requests that the channel has taken in and not done.
    under_way: u32,
}

impl ChannelFrontEnd {
    pub(super) fn new(channel: ChannelPort, masters: usize) -> Self {
        Self {
            channel,
            requests: Tags::default(),
            masters: vec![Default::default(); masters],
            spent: Causes::default(),
        }
    }

    /// Lets the channel decide all that it can at an edge. Returns the first arrival of each side
    /// of each master.
    pub(super) fn advance(
        &mut self,
        now: Cycle,
        index: usize,
        masters: &mut [Master],
        to_reference: impl Fn(Cycle) -> Cycle,
    ) -> FirstArrivals {
        let first_arrivals = smallvec![[None; 2]; masters.len()];
        let mut sink = CompletionSink {
            index,
            to_reference,
            masters,
            requests: &mut self.requests,
            accounts: &mut self.masters,
            spent: &mut self.spent,
            first_arrivals,
        };
        self.channel.advance(now, &mut |event| match event {
            PortEvent::Accepted(tag) => sink.accept(tag),
            PortEvent::Done(done) => sink.complete(&done),
        });
        sink.first_arrivals
    }
}

/// Requests asked of a channel, by a dense tag.
#[derive(Default)]
pub(super) struct Tags {
    slots: Vec<Option<Request>>,
    free: Vec<u32>,
}

impl Tags {
    pub(super) fn put(&mut self, request: Request) -> u64 {
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

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

/// The edge of the reference clock at which the first data arrive, of each side of each master.
pub(super) type FirstArrivals = SmallVec<[[Option<Cycle>; 2]; 2]>;

/// Hands requests that a channel has done to the DMAs that made them, in the order of the channel's
/// data, and adds up where the channel's time went meanwhile.
struct CompletionSink<'a, F> {
    /// The number of the channel.
    index: usize,
    /// Turns edges of the memory's clock into edges of the reference clock.
    to_reference: F,
    masters: &'a mut [Master],
    requests: &'a mut Tags,
    accounts: &'a mut [[MasterAccount; 2]],
    spent: &'a mut Causes,
    first_arrivals: FirstArrivals,
}

impl<F: Fn(Cycle) -> Cycle> CompletionSink<'_, F> {
    /// Notes a request that the channel takes in.
    fn accept(&mut self, tag: u64) {
        let request = self.requests.get(tag);
        let account = &mut self.accounts[request.master][request.side as usize];
        if account.under_way == 0 {
            account.causes = Causes::default();
        }
        account.under_way += 1;
    }

    /// Hands on a request that is done.
    fn complete(&mut self, done: &Done) {
        self.spent.add(&done.causes);
        for account in self.accounts.iter_mut().flatten() {
            account.causes.add(&done.causes);
        }
        let Request {
            side,
            master,
            port,
            transfer,
            bytes,
            ..
        } = self.requests.take(done.tag);
        let account = &mut self.accounts[master][side as usize];
        account.under_way -= 1;
        let moved = (self.to_reference)(done.last_data);
        let arrival = Arrival {
            moved,
            channel: u32::try_from(self.index).expect("channel counts are small"),
            sequence: 0,
            port,
            transfer,
            bytes,
            causes: std::mem::take(&mut account.causes),
        };
        self.masters[master].push(side, arrival);
        let first = &mut self.first_arrivals[master][side as usize];
        *first = Some(first.map_or(moved, |earlier| earlier.min(moved)));
    }
}
