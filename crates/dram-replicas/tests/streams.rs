//! Streams: what DRAMsim3's replica computes many ticks at a time, against it tick by tick.

use dram::Direction;
use dram_replicas::driver::{Recording, RunOptions, Stepping, run};
use dram_replicas::request::Request;
use dram_replicas::{ReplicaConfig, config};
use proptest::prelude::*;

/// Requests of one direction at a stride.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    direction: Direction,
    first: u64,
    count: u64,
    stride: u64,
    interval: u64,
}

fn stretches() -> impl Strategy<Value = Vec<Stretch>> {
    let stride = prop_oneof![
        4 => Just(1u64),
        1 => Just(2),
        1 => Just(4),
        1 => Just(32),
        1 => Just(128),
        1 => Just(2048),
        1 => 1u64..5000,
    ];
    let interval = prop_oneof![4 => Just(0u64), 1 => 1u64..4, 1 => 4u64..40, 1 => Just(700)];
    let first = prop_oneof![Just(0u64), 0u64..1 << 20];
    let stretch = (
        prop::sample::select(vec![Direction::Read, Direction::Write]),
        first,
        1u64..400,
        stride,
        interval,
    );
    let stretch = stretch.prop_map(|(direction, first, count, stride, interval)| Stretch {
        direction,
        first,
        count,
        stride,
        interval,
    });
    prop::collection::vec(stretch, 1..6)
}

/// The requests of stretches, one after the other or by turns. What is written is never read:
/// DRAMsim3's policy could be held up for ever.
fn requests(stretches: &[Stretch], by_turns: bool, bytes: u64) -> Vec<Request> {
    let burst = |stretch: &Stretch, number: u64| {
        let region = match stretch.direction {
            Direction::Read => 0,
            Direction::Write => 1 << 22,
        };
        (region + (stretch.first + number * stretch.stride) % (1 << 22)) * bytes
    };
    let mut order: Vec<(&Stretch, u64)> = stretches
        .iter()
        .flat_map(|stretch| (0..stretch.count).map(move |number| (stretch, number)))
        .collect();
    if by_turns {
        order.sort_by_key(|&(_, number)| number);
    }
    let mut arrival = 0;
    let requests = order.into_iter().map(|(stretch, number)| {
        arrival += stretch.interval;
        Request {
            address: burst(stretch, number),
            direction: stretch.direction,
            arrival,
        }
    });
    requests.collect()
}

fn dramsim3() -> Vec<String> {
    let shipped = config::shipped().into_iter();
    let dramsim3 = shipped.filter(|(_, config)| config.is_dramsim3());
    dramsim3.map(|(name, _)| name).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn streams_give_the_same_commands_in_runs_as_tick_by_tick(
        name in prop::sample::select(dramsim3()),
        stretches in stretches(),
        by_turns: bool,
        inject_width in 0u64..3,
    ) {
        let config = ReplicaConfig::named(&name).unwrap();
        let requests = requests(&stretches, by_turns, config.number("request_bytes").unwrap());
        let options = |stepping| RunOptions {
            recording: Recording::Commands,
            stepping,
            inject_width,
            ..RunOptions::default()
        };
        let runs = run(&config, requests.iter().copied(), options(Stepping::Events)).unwrap();
        let ticks = run(&config, requests.iter().copied(), options(Stepping::EveryTick)).unwrap();
        for (ours, theirs) in runs.commands.iter().zip(&ticks.commands) {
            for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                prop_assert_eq!(ours, theirs, "command {}", at);
            }
        }
        prop_assert_eq!(&runs.commands, &ticks.commands);
        prop_assert_eq!(runs.cycles, ticks.cycles);
        prop_assert_eq!(runs.last_accept, ticks.last_accept);
        prop_assert_eq!(&runs.channels, &ticks.channels);
    }
}
