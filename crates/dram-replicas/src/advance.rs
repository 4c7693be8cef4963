//! Channels and one stream of requests in time.
//!
//! In each tick the memory advances first; then requests are offered in order while they have
//! arrived, at most `width` in a tick, until one is refused (which holds up all behind it, also
//! those for other channels).
//!
//! Channels know nothing of each other, so a channel need not advance before a request is offered
//! to it: [`apart`] goes from request to request, and lets the channel whose turn it is advance by
//! its own events. [`together`] is the same in so many words, all channels tick by tick; property
//! tests hold one against the other.

use crate::request::Request;
use dram::Direction;

use super::config::ReplicaError;
use super::driver::{Arrived, Locate, RequestChannel};

/// The requests that were handed over.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Accepted {
    pub(super) reads: u64,
    pub(super) writes: u64,
    /// The tick of the last accepted request.
    pub(super) last: u64,
}

impl Accepted {
    const fn total(&self) -> u64 {
        self.reads + self.writes
    }

    #[inline]
    fn note(&mut self, tick: u64, direction: Direction) {
        match direction {
            Direction::Read => self.reads += 1,
            Direction::Write => self.writes += 1,
        }
        self.last = tick;
    }
}

/// Notices a policy that can never make progress again.
#[derive(Default)]
pub(crate) struct Watch {
    steps: u64,
    progress: Option<u64>,
}

impl Watch {
    /// Steps without progress after which it is taken to be held up.
    const STEPS: u64 = 1 << 20;

    /// Counts a step; `progress` tells how far the work has come, or `None` where there is none, as
    /// between two requests that are far apart.
    pub(super) fn step(
        &mut self,
        tick: u64,
        progress: impl FnOnce() -> Option<u64>,
    ) -> Result<(), ReplicaError> {
        self.steps += 1;
        if self.steps.is_multiple_of(Self::STEPS) {
            let now = progress();
            if now.is_some() && self.progress == now {
                return Err(ReplicaError::Stuck(tick));
            }
            self.progress = now;
        }
        Ok(())
    }
}

/// The column commands that a channel has given.
fn columns<C: RequestChannel>(channel: &C) -> u64 {
    channel.statistics().reads() + channel.statistics().writes()
}

/// When the last data of all channels had moved.
pub(super) fn end<C: RequestChannel>(channels: &[C]) -> u64 {
    let ends = channels.iter().map(|channel| {
        let statistics = channel.statistics();
        let read = statistics.last_read_done.unwrap_or(0);
        statistics.last_write_done.max(read)
    });
    ends.max().unwrap_or(0)
}

/// The requests that are on their way to their channels, in order.
pub(crate) struct Feed<I, L> {
    requests: I,
    places: L,
    width: u64,
    /// The next request, if there is one.
    next: Arrived,
    left: bool,
    /// The tick of the last offer, and the number of requests accepted in it.
    tick: u64,
    offered: u64,
    accepted: Accepted,
}

impl<I: Iterator<Item = Request>, L: Locate> Feed<I, L> {
    pub(super) fn new(requests: I, places: L, width: u64) -> Self {
        let mut feed = Self {
            requests,
            places,
            width,
            next: Arrived::default(),
            left: false,
            tick: 0,
            offered: 0,
            accepted: Accepted::default(),
        };
        feed.fetch();
        feed
    }

    #[inline]
    fn fetch(&mut self) {
        let request = self.requests.next();
        self.left = request.is_some();
        if let Some(request) = request {
            self.places.locate(&request, &mut self.next);
        }
    }

    /// The channel whose turn it is.
    fn channel(&self) -> Option<usize> {
        self.left.then_some(self.next.channel as usize)
    }

    /// The tick from which on the next request can be offered.
    fn due(&self) -> u64 {
        let tick = self.tick + u64::from(self.offered == self.width);
        tick.max(self.next.arrival)
    }

    /// Offers a channel what it can be offered at a tick, after the tick. The next tick at which
    /// more can be; "never" where it refuses, until it has advanced; none where it is no longer the
    /// channel's turn.
    #[inline]
    pub(super) fn offer<C: RequestChannel>(
        &mut self,
        channel: &mut C,
        number: usize,
        tick: u64,
    ) -> Option<u64> {
        let next = &self.next;
        if self.left && next.channel as usize == number {
            if next.arrival > tick {
                return Some(next.arrival);
            }
            if !channel.has_room(next.direction) {
                return Some(u64::MAX);
            }
        }
        if tick > self.tick {
            (self.tick, self.offered) = (tick, 0);
        }
        let before = self.offered;
        let next = self.offer_all(channel, number, tick);
        if self.offered > before {
            channel.note_offers(tick);
        }
        next
    }

    fn offer_all<C: RequestChannel>(
        &mut self,
        channel: &mut C,
        number: usize,
        tick: u64,
    ) -> Option<u64> {
        loop {
            if self.channel() != Some(number) {
                return None;
            }
            if self.next.arrival > tick {
                return Some(self.next.arrival);
            }
            if self.offered == self.width {
                return Some(tick + 1);
            }
            if !channel.offer(tick, &self.next) {
                return Some(u64::MAX);
            }
            self.offered += 1;
            self.accepted.note(tick, self.next.direction);
            self.fetch();
        }
    }

    /// What tells that a channel that is offered requests is not held up; `None` if it has none.
    pub(super) fn progress<C: RequestChannel>(&self, channel: &C) -> Option<u64> {
        (!channel.done()).then(|| self.accepted.total() + columns(channel))
    }
}

/// Runs until all is done and the last data has moved, each channel on its own between its
/// requests.
pub(super) fn apart<C: RequestChannel>(
    channels: &mut [C],
    mut feed: Feed<impl Iterator<Item = Request>, impl Locate>,
) -> Result<Accepted, ReplicaError> {
    while let Some(number) = feed.channel() {
        channels[number].serve(number, feed.due(), &mut feed)?;
    }
    let tick = feed.tick;
    let mut done = tick;
    for channel in &mut *channels {
        let mut watch = Watch::default();
        channel.advance(tick);
        while !channel.done() {
            let event = channel.next_event();
            channel.advance(event);
            done = done.max(event);
            watch.step(event, || Some(columns(channel)))?;
        }
    }
    // Nothing is left but refreshes, up to the end of the last data.
    let end = done.max(end(channels));
    for channel in channels {
        channel.advance(end);
    }
    Ok(feed.accepted)
}

/// Does the same as [`apart`], but visits every tick of all channels together.
pub(super) fn together<C: RequestChannel>(
    channels: &mut [C],
    mut feed: Feed<impl Iterator<Item = Request>, impl Locate>,
) -> Result<Accepted, ReplicaError> {
    let mut watch = Watch::default();
    let all_tick = |channels: &mut [C], tick| {
        for channel in channels {
            channel.tick(tick);
        }
    };
    let mut tick = 0;
    loop {
        all_tick(channels, tick);
        while let Some(number) = feed.channel()
            && feed.offer(&mut channels[number], number, tick).is_none()
        {}
        if feed.channel().is_none() && channels.iter().all(C::done) {
            break;
        }
        watch.step(tick, || {
            let columns: u64 = channels.iter().map(columns).sum();
            (!channels.iter().all(C::done)).then(|| feed.accepted.total() + columns)
        })?;
        tick += 1;
    }
    while tick < end(channels) {
        tick += 1;
        all_tick(channels, tick);
    }
    Ok(feed.accepted)
}
