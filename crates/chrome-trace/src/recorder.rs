//! Event records, counted against a budget.

use std::fmt::{self, Write as _};
use std::io::{self, Write};

use quantities::Cycle;

use crate::budget::Budget;
pub(crate) use crate::budget::Detail;
use crate::counter::Label;
use crate::rate::Rate;
use crate::sink::Sink;
use crate::{LeftOut, TraceOptions, TraceSummary};

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

/// Since when details have been missing.
#[derive(Default)]
struct Missing {
    /// Indexed by [`Detail`].
    since: [Option<Cycle>; 4],
    /// Where the last stretch without some details ended.
    ended: Cycle,
}

/// Writes events one a line.
pub(crate) struct Recorder<W: Write> {
    sink: Sink<W>,
    line: String,
    budget: Budget,
    window: (Cycle, Cycle),
    missing: Missing,
    /// Where stretches without details are told.
    missing_track: TrackId,
    pub(crate) summary: TraceSummary,
}

impl<W: Write> Recorder<W> {
    pub(crate) fn new(writer: W, options: &TraceOptions, missing_track: TrackId) -> Self {
        let mut sink = Sink::new(writer, options.encoding);
        sink.put(b"[");
        Self {
            sink,
            line: String::new(),
            budget: Budget::new(options),
            window: options.window.unwrap_or((Cycle::ZERO, Cycle(u64::MAX))),
            missing: Missing::default(),
            missing_track,
            summary: TraceSummary::default(),
        }
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
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

    /// Whether something of this detail can be recorded now.
    pub(crate) fn has_room(&self, detail: Detail) -> bool {
        self.budget.allows(detail, self.summary.events) && !self.sink.has_failed()
    }

    /// Whether something of this detail, which begins at `at`, can be recorded. If not, the trace
    /// will tell that the detail is missing there.
    pub(crate) fn wants(&mut self, detail: Detail, at: Cycle) -> bool {
        let wanted = self.has_room(detail);
        if !wanted {
            let Missing { since, ended } = &mut self.missing;
            since[detail as usize].get_or_insert(at.max(*ended));
        }
        wanted
    }

    /// An instruction is complete at a cycle: what is recorded may change there.
    pub(crate) fn complete(&mut self, at: Cycle) {
        if self.budget.complete(at, self.summary.events) {
            self.tell_missing(at);
        }
    }

    /// Writes an event given as its JSON members.
    pub(crate) fn event(&mut self, members: fmt::Arguments<'_>) {
        let separator = if self.summary.events == 0 {
            "\n"
        } else {
            ",\n"
        };
        self.line.clear();
        write!(self.line, "{separator}{{{members}}}").expect("a string takes all that fits memory");
        self.sink.put(self.line.as_bytes());
        self.summary.events += 1;
    }

    /// Names a track, for the order in which viewers show it too.
    pub(crate) fn name_track(&mut self, track: TrackId, name: &str) {
        let TrackId { pid, tid } = track;
        self.event(format_args!(
            r#""ph":"M","name":"thread_name","pid":{pid},"tid":{tid},"args":{{"name":"{name}"}}"#
        ));
        self.event(format_args!(
            r#""ph":"M","name":"thread_sort_index","pid":{pid},"tid":{tid},"args":{{"sort_index":{tid}}}"#
        ));
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
        self.summary.slices += 1;
        let head = format_args!(
            r#""ph":"X","name":"{name}","pid":{pid},"tid":{tid},"ts":{ts},"dur":{dur}"#
        );
        match args {
            Some(args) => self.event(format_args!(r#"{head},"args":{{{args}}}"#)),
            None => self.event(head),
        }
    }

    /// A sample of a counter: what it is at from a cycle on.
    pub(crate) fn counter(&mut self, label: &Label, at: Cycle, rate: &Rate) {
        let Label { pid, name, series } = label;
        let ts = at.get();
        self.summary.counter_samples += 1;
        self.event(format_args!(
            r#""ph":"C","name":"{name}","pid":{pid},"ts":{ts},"args":{{"{series}":{rate}}}"#
        ));
    }

    /// An arrow from a slice that is open at `from` to one that is open at `to`.
    pub(crate) fn flow(&mut self, from: (TrackId, Cycle), to: (TrackId, Cycle)) {
        let id = self.summary.flows + 1;
        self.summary.flows = id;
        for (phase, binding, (TrackId { pid, tid }, at)) in
            [("s", "", from), ("f", r#","bp":"e""#, to)]
        {
            let ts = at.get();
            self.event(format_args!(
                r#""ph":"{phase}","name":"fetched","cat":"fetch","id":{id},"pid":{pid},"tid":{tid},"ts":{ts}{binding}"#
            ));
        }
    }

    /// Tells of the details that have been missing until `to`. Their stretches end together, so the
    /// slices nest.
    fn tell_missing(&mut self, to: Cycle) {
        let to = to.min(self.window.1);
        let since = std::mem::take(&mut self.missing.since);
        let mut stretches: Vec<_> = Detail::ALL
            .into_iter()
            .zip(since)
            .filter_map(|(detail, since)| since.filter(|since| *since < to).map(|at| (at, detail)))
            .collect();
        stretches.sort_unstable_by(|one, other| (one.0, other.1).cmp(&(other.0, one.1)));
        if stretches.is_empty() {
            return;
        }
        self.missing.ended = to;
        let track = self.missing_track;
        if self.summary.stretches_without_detail == 0 {
            self.name_track(track, "left out");
        }
        for (from, detail) in stretches {
            self.summary.stretches_without_detail += 1;
            self.slice(&Slice {
                track,
                name: format_args!("no {}", detail.name()),
                from,
                to,
                args: None,
            });
        }
    }

    /// Tells what is missing, and of all that was recorded, at the end of the run.
    pub(crate) fn end(&mut self, end: Cycle) {
        self.tell_missing(end);
        let TrackId { pid, tid } = self.missing_track;
        let TraceSummary {
            tiles,
            tiles_without_length,
            left_out,
            ..
        } = self.summary;
        let LeftOut {
            passes,
            operations,
            tiles: left_out_tiles,
            waits,
            phases_of_tiles,
        } = left_out;
        self.event(format_args!(
            r#""ph":"M","name":"summary","pid":{pid},"tid":{tid},"args":{{"tiles":{tiles},"tiles_without_length":{tiles_without_length},"left_out":{{"passes":{passes},"operations":{operations},"tiles":{left_out_tiles},"waits":{waits},"phases_of_tiles":{phases_of_tiles}}}}}"#
        ));
    }

    pub(crate) fn finish(mut self) -> io::Result<(W, TraceSummary)> {
        self.sink.put(b"\n]\n");
        let writer = self.sink.finish()?;
        Ok((writer, self.summary))
    }
}

/// A string as it stands between quotes in JSON, on one line whatever a reader takes for the end of
/// a line.
pub(crate) fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    let mut escaped = String::with_capacity(quoted.len());
    for character in quoted[1..quoted.len() - 1].chars() {
        match character {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => {
                write!(escaped, "\\u{:04x}", u32::from(character)).expect("a string takes all");
            }
            _ => escaped.push(character),
        }
    }
    escaped
}
