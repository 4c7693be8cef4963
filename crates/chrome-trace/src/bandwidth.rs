//! Bytes a second over a bus, drawn so that no cycle shows more than the bus carries.
//!
//! A transfer is accounted for from the end of the one before it to its own end. But transfers
//! overlap: a part of its data has moved before, while the account was at the other. What is more
//! than the bus carries in the transfer's own span is drawn in the spans right before it, the
//! latest first.

use std::collections::VecDeque;
use std::io::Write;

use quantities::{Cycle, Frequency};

use crate::counter::Counter;
use crate::recorder::Recorder;

/// So many spans can still take data of later ones: more than transfers overlap.
const HELD: usize = 64;

/// A counter of GB/s.
pub(crate) struct Bandwidth {
    counter: Counter,
    spans: Spans,
}

/// Bytes that moved in `from..to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: Cycle,
    to: Cycle,
    bytes: u64,
}

/// The latest spans, each right after the one before it.
struct Spans {
    /// What the bus carries: bytes, in so many cycles.
    bus: Option<(u128, u128)>,
    held: VecDeque<Span>,
}

impl Spans {
    /// Takes a span, which begins no earlier than the last one ended; those that nothing is added
    /// to any more are `done`.
    fn push(&mut self, mut span: Span, mut done: impl FnMut(Span)) {
        if self.held.back().is_some_and(|last| last.to != span.from) {
            self.held.drain(..).for_each(&mut done);
        }
        let mut over = span.bytes - span.bytes.min(self.carried(&span));
        span.bytes -= over;
        for at in (0..self.held.len()).rev() {
            if over == 0 {
                break;
            }
            let room = self
                .carried(&self.held[at])
                .saturating_sub(self.held[at].bytes);
            let moved = over.min(room);
            self.held[at].bytes += moved;
            over -= moved;
        }
        // Nobody knows when the rest has moved.
        span.bytes += over;
        if span.to == span.from {
            match self.held.back_mut() {
                Some(last) => last.bytes += span.bytes,
                None => done(span),
            }
            return;
        }
        self.held.push_back(span);
        if self.held.len() > HELD {
            self.held.pop_front().into_iter().for_each(done);
        }
    }

    /// The most bytes that the bus can have moved in a span.
    fn carried(&self, span: &Span) -> u64 {
        let Some((bytes, cycles)) = self.bus else {
            return u64::MAX;
        };
        let carried = bytes * u128::from(span.to.since(span.from).get()) / cycles;
        u64::try_from(carried).unwrap_or(u64::MAX)
    }
}

impl Bandwidth {
    /// Of a bus that carries so many bytes a second, as far as that is known, in cycles of a clock.
    pub(crate) fn new(counter: Counter, clock: Frequency, bytes_per_second: Option<u64>) -> Self {
        let (hertz, divisor) = clock.as_fraction();
        let second = |bytes| (u128::from(bytes) * u128::from(divisor), u128::from(hertz));
        Self {
            counter,
            spans: Spans {
                bus: bytes_per_second.map(second),
                held: VecDeque::with_capacity(HELD + 1),
            },
        }
    }

    /// A transfer of so many bytes; spans come in the order of time.
    pub(crate) fn add<W: Write>(
        &mut self,
        recorder: &mut Recorder<W>,
        (from, to): (Cycle, Cycle),
        bytes: u64,
    ) {
        let draw = |span| draw(span, &mut self.counter, recorder);
        self.spans.push(Span { from, to, bytes }, draw);
    }

    /// Draws what is left, and a final zero.
    pub(crate) fn end<W: Write>(&mut self, recorder: &mut Recorder<W>, end: Cycle) {
        for span in self.spans.held.drain(..) {
            draw(span, &mut self.counter, recorder);
        }
        self.counter.end(recorder, end, 0);
    }
}

fn draw<W: Write>(span: Span, counter: &mut Counter, recorder: &mut Recorder<W>) {
    counter.add(recorder, (span.from, span.to), span.bytes.into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Data move at the bus's rate at most, and are told where their transfer ends.
        #[test]
        fn no_span_shows_more_than_the_bus_carries_and_no_byte_is_lost(
            transfers in prop::collection::vec((0u64..200, 0u64..100), 1..60),
        ) {
            let (rate, mut clock, mut told) = (10, 0_u64, 0_u64);
            let mut spans = Spans { bus: Some((rate.into(), 1)), held: VecDeque::new() };
            let mut drawn = Vec::new();
            // The bus is busy throughout; what is told of it comes up to some cycles late.
            for &(late, cycles) in &transfers {
                clock += cycles;
                let to = told.max(clock + late.min(cycles));
                let span = Span { from: Cycle(told), to: Cycle(to), bytes: rate * cycles };
                spans.push(span, |span| drawn.push(span));
                told = to;
            }
            drawn.extend(spans.held.drain(..));
            let sum: u64 = drawn.iter().map(|span| span.bytes).sum();
            prop_assert_eq!(sum, rate * clock);
            prop_assert!(drawn.windows(2).all(|pair| pair[0].to == pair[1].from));
            for span in &drawn {
                prop_assert!(span.bytes <= rate * span.to.since(span.from).get(), "{span:?}");
            }
        }
    }

    #[test]
    fn without_a_rate_spans_are_drawn_as_they_are_told() {
        let mut spans = Spans {
            bus: None,
            held: VecDeque::new(),
        };
        let span = |from, to, bytes| Span {
            from: Cycle(from),
            to: Cycle(to),
            bytes,
        };
        let told = [span(0, 10, 5), span(10, 11, 500), span(20, 30, 0)];
        let mut drawn = Vec::new();
        for span in told {
            spans.push(span, |span| drawn.push(span));
        }
        drawn.extend(spans.held);
        assert_eq!(drawn, told);
    }
}
