//! How the budget of events is shared out over a run: what of it is recorded in detail.
//!
//! How long a run will be is known about from its number of instructions. It is divided into parts
//! of as many instructions each, and each part may bring its share of the events: details are
//! recorded from its beginning until that is used up. So they are spread over the whole run, each
//! stretch of detail holds all units, and nothing need be taken back.

use quantities::Cycle;

use crate::TraceOptions;

/// How much is recorded; it falls as the events of a part are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    /// The slices of passes alone.
    Passes,
    /// Operations of each unit, and counters.
    Operations,
    /// Tiles, waits, flows.
    Tiles,
    /// What happens inside tiles.
    Phases,
}

impl Detail {
    pub(crate) const ALL: [Self; 4] = [Self::Passes, Self::Operations, Self::Tiles, Self::Phases];

    /// The hundredths of a part's events up to which this detail is recorded. What a part leaves
    /// goes to the next one, so phases get all that the rest does not need, though their share is
    /// small.
    const fn share(self) -> u128 {
        match self {
            Self::Passes => 100,
            Self::Operations => 95,
            Self::Tiles => 85,
            Self::Phases => 30,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Passes => "passes",
            Self::Operations => "operations",
            Self::Tiles => "tiles",
            Self::Phases => "phases",
        }
    }
}

/// The most parts that a run is divided into.
const MOST_PARTS: u64 = 256;

/// A part is worth so many events of the budget, at least.
const LEAST_EVENTS: u64 = 500;

/// How far a run has come, and what may be recorded there.
pub(crate) struct Budget {
    events: u64,
    parts: u64,
    /// How many instructions the run has, about, if that is known.
    instructions: Option<u64>,
    window: Option<(Cycle, Cycle)>,
    completed: u64,
    /// Of the instructions completed, those that are no later than the beginning of the window.
    before_window: u64,
    /// The part that the run is in, counted from 0.
    part: u64,
    /// Events written before this part.
    written_before: u64,
    /// Events that this part may bring.
    allowance: u64,
}

impl Budget {
    pub(crate) fn new(options: &TraceOptions) -> Self {
        let events = options.event_budget;
        let parts = match (options.instructions, options.window) {
            (None, None) => 1,
            _ => (events / LEAST_EVENTS).clamp(1, MOST_PARTS),
        };
        let mut budget = Self {
            events,
            parts,
            instructions: options.instructions,
            window: options.window,
            completed: 0,
            before_window: 0,
            part: 0,
            written_before: 0,
            allowance: 0,
        };
        budget.allowance = budget.until(0);
        budget
    }

    pub(crate) fn parts(&self) -> u64 {
        self.parts
    }

    /// Whether this detail is recorded when so many events have been written.
    pub(crate) fn allows(&self, detail: Detail, written: u64) -> bool {
        let used = u128::from(written - self.written_before) * 100;
        used < u128::from(self.allowance) * detail.share()
    }

    /// An instruction is complete at a cycle, and so many events have been written. True if a part
    /// of the run begins there.
    pub(crate) fn complete(&mut self, at: Cycle, written: u64) -> bool {
        self.completed += 1;
        if self.window.is_some_and(|(from, _)| at <= from) {
            self.before_window = self.completed;
        }
        let part = self.part_at(at);
        if part <= self.part {
            return false;
        }
        self.part = part;
        self.written_before = written;
        self.allowance = self.until(part).saturating_sub(written);
        true
    }

    /// The part that the run, or what is recorded of it, has come to: it ends with the run's last
    /// instruction, or with the window if that is earlier.
    fn part_at(&self, at: Cycle) -> u64 {
        let of = |done: u64, all: u64| {
            let part = u128::from(done) * u128::from(self.parts) / u128::from(all.max(1));
            u64::try_from(part).unwrap_or(u64::MAX)
        };
        let by_instructions = self.instructions.map_or(0, |all| {
            let before = self.before_window;
            of(self.completed - before, all.saturating_sub(before))
        });
        let by_time = self.window.map_or(0, |(from, to)| {
            let all = to.saturating_since(from).get();
            of(at.saturating_since(from).get(), all)
        });
        by_instructions.max(by_time).min(self.parts - 1)
    }

    /// Events that may be written until the end of a part: a quarter of the budget is there from
    /// the beginning, for runs that do not need all and for dense stretches; the rest comes evenly.
    fn until(&self, part: u64) -> u64 {
        let later = u128::from(self.parts - 1 - part);
        let withheld = u128::from(self.events - self.events / 4) * later / u128::from(self.parts);
        self.events - u64::try_from(withheld).expect("less than the events of all parts")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use quantities::Frequency;

    fn options(events: u64) -> TraceOptions {
        let clock = Frequency::from_megahertz(500).unwrap();
        TraceOptions {
            event_budget: events,
            ..TraceOptions::new("machine", "workload", clock)
        }
    }

    proptest! {
        /// However many events each instruction would bring, the budget is kept, and every
        /// twentieth of the run has some of each detail.
        #[test]
        fn every_stretch_of_a_run_has_some_of_each_detail(
            events in 20_000u64..1_000_000, count in 4_000u64..40_000, dense in 1u64..200,
            off in 80u64..120,
        ) {
            let mut options = options(events);
            options.instructions = Some((count * off / 100).max(1));
            let mut budget = Budget::new(&options);
            let mut written = 0;
            let mut recorded = vec![[0_u64; 2]; 20];
            for index in 0..count {
                let twentieth = usize::try_from(index * 20 / count).unwrap();
                budget.complete(Cycle(index), written);
                if budget.allows(Detail::Tiles, written) {
                    written += 1;
                    recorded[twentieth][0] += 1;
                }
                for _ in 0..dense {
                    if budget.allows(Detail::Phases, written) {
                        written += 1;
                        recorded[twentieth][1] += 1;
                    }
                }
            }
            prop_assert!(written <= events);
            let all = if off >= 100 { 20 } else { 15 };
            for [tiles, phases] in &recorded[..all] {
                prop_assert!(*tiles > 0 && *phases > 0, "{recorded:?}");
            }
        }

        /// A run of no more than a sixteenth of the budget is recorded whole, whatever was
        /// expected.
        #[test]
        fn a_small_run_is_recorded_whole(
            events in 16u64..100_000, instructions in prop::option::of(1u64..1_000_000),
            window in prop::option::of((0u64..100, 1u64..1_000_000)),
        ) {
            let mut options = options(events);
            options.instructions = instructions;
            options.window = window.map(|(from, length)| (Cycle(from), Cycle(from + length)));
            let mut budget = Budget::new(&options);
            for written in 0..events / 16 {
                budget.complete(Cycle(written), written);
                prop_assert!(budget.allows(Detail::Phases, written));
            }
        }
    }

    #[test]
    fn a_window_is_divided_by_itself() {
        let mut options = options(1_000_000);
        options.instructions = Some(1_000_000);
        options.window = Some((Cycle(1_000), Cycle(2_000)));
        let mut budget = Budget::new(&options);
        let mut parts = Vec::new();
        for at in 0..=3_000 {
            if budget.complete(Cycle(at), 0) {
                parts.push(at);
            }
        }
        assert_eq!(parts.len(), 255);
        assert_eq!((parts[0], parts[254]), (1_004, 1_997));
    }
}
