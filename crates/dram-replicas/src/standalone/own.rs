//! A trace under the accelerator's controller.

use quantities::Cycle;

use crate::driver::{LatencyHistogram, Recording};
use crate::request::Request;
use dram::memory::{Channel, Memory};
use dram::{Direction, Done};

use super::summary::{Outcome, outcome_of_own};

/// A cycle that no event reaches.
const NEVER: Cycle = Cycle(u64::MAX);

/// The latencies of the reads of a run, in cycles.
#[derive(Default)]
pub(super) struct Latencies {
    pub(super) returned: u64,
    pub(super) sum: u64,
    pub(super) max: u64,
    pub(super) histogram: LatencyHistogram,
    /// The cycle in which the last data has moved.
    pub(super) end: u64,
}

impl Latencies {
    /// A request is done.
    fn hear(&mut self, done: Done, requests: &[Request], accepted: &[Cycle]) {
        self.end = self.end.max(done.last_data.get());
        let index = done.tag as usize;
        if requests[index].direction == Direction::Read {
            self.note(done.last_data.since(accepted[index]).get());
        }
    }

    fn note(&mut self, latency: u64) {
        self.returned += 1;
        self.sum += latency;
        self.max = self.max.max(latency);
        self.histogram[(64 - latency.leading_zeros() as usize).min(31)] += 1;
    }
}

/// Requests go in order, each when it has arrived and its channel has room.
pub(super) fn run_own(memory: &Memory, requests: &[Request], recording: Recording) -> Outcome {
    let mut channels: Vec<Channel> = (0..memory.channels()).map(|_| memory.channel()).collect();
    if recording == Recording::Commands {
        channels.iter_mut().for_each(Channel::record_commands);
    }
    let mut accepted = vec![Cycle::ZERO; requests.len()];
    let mut latencies = Latencies::default();
    let mut now = Cycle::ZERO;
    for (index, request) in requests.iter().enumerate() {
        now = now.max(Cycle(request.arrival));
        for slice in memory.split(request.address, 1) {
            let channel = &mut channels[slice.channel as usize];
            let hear = &mut |done: Done| latencies.hear(done, requests, &accepted);
            let room = channel.advance_to_room(now, NEVER, hear);
            now = room.expect("a full channel has work, and ends it");
            let (first, bursts) = (slice.first, slice.bursts);
            channel.push(now, first, bursts, request.direction, index as u64);
            accepted[index] = now;
        }
    }
    for channel in &mut channels {
        while let Some(wake) = channel.next_wake() {
            channel.advance(wake.max(now), &mut |done| {
                latencies.hear(done, requests, &accepted);
            });
        }
    }
    for channel in &mut channels {
        channel.advance(Cycle(latencies.end).max(now), &mut |_| {});
    }
    outcome_of_own(memory, requests, channels, &latencies)
}
