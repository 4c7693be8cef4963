//! What stands in front of a channel: requests that find it full wait, in the order in which they
//! came.

use std::collections::VecDeque;

use quantities::Cycle;

use crate::memory::Channel;
use crate::vocabulary::{Counters, Direction, Done};

/// What is asked of a channel: a range of its own bursts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The first burst, counted in the channel.
    pub first: u64,
    /// The number of bursts, at least one.
    pub bursts: u64,
    /// Whether data moves to or from memory.
    pub direction: Direction,
    /// A number by which the caller knows the request again.
    pub tag: u64,
}

/// An event that a [`ChannelPort`] reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortEvent {
    /// The channel has taken in the request of this tag.
    Accepted(u64),
    /// A request's last command is decided.
    Done(Done),
}

/// A channel, and the requests that wait for room in its queue.
///
/// The channel need not be advanced when a request comes. The port remembers the cycle at which
/// each came, and whenever it is advanced, it pushes every request at the cycle at which there was
/// room: the commands are those of a port that is advanced every cycle.
#[derive(Clone, Debug)]
pub struct ChannelPort {
    channel: Channel,
    /// Requests that have not been pushed to the channel, with the cycle at which they came.
    waiting: VecDeque<(Cycle, Transfer)>,
    /// Everything before this cycle is decided.
    decided: Cycle,
}

impl ChannelPort {
    /// A port of a channel at cycle 0.
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self {
            channel,
            waiting: VecDeque::new(),
            decided: Cycle::ZERO,
        }
    }

    /// Asks for a transfer at a cycle that is not before an earlier call's. Returns the cycle at
    /// which [`ChannelPort::advance`] is to be called at the latest.
    pub fn request(&mut self, now: Cycle, transfer: Transfer) -> Cycle {
        let Transfer {
            bursts, direction, ..
        } = transfer;
        self.waiting.push_back((now, transfer));
        now + self.channel.least_latency(bursts, direction)
    }

    /// Makes every decision before `now`; reports in the order of time what the channel takes in,
    /// and each request whose last command is decided, in the order of their last data.
    pub fn advance(&mut self, now: Cycle, tell: &mut impl FnMut(PortEvent)) {
        while let Some(&(came, transfer)) = self.waiting.front() {
            let from = came.max(self.decided);
            let done = &mut |done| tell(PortEvent::Done(done));
            let Some(room) = self.channel.advance_to_room(from, now, done) else {
                self.decided = now;
                break;
            };
            self.decided = room;
            let Transfer {
                first,
                bursts,
                direction,
                tag,
            } = transfer;
            self.channel.push(room, first, bursts, direction, tag);
            self.waiting.pop_front();
            tell(PortEvent::Accepted(tag));
        }
        self.channel
            .advance(now, &mut |done| tell(PortEvent::Done(done)));
        self.decided = now;
    }

    /// When [`ChannelPort::advance`] is to be called at the latest, once it has been after the last
    /// request; `None` while nothing is asked for.
    #[must_use]
    pub fn next_wake(&self) -> Option<Cycle> {
        // Requests wait only while the channel is full, so it has something to tell.
        self.channel.next_wake()
    }

    /// What the channel did so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.channel.counters()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Device;
    use crate::controller::Controller;
    use crate::{DramConfig, Memory, Page, Policy, preset};
    use proptest::prelude::*;

    /// A request: cycles after the one before, first burst, bursts, whether it writes.
    type Asked = (u64, u64, u64, bool);

    fn transfers(asked: &[Asked]) -> Vec<(u64, Transfer)> {
        let mut now = 0;
        let transfer = |(tag, &(after, first, bursts, write)): (usize, &Asked)| {
            now += after;
            let direction = if write {
                Direction::Write
            } else {
                Direction::Read
            };
            let tag = tag as u64;
            (
                now,
                Transfer {
                    first,
                    bursts,
                    direction,
                    tag,
                },
            )
        };
        asked.iter().enumerate().map(transfer).collect()
    }

    /// The reference: asked every cycle, a command at a time, each request taken in as soon as
    /// there is room. Returns each request's acceptance and its last command.
    fn tick_by_tick(
        device: &Device,
        transfers: &[(u64, Transfer)],
    ) -> (Vec<(u64, u64)>, Vec<Done>) {
        let mut controller = Controller::on_reference_path(device);
        let (mut accepted, mut done) = (Vec::new(), Vec::new());
        let mut waiting = transfers.iter().peekable();
        let mut now = 0;
        while done.len() < transfers.len() {
            controller.advance(now);
            done.extend(controller.take_done());
            while controller.can_accept()
                && let Some((_, transfer)) = waiting.next_if(|(came, _)| *came <= now)
            {
                let Transfer {
                    first,
                    bursts,
                    direction,
                    tag,
                } = *transfer;
                controller.push(now, first, bursts, direction, tag);
                accepted.push((tag, now));
            }
            now += 1;
        }
        (accepted, done)
    }

    /// As a machine drives it: asked no sooner than it wants to be, but for some wake-ups too many.
    fn as_late_as_possible(
        config: &DramConfig,
        transfers: &[(u64, Transfer)],
        extra: u64,
    ) -> (Vec<u64>, Vec<Done>) {
        let mut port = ChannelPort::new(Memory::dram(config).unwrap().channel());
        let (mut accepted, mut done) = (Vec::new(), Vec::new());
        let mut coming = transfers.iter().peekable();
        let mut due = u64::MAX;
        loop {
            let now = coming.peek().map_or(due, |(came, _)| due.min(*came));
            if now == u64::MAX {
                break;
            }
            while let Some((came, transfer)) = coming.next_if(|(came, _)| *came == now) {
                due = due.min(port.request(Cycle(*came), *transfer).get());
            }
            if due == now || (extra > 0 && now.is_multiple_of(extra)) {
                port.advance(Cycle(now), &mut |event| match event {
                    PortEvent::Accepted(tag) => accepted.push(tag),
                    PortEvent::Done(one) => {
                        assert!(one.last_data.get() >= now, "heard of too late");
                        done.push(one);
                    }
                });
                due = port
                    .next_wake()
                    .map_or(u64::MAX, |wake| wake.get().max(now));
            }
        }
        (accepted, done)
    }

    fn asked() -> impl Strategy<Value = Vec<Asked>> {
        let request = (
            prop_oneof![Just(0u64), 0u64..40, 0u64..2000],
            prop_oneof![0u64..400, 0u64..1 << 20],
            prop_oneof![1u64..4, 1u64..200],
            any::<bool>(),
        );
        prop::collection::vec(request, 1..24)
    }

    fn configs() -> impl Strategy<Value = DramConfig> {
        (
            prop::sample::select(preset::names()),
            1u32..9,
            prop::sample::select(vec![
                Page::Open { row_hits: 128 },
                Page::Closed,
                Page::Adaptive { row_hits: 4 },
            ]),
            prop::sample::select(vec![1u64, 512]),
            prop::sample::select(vec!["rorabacochbg", "rorabgbachco"]),
        )
            .prop_map(|(name, queue, page, batch, map)| DramConfig {
                map: map.to_owned(),
                policy: Policy {
                    queue,
                    page,
                    batch,
                    ..Policy::default()
                },
                ..DramConfig::preset(&name, 1)
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn requests_that_wait_come_in_as_soon_as_there_is_room(
            config in configs(), asked in asked(), extra in prop::sample::select(vec![0u64, 1, 7, 100]),
        ) {
            let device = Device::new(&config).unwrap();
            let transfers = transfers(&asked);
            let (expected_accepted, expected) = tick_by_tick(&device, &transfers);
            let (accepted, done) = as_late_as_possible(&config, &transfers, extra);
            let expected_accepted: Vec<u64> = expected_accepted.iter().map(|(tag, _)| *tag).collect();
            prop_assert_eq!(accepted, expected_accepted);
            prop_assert_eq!(done, expected);
        }
    }
}
