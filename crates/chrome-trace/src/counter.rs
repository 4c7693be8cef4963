//! A counter track: written on change, thinned out if it changes too often.

use std::io::Write;

use event_kernel::Cycle;

use crate::recorder::{Detail, Recorder};

/// A counter with one series.
pub(crate) struct Counter {
    pid: u32,
    /// Already escaped for JSON.
    name: String,
    /// What is counted, with its unit: viewers show the name and this.
    series: &'static str,
    /// The latest change, not written yet.
    pending: Option<(Cycle, u64)>,
    /// The last sample written.
    written: Option<(Cycle, u64)>,
    samples: u64,
    /// How many samples are written before the interval grows for the first time.
    fine_samples: u64,
    /// How many samples may be written before the interval grows again.
    allowance: u64,
    /// Two samples are at least so many cycles apart.
    interval: u64,
}

impl Counter {
    pub(crate) fn new(pid: u32, name: String, series: &'static str, budget: u64) -> Self {
        let fine_samples = (budget / 100).max(16);
        Self {
            pid,
            name,
            series,
            pending: None,
            written: None,
            samples: 0,
            fine_samples,
            allowance: fine_samples,
            interval: 1,
        }
    }

    /// The counter is at `thousandths` / 1000 from `at` on. Changes come in the order of time; of
    /// those at one cycle, the last stands.
    pub(crate) fn set<W: Write>(
        &mut self,
        recorder: &mut Recorder<W>,
        at: Cycle,
        thousandths: u64,
    ) {
        // Before the window only the last value counts: it is the one at its beginning.
        let at = at.max(recorder.window().0);
        if let Some((before, _)) = self.pending
            && before < at
        {
            self.write_pending(recorder);
        }
        self.pending = Some((at, thousandths));
    }

    /// The counter is at `thousandths` / 1000 in `from..to`, and then at 0.
    pub(crate) fn set_for<W: Write>(
        &mut self,
        recorder: &mut Recorder<W>,
        (from, to): (Cycle, Cycle),
        thousandths: u128,
    ) {
        let thousandths = u64::try_from(thousandths).unwrap_or(u64::MAX);
        self.set(recorder, from, thousandths);
        self.set(recorder, to, 0);
    }

    fn write_pending<W: Write>(&mut self, recorder: &mut Recorder<W>) {
        let Some((at, value)) = self.pending.take() else {
            return;
        };
        let too_soon = self
            .written
            .is_some_and(|(written, _)| at.get() < written.get() + self.interval);
        let same = self.written.is_some_and(|(_, written)| written == value);
        let past = at >= recorder.window().1;
        if same || too_soon || past || !recorder.wants(Detail::Operations, at) {
            return;
        }
        recorder.counter(self.pid, (&self.name, self.series), at, value);
        self.written = Some((at, value));
        self.samples += 1;
        if self.samples == self.allowance {
            // Another quarter of the samples lasts at least as long again as the run has lasted so
            // far: their number grows with the logarithm of its length.
            self.interval = (at.get() * 4 / self.fine_samples).max(self.interval * 2);
            self.allowance += self.fine_samples / 4;
        }
    }

    /// Writes the last value and a final zero, so that it does not extend past the end.
    pub(crate) fn end<W: Write>(&mut self, recorder: &mut Recorder<W>, end: Cycle) {
        self.write_pending(recorder);
        let end = end.min(recorder.window().1);
        if let Some((at, value)) = self.written
            && value != 0
            && at < end
        {
            recorder.counter(self.pid, (&self.name, self.series), end, 0);
        }
    }
}
