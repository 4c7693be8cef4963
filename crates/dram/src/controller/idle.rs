//! Long idle stretches, whose refreshes are counted rather than issued one by one.
//!
//! A channel without requests does nothing but refresh. Once its banks are closed and all
//! that earlier work demanded is past, each period, in which every set of banks has all its turns
//! once, is like the one before: what one period does is done again in each that follows.

use super::refresh::RefreshState;
use super::{Controller, Log};
use crate::vocabulary::Counters;

/// The least length of a stretch that is looked at, in periods: comparing states costs time, too.
const WORTH_WHILE: u64 = 16;
/// The number of periods that are compared before giving up: the first ones still close rows.
const LOOKED_AT: u64 = 4;
/// The number of last refreshes of each set that are issued one by one, so that constraints on what
/// follows find them: the longest windows of the constraint tables hold four commands.
const GIVEN_LAST: u64 = 5;

/// All that decides what an idle channel does next, as seen from one cycle.
#[derive(PartialEq, Eq)]
struct IdleState {
    refresh: RefreshState,
    /// The number of cycles until each command becomes possible in each place.
    binding: Vec<u64>,
    buses: [u64; 2],
}

impl Controller {
    /// Passes over as many periods of an idle stretch that ends at `end` as are all alike. Commands
    /// that are recorded are wanted one by one, so nothing is passed over then.
    pub(super) fn skip_idle_refreshes(&mut self, end: u64) {
        if self.reference_path || self.busy() || matches!(self.log, Log::Record(_)) {
            return;
        }
        let Some(period) = self.refresh.period() else {
            return;
        };
        if (end - self.decided) / period < WORTH_WHILE {
            return;
        }
        let mut before: Option<(IdleState, Counters)> = None;
        for _ in 0..LOOKED_AT {
            let at = self.decided + period;
            while self.step(at) {}
            self.decided = at;
            let (state, counters) = (self.idle_state(), self.account.counters);
            if let Some((known, counted)) = &before
                && *known == state
            {
                let keep = GIVEN_LAST.div_ceil(self.refresh.turns_of_period()).max(1);
                let skipped = ((end - at) / period).saturating_sub(keep);
                self.skip(skipped, period, counted);
                return;
            }
            before = Some((state, counters));
        }
    }

    fn idle_state(&self) -> IdleState {
        IdleState {
            refresh: self.refresh.seen_from(self.decided),
            binding: self.timing.binding_after(self.decided),
            buses: [self.buses.row_free, self.buses.column_free]
                .map(|bus| bus.saturating_sub(self.decided)),
        }
    }

    /// Moves the channel on by periods that do what the last one did: before it, `counted` was
    /// counted.
    fn skip(&mut self, periods: u64, period: u64, counted: &Counters) {
        let counters = &mut self.account.counters;
        counters.refreshes += periods * (counters.refreshes - counted.refreshes);
        counters.bank_refreshes += periods * (counters.bank_refreshes - counted.bank_refreshes);
        let cycles = periods * period;
        self.timing.shift_after(self.decided, cycles);
        self.refresh.shift(cycles);
        for bus in [&mut self.buses.row_free, &mut self.buses.column_free] {
            if *bus > self.decided {
                *bus += cycles;
            }
        }
        if let Log::Check(checker) = &mut self.log {
            checker.pass_over(cycles);
        }
        self.decided += cycles;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Request, devices};
    use super::*;
    use crate::config::Device;
    use crate::vocabulary::{Direction, Done};
    use proptest::prelude::*;

    fn run(mut controller: Controller, requests: &[Request]) -> (Vec<Done>, Counters, u64) {
        let mut done = Vec::new();
        let mut now = 0;
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
        let end = controller.decided + 300_000;
        controller.advance(end);
        (done, controller.counters(), end)
    }

    fn sparse() -> impl Strategy<Value = Vec<Request>> {
        let request = (
            prop_oneof![0u64..3000, 100_000u64..2_000_000],
            0u64..1 << 20,
            1u64..40,
            any::<bool>(),
        );
        prop::collection::vec(request, 1..6)
    }

    fn same(device: &Device, requests: &[Request]) {
        let quick = run(Controller::new(device), requests);
        assert_eq!(quick, run(Controller::on_reference_path(device), requests));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn refreshes_counted_are_those_that_would_be_given(
            device in devices(), requests in sparse(),
        ) {
            same(&device, &requests);
        }
    }

    #[test]
    fn an_idle_second_costs_no_more_than_an_idle_millisecond() {
        for name in crate::preset::names() {
            let device = Device::new(&crate::DramConfig::preset(&name, 1)).unwrap();
            let mut controller = Controller::new(&device);
            // A count of commands given would be in the thousand millions.
            controller.advance(1 << 50);
            let due = (1u64 << 50) / device.timing("tREFI");
            let ranks = device.preset.organisation.ranks;
            let sets = if device.standard.refresh.scope == crate::standard::Scope::Unit {
                1
            } else {
                ranks
            };
            let given = controller.counters().refreshes;
            assert!(
                given.abs_diff(due * sets) <= sets,
                "{name}: {given} for {due}"
            );
        }
    }
}
