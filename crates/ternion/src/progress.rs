//! How far a run has come, for people who wait.

use std::time::Duration;

use accelerator::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::console::Stream;

/// The bar counts operations; a pass counts as so many.
const STEPS_PER_PASS: u64 = 1_000;

/// A progress bar on stderr; nothing where nobody watches.
pub(crate) struct Bar(Option<ProgressBar>);

impl Bar {
    /// A bar that is never shown.
    pub(crate) const fn hidden() -> Self {
        Self(None)
    }

    /// A bar of one run, shown where a terminal takes it and nothing is logged.
    pub(crate) fn new() -> Self {
        // What is logged goes to the same terminal, and would be drawn over.
        let logs = tracing::enabled!(tracing::Level::INFO);
        if logs || !Stream::Stderr.takes_redrawing() {
            return Self(None);
        }
        let style = ProgressStyle::with_template(
            "{bar:32} {percent:>3} %  {msg}  {elapsed} passed, {eta} to go",
        )
        .expect("the template is fixed")
        .with_key(
            "elapsed",
            |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                // What cannot be written to a terminal is of no interest to a run.
                let _ = write!(out, "{:.1} s", state.elapsed().as_secs_f64());
            },
        );
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(style);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(Some(bar))
    }

    /// A bar that counts so many equal steps.
    pub(crate) fn counting(steps: u64) -> Self {
        let bar = Self::new();
        if let Some(bar) = &bar.0 {
            bar.set_length(steps);
        }
        bar
    }

    /// One step further.
    pub(crate) fn step(&self) {
        if let Some(bar) = &self.0 {
            bar.inc(1);
        }
    }

    /// Shows how far the run has come.
    pub(crate) fn update(&self, progress: Progress) {
        let Some(bar) = &self.0 else { return };
        let within = STEPS_PER_PASS * progress.operations_done / progress.operations.max(1);
        bar.set_length(STEPS_PER_PASS * progress.passes);
        bar.set_position(STEPS_PER_PASS * progress.passes_done + within);
        let rate = progress.cycles as f64 / bar.elapsed().as_secs_f64().max(1e-3);
        bar.set_message(format!(
            "{:.1} Mcycles, {:.1} Mcycles/s",
            progress.cycles as f64 / 1e6,
            rate / 1e6
        ));
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
