//! Event records, counted against a budget.

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::io::{self, Write};

use event_kernel::Cycle;

use crate::sink::Sink;
use crate::{TraceOptions, TraceStatistics};

/// How much is recorded; it falls as the budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    /// Passes only.
    Passes,
    /// Operations of each unit.
    Operations,
    /// Tiles, waits, flows.
    Tiles,
    /// What happens inside tiles.
    Phases,
}

impl Detail {
    /// The shares of the budget, in hundredths, up to which this detail is recorded. What is left
    /// at the end belongs to passes and the last values of counters.
    const fn share(self) -> u128 {
        match self {
            Self::Passes => 100,
            Self::Operations => 95,
            Self::Tiles => 75,
            Self::Phases => 50,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Passes => "passes",
            Self::Operations => "operations",
            Self::Tiles => "tiles",
            Self::Phases => "phases",
        }
    }
}

/// A track: a process and a thread number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TrackId {
    pub(crate) pid: u32,
    pub(crate) tid: u32,
}

/// A slice to be written.
pub(crate) struct Slice<'a> {
    pub(crate) track: TrackId,
    /// Already escaped for JSON.
    pub(crate) name: fmt::Arguments<'a>,
    pub(crate) from: Cycle,
    pub(crate) to: Cycle,
    /// The members of the `args` object.
    pub(crate) args: Option<fmt::Arguments<'a>>,
}

/// Writes events one a line.
pub(crate) struct Recorder<W: Write> {
    sink: Sink<W>,
    line: String,
    budget: u64,
    window: (Cycle, Cycle),
    /// Since when each detail is no longer recorded; indexed by [`Detail`].
    dropped_since: [Cell<Option<Cycle>>; 4],
    pub(crate) statistics: TraceStatistics,
}

impl<W: Write> Recorder<W> {
    pub(crate) fn new(writer: W, options: &TraceOptions) -> Self {
        let mut sink = Sink::new(writer, options.gzip);
        sink.put(b"[");
        Self {
            sink,
            line: String::new(),
            budget: options.event_budget,
            window: options.window.unwrap_or((Cycle::ZERO, Cycle(u64::MAX))),
            dropped_since: Default::default(),
            statistics: TraceStatistics::default(),
        }
    }

    pub(crate) fn budget(&self) -> u64 {
        self.budget
    }

    /// First cycle that is recorded, and the cycle after the last.
    pub(crate) fn window(&self) -> (Cycle, Cycle) {
        self.window
    }

    /// The part of a span that lies in the window, if any does.
    pub(crate) fn clip(&self, from: Cycle, to: Cycle) -> Option<(Cycle, Cycle)> {
        let (from, to) = (from.max(self.window.0), to.min(self.window.1));
        (from < to).then_some((from, to))
    }

    /// Whether something of this detail, at `at`, can still be recorded. If not, it is noted as
    /// missing.
    pub(crate) fn wants(&self, detail: Detail, at: Cycle) -> bool {
        let used = u128::from(self.statistics.events) * 100;
        let allowed = used < u128::from(self.budget) * detail.share();
        let since = &self.dropped_since[detail as usize];
        if !allowed && since.get().is_none() {
            since.set(Some(at));
        }
        allowed && !self.sink.has_failed()
    }

    /// Writes an event given as its JSON members.
    pub(crate) fn event(&mut self, members: fmt::Arguments<'_>) {
        let separator = if self.statistics.events == 0 {
            "\n"
        } else {
            ",\n"
        };
        self.line.clear();
        write!(self.line, "{separator}{{{members}}}").expect("a string takes all that fits memory");
        self.sink.put(self.line.as_bytes());
        self.statistics.events += 1;
    }

    /// A complete slice. Its span must lie in the window and not be empty.
    pub(crate) fn slice(&mut self, slice: &Slice<'_>) {
        let Slice {
            track: TrackId { pid, tid },
            name,
            from,
            to,
            args,
        } = slice;
        let (ts, dur) = (from.get(), to.since(*from).get());
        self.statistics.slices += 1;
        let head = format_args!(
            r#""ph":"X","name":"{name}","pid":{pid},"tid":{tid},"ts":{ts},"dur":{dur}"#
        );
        match args {
            Some(args) => self.event(format_args!(r#"{head},"args":{{{args}}}"#)),
            None => self.event(head),
        }
    }

    /// A sample of a counter, in thousandths.
    pub(crate) fn counter(
        &mut self,
        pid: u32,
        (name, series): (&str, &str),
        at: Cycle,
        thousandths: u64,
    ) {
        let (whole, rest) = (thousandths / 1000, thousandths % 1000);
        let ts = at.get();
        self.statistics.counter_samples += 1;
        let head = format_args!(r#""ph":"C","name":"{name}","pid":{pid},"ts":{ts}"#);
        if rest == 0 {
            self.event(format_args!(r#"{head},"args":{{"{series}":{whole}}}"#));
        } else {
            self.event(format_args!(
                r#"{head},"args":{{"{series}":{whole}.{rest:03}}}"#
            ));
        }
    }

    /// An arrow from a slice that is open at `from` to one that is open at `to`.
    pub(crate) fn flow(&mut self, from: (TrackId, Cycle), to: (TrackId, Cycle)) {
        let id = self.statistics.flows + 1;
        self.statistics.flows = id;
        for (phase, binding, (TrackId { pid, tid }, at)) in
            [("s", "", from), ("f", r#","bp":"e""#, to)]
        {
            let ts = at.get();
            self.event(format_args!(
                r#""ph":"{phase}","name":"fetched","cat":"fetch","id":{id},"pid":{pid},"tid":{tid},"ts":{ts}{binding}"#
            ));
        }
    }

    /// Says what is missing and since when, on the given track.
    pub(crate) fn tell_missing(&mut self, track: TrackId) {
        let TrackId { pid, tid } = track;
        for detail in [
            Detail::Phases,
            Detail::Tiles,
            Detail::Operations,
            Detail::Passes,
        ] {
            let Some(since) = self.dropped_since[detail as usize].get() else {
                continue;
            };
            let (ts, name) = (since.get(), detail.name());
            self.statistics.dropped.push((name, since));
            self.event(format_args!(
                r#""ph":"i","name":"event budget: no {name} from here on","pid":{pid},"tid":{tid},"ts":{ts},"s":"t""#
            ));
        }
    }

    pub(crate) fn finish(mut self) -> io::Result<(W, TraceStatistics)> {
        self.sink.put(b"\n]\n");
        let writer = self.sink.finish()?;
        Ok((writer, self.statistics))
    }
}

/// A string as it stands between quotes in JSON.
pub(crate) fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}
