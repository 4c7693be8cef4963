//! A counter track: averages over spans that join, from the beginning of what is recorded to its
//! end. However coarse the averages are, they add up to what was counted.

use std::io::Write;

use quantities::Cycle;

use crate::rate::{Rate, Scale};
use crate::recorder::{Detail, Recorder};

/// What a counter is called.
pub(crate) struct Label {
    /// The group of tracks it stands in.
    pub(crate) pid: u32,
    /// Already escaped for JSON.
    pub(crate) name: String,
    /// What is counted, with its unit: viewers show the name and this.
    pub(crate) series: &'static str,
}

/// A counter of a quantity that is spread over time: so much in so many cycles.
pub(crate) struct Counter {
    label: Label,
    scale: Scale,
    /// The latest span, not written yet: its rate may go on.
    pending: Span,
    samples: u64,
    /// How many samples are written before the interval grows for the first time.
    fine_samples: u64,
    /// How many samples may be written before the interval grows again.
    allowance: u64,
    /// A sample stands for at least so many cycles, if the next one differs.
    interval: u64,
}

/// A quantity spread evenly over `from..to`.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: Cycle,
    to: Cycle,
    quantity: u128,
}

impl Span {
    fn cycles(&self) -> u64 {
        self.to.since(self.from).get()
    }

    /// Whether both are spread equally thick. Neither is empty.
    fn has_rate_of(&self, other: &Self) -> bool {
        let parts = |span: &Self| {
            let cycles = u128::from(span.cycles());
            (span.quantity / cycles, span.quantity % cycles, cycles)
        };
        let (whole, rest, cycles) = parts(self);
        let (other_whole, other_rest, other_cycles) = parts(other);
        whole == other_whole && rest * other_cycles == other_rest * cycles
    }

    /// The part before `at`, which lies in the span, and the one after it.
    fn split(self, at: Cycle) -> (Self, Self) {
        let Self { from, to, quantity } = self;
        let cycles = u128::from(self.cycles().max(1));
        let until = u128::from(at.since(from).get());
        let before = quantity / cycles * until + quantity % cycles * until / cycles;
        let first = Self {
            from,
            to: at,
            quantity: before,
        };
        let second = Self {
            from: at,
            to,
            quantity: quantity - before,
        };
        (first, second)
    }

    /// The part in a window, which it does not lie outside of. Windows that join divide the
    /// quantity between them.
    fn within(self, (from, to): (Cycle, Cycle)) -> Self {
        let until = if to < self.to {
            self.split(to).0.quantity
        } else {
            self.quantity
        };
        let before = if self.from < from {
            self.split(from).0.quantity
        } else {
            0
        };
        Self {
            from: self.from.max(from),
            to: self.to.min(to),
            quantity: until - before,
        }
    }
}

impl Counter {
    /// A counter that is written in full detail for so many samples. Nothing has been counted at
    /// the first cycle of the window.
    pub(crate) fn new(label: Label, scale: Scale, window: Cycle, fine_samples: u64) -> Self {
        let pending = Span {
            from: window,
            to: window,
            quantity: 0,
        };
        Self {
            label,
            scale,
            pending,
            samples: 0,
            fine_samples,
            allowance: fine_samples,
            interval: 1,
        }
    }

    /// So much was counted, evenly, in a span. Spans come in the order of time and do not overlap;
    /// between them nothing is counted. What is counted in a span of no length is added to the
    /// cycles before it.
    pub(crate) fn add<W: Write>(
        &mut self,
        recorder: &mut Recorder<W>,
        (from, to): (Cycle, Cycle),
        quantity: u128,
    ) {
        let window = recorder.window();
        let outside = match from < to {
            true => from >= window.1 || to <= window.0,
            // It belongs to the cycle before.
            false => to > window.1 || (to <= window.0 && window.0 > Cycle::ZERO),
        };
        if outside {
            return;
        }
        let span = Span { from, to, quantity }.within(window);
        let idle = Span {
            from: self.pending.to,
            to: span.from,
            quantity: 0,
        };
        if idle.from < idle.to {
            self.put(recorder, idle);
        }
        if span.from < span.to {
            self.put(recorder, span);
        } else if span.quantity > 0 {
            self.put_at_once(recorder, span.quantity);
        }
    }

    /// Takes a quantity that came at one instant: it is not spread over idle cycles before it.
    fn put_at_once<W: Write>(&mut self, recorder: &mut Recorder<W>, quantity: u128) {
        if self.pending.quantity == 0 && self.pending.cycles() > 1 {
            let last = Cycle(self.pending.to.get() - 1);
            let mut cycle = self.pending.split(last).1;
            self.pending.to = last;
            cycle.quantity = quantity;
            self.put(recorder, cycle);
        } else {
            self.pending.quantity += quantity;
        }
    }

    /// Takes a span that begins where the pending one ends.
    fn put<W: Write>(&mut self, recorder: &mut Recorder<W>, span: Span) {
        let held = self.pending.cycles();
        let extended = Span {
            to: span.to,
            quantity: self.pending.quantity + span.quantity,
            ..self.pending
        };
        if held == 0 || self.pending.has_rate_of(&span) || !recorder.has_room(Detail::Operations) {
            self.pending = extended;
        } else if held >= self.interval {
            self.write_pending(recorder);
            self.pending = span;
        } else if held + span.cycles() < 2 * self.interval {
            self.pending = extended;
        } else {
            // A burst is not spread over a long span after it.
            let full = Cycle(self.pending.from.get() + self.interval);
            let (first, second) = span.split(full);
            self.pending.to = full;
            self.pending.quantity += first.quantity;
            self.write_pending(recorder);
            self.pending = second;
        }
    }

    /// Writes the pending span, which is not empty.
    fn write_pending<W: Write>(&mut self, recorder: &mut Recorder<W>) {
        let Span { from, quantity, .. } = self.pending;
        let rate = Rate {
            quantity,
            cycles: self.pending.cycles(),
            scale: self.scale,
        };
        recorder.counter(&self.label, from, &rate);
        self.samples += 1;
        if self.samples == self.allowance {
            // Another quarter of the samples lasts at least as long again as the run has lasted so
            // far: their number grows with the logarithm of its length.
            let grown = from.get().saturating_mul(4) / self.fine_samples;
            self.interval = grown.max(self.interval.saturating_mul(2));
            self.allowance += (self.fine_samples / 4).max(1);
        }
    }

    /// Writes what is pending, and at `end`, or where the window ends, a last sample: what the
    /// counter is at there. A run that ends before the window leaves no sample.
    pub(crate) fn end<W: Write>(&mut self, recorder: &mut Recorder<W>, end: Cycle, last: u64) {
        let end = end.min(recorder.window().1);
        if self.pending.to < end {
            self.add(recorder, (end, end), 0);
        }
        if self.pending.from == end || self.pending.cycles() == 0 {
            return;
        }
        self.write_pending(recorder);
        let rate = Rate {
            quantity: last.into(),
            cycles: 1,
            scale: self.scale,
        };
        recorder.counter(&self.label, end, &rate);
    }
}

/// A counter of something held: a level that stays until it changes.
pub(crate) struct Level {
    counter: Counter,
    held: u64,
    since: Cycle,
}

impl Level {
    /// A level that is zero at cycle 0.
    pub(crate) fn new(counter: Counter) -> Self {
        Self {
            counter,
            held: 0,
            since: Cycle::ZERO,
        }
    }

    /// So much is held from `at` on. Changes come in the order of time; of those at one cycle, the
    /// last stands.
    pub(crate) fn set<W: Write>(&mut self, recorder: &mut Recorder<W>, at: Cycle, held: u64) {
        self.carry_on(recorder, at);
        if at <= recorder.window().1 {
            self.held = held;
        }
    }

    /// Writes what is pending, and what is still held at the end.
    pub(crate) fn end<W: Write>(&mut self, recorder: &mut Recorder<W>, end: Cycle) {
        self.carry_on(recorder, end);
        self.counter.end(recorder, end, self.held);
    }

    fn carry_on<W: Write>(&mut self, recorder: &mut Recorder<W>, to: Cycle) {
        let cycles = u128::from(to.since(self.since).get());
        let held_cycles = u128::from(self.held) * cycles;
        self.counter.add(recorder, (self.since, to), held_cycles);
        self.since = to;
    }
}
