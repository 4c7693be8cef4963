//! A trace under the accelerator's controller.

use event_kernel::Cycle;

use crate::memory::{Channel, Direction, Memory};
use crate::replica::driver::LatencyHistogram;
use crate::request::Request;

use super::summary::{Outcome, outcome_of_own};

/// Latencies of the reads of a run.
#[derive(Default)]
pub(super) struct Latencies {
    pub(super) returned: u64,
    pub(super) sum: u64,
    pub(super) max: u64,
    pub(super) histogram: LatencyHistogram,
    /// The end of the last data.
    pub(super) end: u64,
}

impl Latencies {
    fn note(&mut self, latency: u64) {
        self.returned += 1;
        self.sum += latency;
        self.max = self.max.max(latency);
        self.histogram[(64 - latency.leading_zeros() as usize).min(31)] += 1;
    }
}

/// Requests go in order, each when it has arrived and its channel has room.
pub(super) fn run_own(memory: &Memory, requests: &[Request], record: bool) -> Outcome {
    let mut channels: Vec<Channel> = (0..memory.channels()).map(|_| memory.channel()).collect();
    if record {
        channels.iter_mut().for_each(Channel::record_commands);
    }
    let mut accepted = vec![0; requests.len()];
    let mut latencies = Latencies::default();
    let (mut next, mut now) = (0, 0);
    loop {
        let mut blocked = false;
        while let Some(request) = requests.get(next).filter(|request| request.arrival <= now) {
            for share in memory.split(request.address, 1) {
                let channel = &mut channels[share.channel as usize];
                blocked = !channel.can_accept();
                if !blocked {
                    let direction = if request.write {
                        Direction::Write
                    } else {
                        Direction::Read
                    };
                    channel.push(
                        Cycle(now),
                        share.first,
                        share.bursts,
                        direction,
                        next as u64,
                    );
                }
            }
            if blocked {
                break;
            }
            accepted[next] = now;
            next += 1;
        }
        let wake = channels.iter().filter_map(Channel::next_wake).min();
        let arrival = requests.get(next).filter(|_| !blocked);
        let arrival = arrival.map(|request| Cycle(request.arrival));
        let Some(to) = wake.into_iter().chain(arrival).min() else {
            break;
        };
        now = to.get().max(now);
        for channel in &mut channels {
            channel.advance(Cycle(now), &mut |done| {
                latencies.end = latencies.end.max(done.last_data.get());
                let index = done.tag as usize;
                if !requests[index].write {
                    latencies.note(done.last_data.get() - accepted[index]);
                }
            });
        }
    }
    for channel in &mut channels {
        channel.advance(Cycle(latencies.end.max(now)), &mut |_| {});
    }
    outcome_of_own(memory, requests, channels, &latencies)
}
