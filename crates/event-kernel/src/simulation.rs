//! The run loop.

use std::fmt;

use crate::context::Scheduler;
use crate::{ComponentId, Context, DomainId, Instant, Phase, Timeline, WakeQueue};
use quantities::Cycle;

/// A part of the simulated system. It sleeps until it is woken; all that it shares with others is
/// in the world `W`.
pub trait Component<W> {
    /// Acts at the current instant. Only through a context is it woken again.
    fn wake(&mut self, world: &mut W, context: &mut Context<'_>);

    /// What the component waits for when nothing can wake it any more; `None` if it is content.
    /// This is what a deadlock report is made of.
    fn waits_for(&self, world: &W) -> Option<WaitsFor>;
}

/// What a component waits for, in a deadlock report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitsFor {
    /// The component that could help, if known.
    pub whom: Option<ComponentId>,
    /// In words: "tile 3 of layers.0.q_proj".
    pub what: String,
}

/// One line of a deadlock report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// The name of the component that waits.
    pub name: String,
    /// The name of the component that it waits for, if known.
    pub whom: Option<String>,
    /// What the component waits for, as it describes it.
    pub what: String,
}

/// When to give up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The run ends with [`RunError::CycleLimit`] rather than pass this edge.
    pub last: Option<(DomainId, Cycle)>,
    /// The run ends with [`RunError::Livelock`] after so many wake-ups in one instant.
    pub wakes_per_instant: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            last: None,
            wakes_per_instant: 10_000_000,
        }
    }
}

/// Why a run ended before its work was done. All are final: the simulation cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Nothing can wake any more, and these components still wait.
    #[error("deadlock: nothing can happen any more, but\n{}", lines(.0))]
    Deadlock(Vec<Waiter>),
    /// A component asked for a wake-up in the past.
    #[error("{by} asked to wake {whom} at its {edge} ({phase:?}), which has passed")]
    PastWake {
        /// The name of the component that asked for the wake-up.
        by: String,
        /// The name of the component that was to be woken.
        whom: String,
        /// The edge of the latter's clock.
        edge: Cycle,
        /// The phase asked for.
        phase: Phase,
    },
    /// Components wake each other without time going on.
    #[error("livelock: {wakes} wake-ups in one instant, the last of {name} at its {at}")]
    Livelock {
        /// The component woken last.
        name: String,
        /// The edge of its clock.
        at: Cycle,
        /// How many wake-ups the instant has seen.
        wakes: u64,
    },
    /// The limit on simulated time was reached with work left.
    #[error("the limit of {0} was reached with work left")]
    CycleLimit(Cycle),
}

fn lines(waiters: &[Waiter]) -> String {
    let lines: Vec<_> = waiters.iter().map(|waiter| format!("  {waiter}")).collect();
    lines.join("\n")
}

impl fmt::Display for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.whom {
            Some(whom) => write!(f, "{} waits for {whom}: {}", self.name, self.what),
            None => write!(f, "{} waits: {}", self.name, self.what),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct PastWake {
    pub(crate) by: ComponentId,
    pub(crate) whom: ComponentId,
    pub(crate) edge: Cycle,
    pub(crate) phase: Phase,
}

/// Components, their clocks, and the queue of their wake-ups.
pub struct Simulation<'a, W> {
    components: Vec<Box<dyn Component<W> + 'a>>,
    names: Vec<String>,
    scheduler: Scheduler,
}

impl<'a, W> Simulation<'a, W> {
    /// A simulation without components.
    #[must_use]
    pub fn new(timeline: Timeline) -> Self {
        let scheduler = Scheduler {
            timeline,
            domains: Vec::new(),
            queue: WakeQueue::new(),
            now: Instant::default(),
            phase: Phase::Deliver,
            past_wake: None,
            halted: false,
        };
        Self {
            components: Vec::new(),
            names: Vec::new(),
            scheduler,
        }
    }

    /// Adds a component; it is woken at edge 0 of its clock, in the order of addition.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        domain: DomainId,
        component: impl Component<W> + 'a,
    ) -> ComponentId {
        let id = ComponentId::of_index(self.components.len());
        self.components.push(Box::new(component));
        self.names.push(name.into());
        self.scheduler.domains.push(domain);
        self.scheduler
            .queue
            .schedule(id, Instant::default(), Phase::Act);
        id
    }

    /// The common time line.
    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.scheduler.timeline
    }

    /// The instant reached.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.scheduler.now
    }

    /// Runs until nothing is left to do.
    ///
    /// # Errors
    /// See [`RunError`].
    pub fn run(&mut self, world: &mut W, limits: Limits) -> Result<(), RunError> {
        let timeline = &self.scheduler.timeline;
        let last = limits
            .last
            .map(|(domain, edge)| (timeline.instant(domain, edge), edge));
        let mut wakes: u64 = 0;
        while let Some((who, instant, phase)) = self.scheduler.queue.pop() {
            if let Some((_, edge)) = last.filter(|&(limit, _)| instant > limit) {
                return Err(RunError::CycleLimit(edge));
            }
            wakes = if instant == self.scheduler.now {
                wakes + 1
            } else {
                1
            };
            if wakes > limits.wakes_per_instant {
                return Err(self.livelock(who, instant, wakes));
            }
            debug_assert!((instant, phase) >= (self.scheduler.now, self.scheduler.phase));
            self.scheduler.now = instant;
            self.scheduler.phase = phase;
            let mut context = Context {
                scheduler: &mut self.scheduler,
                who,
            };
            self.components[who.0 as usize].wake(world, &mut context);
            if let Some(past) = self.scheduler.past_wake {
                return Err(self.past_wake(past));
            }
            if self.scheduler.halted {
                return Ok(());
            }
        }
        self.content(world)
    }

    fn content(&self, world: &W) -> Result<(), RunError> {
        let waiters: Vec<_> = self
            .components
            .iter()
            .zip(&self.names)
            .filter_map(|(component, name)| {
                let WaitsFor { whom, what } = component.waits_for(world)?;
                Some(Waiter {
                    name: name.clone(),
                    whom: whom.map(|id| self.name(id)),
                    what,
                })
            })
            .collect();
        if waiters.is_empty() {
            Ok(())
        } else {
            Err(RunError::Deadlock(waiters))
        }
    }

    fn name(&self, id: ComponentId) -> String {
        self.names[id.0 as usize].clone()
    }

    fn past_wake(&self, past: PastWake) -> RunError {
        let PastWake {
            by,
            whom,
            edge,
            phase,
        } = past;
        RunError::PastWake {
            by: self.name(by),
            whom: self.name(whom),
            edge,
            phase,
        }
    }

    fn livelock(&self, who: ComponentId, instant: Instant, wakes: u64) -> RunError {
        let domain = self.scheduler.domains[who.0 as usize];
        let at = self.scheduler.timeline.edge_at_or_after(domain, instant);
        RunError::Livelock {
            name: self.name(who),
            at,
            wakes,
        }
    }
}
