use super::*;
use crate::config::DramConfig;
use crate::preset;
use proptest::prelude::*;

/// A request of a random workload: cycles after the one before, first burst, bursts, direction.
pub(super) type Request = (u64, u64, u64, bool);

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let request = (
        prop_oneof![Just(0u64), 0u64..40, 0u64..3000, Just(30_000u64)],
        prop_oneof![0u64..400, 0u64..1 << 20],
        prop_oneof![1u64..4, 1u64..300, 1u64..3000],
        any::<bool>(),
    );
    prop::collection::vec(request, 1..24)
}

pub(super) fn run(
    device: &Device,
    requests: &[Request],
    reference_path: bool,
) -> (Vec<Issued>, Vec<Done>, Counters) {
    let mut controller = Controller::new(device);
    controller.record();
    controller.reference_path = reference_path;
    let mut now = 0;
    let mut done = Vec::new();
    for (tag, &(after, first, bursts, write)) in requests.iter().enumerate() {
        now += after;
        let direction = if write {
            Direction::Write
        } else {
            Direction::Read
        };
        controller.push(now, first, bursts, direction, tag as u64);
        done.extend(controller.take_done());
    }
    while let Some(wake) = controller.next_wake() {
        controller.advance(wake);
        done.extend(controller.take_done());
    }
    let counters = counters_at_end(&mut controller, &done);
    (controller.take_commands(), done, counters)
}

/// Counters when the last data have moved. How long before that the last wake was depends on the
/// caller, and so do the refreshes that were decided by then.
fn counters_at_end(controller: &mut Controller, done: &[Done]) -> Counters {
    // A controller that has lost a rule may be further.
    let last = done.iter().map(|done| done.last_data.get());
    controller.advance(last.fold(controller.decided, u64::max));
    controller.counters()
}

pub(super) fn violations(device: &Device, commands: &[Issued]) -> Vec<String> {
    let mut checker = Checker::new(Protocol::of(device));
    let mut found = Vec::new();
    for issued in commands {
        checker.check(issued, &mut |violation| found.push(violation.to_string()));
    }
    found
}

fn policies() -> impl Strategy<Value = Policy> {
    (
        prop::sample::select(vec![Scheduler::FirstReady, Scheduler::FirstCome]),
        prop::sample::select(vec![
            Page::Open { row_hits: 128 },
            Page::Open { row_hits: 3 },
            Page::Closed,
            Page::Adaptive { row_hits: 16 },
        ]),
        1u32..17,
        prop::sample::select(vec![
            RefreshPolicy::AllBank,
            RefreshPolicy::PerBank,
            RefreshPolicy::Off,
        ]),
        0u32..4,
        prop::sample::select(vec![1u64, 16, 512]),
    )
        .prop_map(
            |(scheduler, page, window, refresh, postpone, batch)| Policy {
                scheduler,
                page,
                window,
                refresh,
                postpone,
                batch,
                ..Policy::default()
            },
        )
}

pub(super) fn devices() -> impl Strategy<Value = Device> {
    (
        prop::sample::select(preset::names()),
        prop::sample::select(vec![
            "rorabacochbg",
            "rorabgbachco",
            "rorabachbgco",
            "rocorabgbach",
        ]),
        policies(),
        prop::sample::select(vec![None, Some(2)]),
    )
        .prop_map(|(name, map, policy, ranks)| {
            let mut config = DramConfig::preset(&name, 1);
            config.map = map.to_owned();
            config.policy = policy;
            config.organisation.ranks = ranks;
            Device::new(&config).unwrap_or_else(|_| {
                config.policy.refresh = RefreshPolicy::AllBank;
                Device::new(&config).unwrap()
            })
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_command_keeps_the_protocol(device in devices(), requests in requests()) {
        let (commands, done, counters) = run(&device, &requests, false);
        let found = violations(&device, &commands);
        prop_assert!(found.is_empty(), "{} of {}: {:?}", found.len(), commands.len(), &found[..1]);
        prop_assert_eq!(done.len(), requests.len());
        let bursts: u64 = requests.iter().map(|request| request.2).sum();
        prop_assert_eq!(counters.reads + counters.writes, bursts);
    }

    #[test]
    fn jumps_give_the_same_commands_and_cycles_as_the_reference_path(
        device in devices(), requests in requests(),
    ) {
        let (fast, fast_done, fast_counters) = run(&device, &requests, false);
        let (reference, reference_done, reference_counters) = run(&device, &requests, true);
        for (at, (a, b)) in fast.iter().zip(&reference).enumerate() {
            prop_assert_eq!(a, b, "command {}", at);
        }
        prop_assert_eq!(fast.len(), reference.len());
        prop_assert_eq!(fast_done, reference_done);
        prop_assert_eq!(fast_counters, reference_counters);
    }

    #[test]
    fn a_caller_that_sleeps_until_the_next_wake_hears_of_every_request_in_time(
        device in devices(), requests in requests(),
    ) {
        let mut controller = Controller::new(&device);
        let mut arrivals = requests.iter().scan(0, |now, request| {
            *now += request.0;
            Some((*now, request))
        }).enumerate().peekable();
        loop {
            let wake = controller.next_wake();
            let now = match (wake, arrivals.peek()) {
                (None, None) => break,
                (Some(wake), Some((_, (arrival, _)))) => wake.min(*arrival),
                (Some(wake), None) => wake,
                (None, Some((_, (arrival, _)))) => *arrival,
            };
            controller.advance(now);
            for done in controller.take_done() {
                prop_assert!(done.last_data.get() >= now, "{} heard of at {now}", done.last_data);
            }
            while let Some((tag, (_, request))) = arrivals.next_if(|(_, (arrival, _))| *arrival == now) {
                let direction = if request.3 { Direction::Write } else { Direction::Read };
                controller.push(now, request.1, request.2, direction, tag as u64);
            }
        }
    }

    #[test]
    fn a_caller_may_tell_of_requests_as_late_as_they_could_be_done(
        device in devices(), requests in requests(),
    ) {
        let (_, told_at_once, counters) = run(&device, &requests, false);
        let mut controller = Controller::new(&device);
        let mut now = 0;
        let mut arrivals = requests.iter().enumerate().map(|(tag, request)| {
            now += request.0;
            (now, tag as u64, request)
        }).peekable();
        let mut untold = std::collections::VecDeque::new();
        let (mut due, mut done) = (NEVER, Vec::new());
        loop {
            let now = arrivals.peek().map_or(due, |(arrival, ..)| due.min(*arrival));
            if now == NEVER {
                break;
            }
            while let Some(request) = arrivals.next_if(|(arrival, ..)| *arrival == now) {
                let (_, _, &(_, _, bursts, write)) = request;
                let direction = if write { Direction::Write } else { Direction::Read };
                due = due.min(now + controller.least_latency(bursts, direction));
                untold.push_back((request, direction));
            }
            if due == now {
                for ((arrival, tag, request), direction) in untold.drain(..) {
                    controller.push(arrival, request.1, request.2, direction, tag);
                }
                controller.advance(now);
                for heard in controller.take_done() {
                    prop_assert!(heard.last_data.get() >= now, "{} heard of at {now}", heard.last_data);
                    done.push(heard);
                }
                due = controller.next_wake().unwrap_or(NEVER);
            }
        }
        prop_assert_eq!(counters_at_end(&mut controller, &done), counters);
        prop_assert_eq!(done, told_at_once);
    }

    #[test]
    fn causes_split_the_time_between_dones_exactly(device in devices(), requests in requests()) {
        let (_, done, counters) = run(&device, &requests, false);
        let mut last = 0;
        let mut busy = 0;
        for done in &done {
            prop_assert!(done.last_data.get() >= last);
            prop_assert_eq!(done.causes.total().get(), done.last_data.get() - last);
            prop_assert!(done.first_data < done.last_data);
            last = done.last_data.get();
            busy += done.causes.bandwidth.get();
        }
        prop_assert_eq!(busy, counters.bus_busy.get());
    }
}

/// Only the queues of a channel can grow: all else has the size of its device.
#[test]
fn what_a_channel_holds_does_not_grow_with_the_run() {
    let device = Device::new(&DramConfig::preset("HBM3-6400", 1)).unwrap();
    let held_after = |requests: u64| {
        let mut controller = Controller::new(&device);
        let mut random = 1u64;
        for tag in 0..requests {
            while !controller.can_accept() {
                let wake = controller.next_wake().unwrap();
                controller.advance(wake);
                controller.take_done().for_each(drop);
            }
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let direction = if random >> 40 & 3 == 0 {
                Direction::Write
            } else {
                Direction::Read
            };
            controller.push(
                controller.decided,
                random >> 44,
                1 + (random >> 62),
                direction,
                tag,
            );
        }
        controller
            .queues
            .iter()
            .map(Queue::held_bytes)
            .sum::<usize>()
    };
    let (short, long) = (held_after(2_000), held_after(20_000));
    assert!(
        long <= 2 * short && long < 64 << 10,
        "{short}, then {long} bytes"
    );
}
