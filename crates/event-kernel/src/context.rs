//! What a component can do while it is awake.

use crate::simulation::PastWake;
use crate::{DomainId, Instant, Phase, Timeline, WakeQueue};
use quantities::{Cycle, Cycles};

/// Names a component of a [`Simulation`](crate::Simulation).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId(pub(crate) u32);

impl ComponentId {
    /// The id that the `index`-th added component of a simulation has or will have, so that
    /// components and the world can be made knowing each other. Whoever uses it before the
    /// component is added asserts that [`Simulation::add`](crate::Simulation::add) returns the
    /// same.
    ///
    /// # Panics
    /// If the index does not fit 32 bits.
    #[must_use]
    pub fn of_index(index: usize) -> Self {
        Self(u32::try_from(index).expect("fewer than 2^32 components"))
    }
}

/// Who wakes when: the part of a simulation that components reach through [`Context`].
#[derive(Debug)]
pub(crate) struct Scheduler {
    pub(crate) timeline: Timeline,
    /// The clock domain of each component.
    pub(crate) domains: Vec<DomainId>,
    pub(crate) queue: WakeQueue,
    pub(crate) now: Instant,
    pub(crate) phase: Phase,
    pub(crate) past_wake: Option<PastWake>,
    pub(crate) halted: bool,
}

/// Handed to a component while it is awake: the time, and ways to wake itself and others.
#[derive(Debug)]
pub struct Context<'a> {
    pub(crate) scheduler: &'a mut Scheduler,
    pub(crate) who: ComponentId,
}

impl Context<'_> {
    /// The component that is awake.
    #[must_use]
    pub fn who(&self) -> ComponentId {
        self.who
    }

    /// The current edge of the awake component's clock.
    #[must_use]
    pub fn now(&self) -> Cycle {
        self.now_in(self.domain())
    }

    /// The first edge of a clock at or after now.
    #[must_use]
    pub fn now_in(&self, domain: DomainId) -> Cycle {
        self.scheduler
            .timeline
            .edge_at_or_after(domain, self.scheduler.now)
    }

    /// The present instant on the common time line.
    #[must_use]
    pub fn instant(&self) -> Instant {
        self.scheduler.now
    }

    /// The current phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.scheduler.phase
    }

    /// The clock domain of the awake component.
    #[must_use]
    pub fn domain(&self) -> DomainId {
        self.scheduler.domains[self.who.0 as usize]
    }

    /// The clock domains of the simulation.
    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.scheduler.timeline
    }

    /// Wakes the awake component again at an edge of its own clock.
    pub fn wake_me_at(&mut self, edge: Cycle, phase: Phase) {
        let instant = self.scheduler.timeline.instant(self.domain(), edge);
        self.wake_at(self.who, instant, phase);
    }

    /// Wakes the awake component again after so many cycles of its own clock.
    pub fn wake_me_in(&mut self, span: Cycles, phase: Phase) {
        self.wake_me_at(self.now() + span, phase);
    }

    /// Wakes a component at its first edge at or after now.
    pub fn wake(&mut self, whom: ComponentId, phase: Phase) {
        self.wake_at(whom, self.scheduler.now, phase);
    }

    /// Wakes a component at its first edge at or after an instant.
    ///
    /// A wake-up into the past is remembered as an error that ends the run.
    pub fn wake_at(&mut self, whom: ComponentId, instant: Instant, phase: Phase) {
        let scheduler = &mut *self.scheduler;
        let domain = scheduler.domains[whom.0 as usize];
        let edge = scheduler.timeline.edge_at_or_after(domain, instant);
        let aligned = scheduler.timeline.instant(domain, edge);
        if (aligned, phase) < (scheduler.now, scheduler.phase) {
            scheduler.past_wake.get_or_insert(PastWake {
                by: self.who,
                whom,
                edge,
                phase,
            });
        } else {
            scheduler.queue.schedule(whom, aligned, phase);
        }
    }

    /// Ends the run after this wake-up, whatever is still pending.
    pub fn halt(&mut self) {
        self.scheduler.halted = true;
    }
}
