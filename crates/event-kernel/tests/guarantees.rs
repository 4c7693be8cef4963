//! The ordering guarantees of the crate's header, one test each, and the queue against a model.

use std::collections::BTreeMap;

use event_kernel::{
    Component, ComponentId, Context, Limits, Phase, RunError, Simulation, Timeline, WaitsFor,
    WakeQueue,
};
use proptest::prelude::*;
use quantities::{Cycle, Cycles, Frequency};

/// A component made of a function; content unless told otherwise.
struct Actor<F>(F);

type Log = Vec<(&'static str, u64, Phase)>;

impl<W, F: FnMut(&mut W, &mut Context<'_>)> Component<W> for Actor<F> {
    fn wake(&mut self, world: &mut W, context: &mut Context<'_>) {
        (self.0)(world, context);
    }
    fn waits_for(&self, _: &W) -> Option<WaitsFor> {
        None
    }
}

fn clocks(megahertz: &[u64]) -> Timeline {
    let frequencies: Vec<_> = megahertz
        .iter()
        .map(|&f| Frequency::from_megahertz(f).unwrap())
        .collect();
    Timeline::new(&frequencies).unwrap()
}

fn single() -> (Timeline, event_kernel::DomainId) {
    let line = clocks(&[1000]);
    let domain = line.domain(0);
    (line, domain)
}

#[test]
fn g1_time_never_goes_back() {
    let (line, clock) = single();
    let mut simulation = Simulation::new(line);
    for stride in [3, 5, 7] {
        simulation.add(
            "walker",
            clock,
            Actor(move |log: &mut Log, context: &mut Context<'_>| {
                log.push(("walker", context.now().get(), context.phase()));
                if context.now().get() < 100 {
                    context.wake_me_in(Cycles(stride), Phase::Act);
                }
            }),
        );
    }
    let mut log = Log::new();
    simulation.run(&mut log, Limits::default()).unwrap();
    assert!(log.is_sorted_by_key(|&(_, at, _)| at));
    assert_eq!(log.len(), 35 + 21 + 16);
}

#[test]
fn g2_phases_of_an_instant_follow_their_order() {
    let (line, clock) = single();
    let mut simulation = Simulation::new(line);
    for phase in [Phase::Act, Phase::Deliver] {
        simulation.add(
            "actor",
            clock,
            Actor(move |log: &mut Log, context: &mut Context<'_>| {
                if context.now() == Cycle(0) {
                    context.wake_me_in(Cycles(4), phase);
                } else {
                    log.push(("actor", context.now().get(), context.phase()));
                }
            }),
        );
    }
    let mut log = Log::new();
    simulation.run(&mut log, Limits::default()).unwrap();
    let phases: Vec<_> = log.iter().map(|&(_, _, phase)| phase).collect();
    assert_eq!(phases, [Phase::Deliver, Phase::Act]);
}

#[test]
fn g3_equal_wakes_happen_in_the_order_scheduled() {
    let (line, clock) = single();
    let mut simulation = Simulation::new(line);
    for (name, delay) in [("a", 10), ("b", 10), ("c", 10)] {
        simulation.add(
            name,
            clock,
            Actor(move |log: &mut Log, context: &mut Context<'_>| {
                // "a" schedules last, by going through an intermediate wake.
                let first = if name == "a" { 9 } else { delay };
                match context.now().get() {
                    0 => context.wake_me_at(Cycle(first), Phase::Act),
                    9 => context.wake_me_at(Cycle(delay), Phase::Act),
                    now => log.push((name, now, context.phase())),
                }
            }),
        );
    }
    let mut log = Log::new();
    simulation.run(&mut log, Limits::default()).unwrap();
    let names: Vec<_> = log.iter().map(|&(name, _, _)| name).collect();
    assert_eq!(names, ["b", "c", "a"]);
}

#[test]
fn g4_an_earlier_wake_replaces_a_later_one_and_never_the_reverse() {
    let (line, clock) = single();
    let mut simulation = Simulation::new(line);
    simulation.add(
        "sleeper",
        clock,
        Actor(|log: &mut Log, context: &mut Context<'_>| {
            log.push(("sleeper", context.now().get(), context.phase()));
            if context.now() == Cycle(0) {
                context.wake_me_at(Cycle(20), Phase::Act);
                context.wake_me_at(Cycle(10), Phase::Act);
                context.wake_me_at(Cycle(30), Phase::Act);
            }
        }),
    );
    let mut log = Log::new();
    simulation.run(&mut log, Limits::default()).unwrap();
    let times: Vec<_> = log.iter().map(|&(_, at, _)| at).collect();
    assert_eq!(times, [0, 10]);
}

#[test]
fn g5_a_component_wakes_on_its_own_edges_only() {
    let line = clocks(&[1000, 300]);
    let (fast, slow) = (line.domain(0), line.domain(1));
    let mut simulation = Simulation::new(line);
    let target = ComponentId::of_index(1);
    simulation.add(
        "fast",
        fast,
        Actor(move |_: &mut Log, context: &mut Context<'_>| {
            if context.now() == Cycle(0) {
                context.wake_me_at(Cycle(4), Phase::Act);
            } else {
                context.wake(target, Phase::Act);
            }
        }),
    );
    simulation.add(
        "slow",
        slow,
        Actor(|log: &mut Log, context: &mut Context<'_>| {
            let instant = context.timeline().instant(context.domain(), context.now());
            assert_eq!(instant, context.instant());
            log.push(("slow", context.now().get(), context.phase()));
        }),
    );
    let mut log = Log::new();
    simulation.run(&mut log, Limits::default()).unwrap();
    // 4 ns lies between edge 1 (3.33 ns) and edge 2 (6.67 ns) of the slow clock.
    let times: Vec<_> = log.iter().map(|&(_, at, _)| at).collect();
    assert_eq!(times, [0, 2]);
}

#[test]
fn g6_a_wake_into_the_past_names_both_parties() {
    let (line, clock) = single();
    let mut simulation = Simulation::new(line);
    let victim = ComponentId::of_index(1);
    simulation.add(
        "culprit",
        clock,
        Actor(move |(): &mut (), context: &mut Context<'_>| {
            if context.now() == Cycle(0) {
                context.wake_me_at(Cycle(5), Phase::Act);
            } else {
                context.wake(victim, Phase::Deliver);
            }
        }),
    );
    simulation.add(
        "victim",
        clock,
        Actor(|(): &mut (), _: &mut Context<'_>| ()),
    );
    let error = simulation.run(&mut (), Limits::default()).unwrap_err();
    let RunError::PastWake {
        by,
        whom,
        edge,
        phase,
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!((by.as_str(), whom.as_str()), ("culprit", "victim"));
    assert_eq!((edge, phase), (Cycle(5), Phase::Deliver));
}

struct Stuck(Option<WaitsFor>);

impl Component<()> for Stuck {
    fn wake(&mut self, (): &mut (), _: &mut Context<'_>) {}
    fn waits_for(&self, (): &()) -> Option<WaitsFor> {
        self.0.clone()
    }
}

#[test]
fn g7_a_deadlock_names_who_waits_for_whom() {
    let (line, clock) = single();
    let mut simulation = Simulation::new(line);
    let waits = |whom, what: &str| {
        Stuck(Some(WaitsFor {
            whom: Some(ComponentId::of_index(whom)),
            what: what.into(),
        }))
    };
    simulation.add("fork", clock, waits(1, "a knife"));
    simulation.add("knife", clock, waits(0, "a fork"));
    simulation.add("spoon", clock, Stuck(None));
    let error = simulation.run(&mut (), Limits::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "deadlock: nothing can happen any more, but\n  fork waits for knife: a knife\n  \
         knife waits for fork: a fork"
    );
}

#[test]
fn g8_the_same_calls_give_the_same_wakes() {
    let run = || {
        let line = clocks(&[700, 333, 1000]);
        let domains = [line.domain(0), line.domain(1), line.domain(2)];
        let mut simulation = Simulation::new(line);
        for index in 0..20_u64 {
            let other = ComponentId::of_index((index as usize * 7 + 3) % 20);
            let domain = domains[index as usize % 3];
            simulation.add(
                "actor",
                domain,
                Actor(move |log: &mut Log, context: &mut Context<'_>| {
                    log.push(("actor", index * 1000 + context.now().get(), context.phase()));
                    if context.now().get() < 50 {
                        context.wake_me_in(Cycles(1 + index % 5), Phase::Deliver);
                        if context.phase() != Phase::Act {
                            context.wake(other, Phase::Act);
                        }
                    }
                }),
            );
        }
        let mut log = Log::new();
        simulation.run(&mut log, Limits::default()).unwrap();
        log
    };
    let first = run();
    assert!(first.len() > 500);
    assert_eq!(first, run());
}

#[test]
fn a_livelock_ends_with_the_name_of_a_party() {
    let (line, clock) = single();
    let mut simulation = Simulation::new(line);
    simulation.add(
        "spinner",
        clock,
        Actor(|(): &mut (), context: &mut Context<'_>| {
            context.wake_me_in(Cycles::ZERO, Phase::Act);
        }),
    );
    let limits = Limits {
        wakes_per_instant: 1000,
        ..Limits::default()
    };
    let error = simulation.run(&mut (), limits).unwrap_err();
    assert_eq!(
        error,
        RunError::Livelock {
            name: "spinner".into(),
            at: Cycle(0),
            wakes: 1001
        }
    );
}

#[test]
fn a_run_does_not_pass_its_cycle_limit() {
    let (line, clock) = single();
    let mut simulation = Simulation::new(line);
    simulation.add(
        "clock",
        clock,
        Actor(|count: &mut u64, context: &mut Context<'_>| {
            *count += 1;
            context.wake_me_in(Cycles::ONE, Phase::Act);
        }),
    );
    let limits = Limits {
        last: Some((clock, Cycle(99))),
        ..Limits::default()
    };
    let mut count = 0;
    let error = simulation.run(&mut count, limits).unwrap_err();
    assert_eq!((error, count), (RunError::CycleLimit(Cycle(99)), 100));
}

#[derive(Clone, Debug)]
enum Call {
    Schedule { who: usize, at: u64, phase: Phase },
    Pop,
}

fn call() -> impl Strategy<Value = Call> {
    let phase = prop_oneof![Just(Phase::Deliver), Just(Phase::Act)];
    prop_oneof![
        3 => (0usize..8, 0u64..12, phase)
            .prop_map(|(who, at, phase)| Call::Schedule { who, at, phase }),
        1 => Just(Call::Pop),
    ]
}

proptest! {
    #[test]
    fn the_queue_agrees_with_an_ordered_map(calls in prop::collection::vec(call(), 0..200)) {
        let (line, clock) = single();
        let mut queue = WakeQueue::new();
        let mut model: BTreeMap<(u64, Phase, u64), usize> = BTreeMap::new();
        for (sequence, call) in calls.into_iter().enumerate() {
            match call {
                Call::Schedule { who, at, phase } => {
                    let id = ComponentId::of_index(who);
                    queue.schedule(id, line.instant(clock, Cycle(at)), phase);
                    let pending = model.iter().find(|&(_, &w)| w == who).map(|(&key, _)| key);
                    if pending.is_none_or(|(time, ph, _)| (at, phase) < (time, ph)) {
                        if let Some(key) = pending {
                            model.remove(&key);
                        }
                        model.insert((at, phase, sequence as u64), who);
                    }
                }
                Call::Pop => {
                    let expected = model.pop_first().map(|((at, phase, _), who)| {
                        (ComponentId::of_index(who), line.instant(clock, Cycle(at)), phase)
                    });
                    prop_assert_eq!(queue.pop(), expected);
                }
            }
            prop_assert_eq!(queue.len(), model.len());
            let first = model.first_key_value().map(|(key, _)| line.instant(clock, Cycle(key.0)));
            prop_assert_eq!(queue.peek(), first);
        }
    }
}
