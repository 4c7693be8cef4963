//! The report for the terminal.

use std::fmt::Write;

use quantities::grouped;
use simulator::{ArrayOfRun, RunRecord};
use tile_program::{Cause, Class};

use crate::number::{bare_percent, bytes, percent, share, si};
use crate::table::{Column, Table, WIDTH};
use crate::{amdahl, energy, headline, memory};

/// How many operators the report names.
const TOP_OPERATORS: usize = 12;

/// How the text may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Plain characters, for files and pipes.
    Plain,
    /// With ANSI escapes, for a terminal.
    Terminal,
}

/// The text under construction.
pub(crate) struct Page {
    text: String,
    style: Style,
}

impl Page {
    pub(crate) fn heading(&mut self, heading: &str, note: &str) {
        let (on, off) = match self.style {
            Style::Plain => ("", ""),
            Style::Terminal => ("\u{1b}[1m", "\u{1b}[0m"),
        };
        self.line(format_args!("\n{on}{heading}{off}{note}"));
    }

    pub(crate) fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("a string takes all that fits memory");
    }

    /// A table, indented by two blanks.
    pub(crate) fn table(&mut self, table: &Table) {
        for line in table.wrapped(WIDTH - 2).lines() {
            self.line(format_args!("  {line}"));
        }
    }
}

/// The report of a run.
#[must_use]
pub fn to_text(run: &RunRecord, style: Style) -> String {
    let mut page = Page {
        text: String::new(),
        style,
    };
    headline::headline(&mut page, run);
    makespan(&mut page, run);
    amdahl::amdahl(&mut page, run);
    operators(&mut page, run);
    arrays(&mut page, run);
    units(&mut page, run);
    memory::memory(&mut page, run);
    memory::scratchpads(&mut page, run);
    if let Some(record) = &run.energy {
        energy::energy(&mut page, run, record);
        energy::area(&mut page, run, record);
    }
    // The first heading begins with an empty line.
    page.text.split_off(1)
}

/// Class by cause, along the critical path.
fn makespan(page: &mut Page, run: &RunRecord) {
    let summary = &run.summary;
    let total = summary.total.get();
    let cycles = |class: Option<Class>, cause: Option<Cause>| -> u64 {
        let cells = summary.makespan.iter();
        cells
            .filter(|cell| class.is_none_or(|class| class == cell.class))
            .filter(|cell| cause.is_none_or(|cause| cause == cell.cause))
            .map(|cell| cell.cycles.get())
            .sum()
    };
    let mut columns = vec![Column::words("cause")];
    columns.extend(Class::ALL.map(|class| Column::numbers(class.name())));
    columns.extend([Column::numbers("all"), Column::numbers("%")]);
    let row = |name: &str, cause: Option<Cause>| {
        let mut row = vec![name.to_owned()];
        row.extend(Class::ALL.map(|class| dash(cycles(Some(class), cause))));
        let all = cycles(None, cause);
        row.extend([grouped(all), bare_percent(share(all, total))]);
        row
    };
    let causes = Cause::ALL.into_iter();
    let mut rows: Vec<_> = causes
        .filter(|cause| cycles(None, Some(*cause)) > 0)
        .map(|cause| row(cause.name(), Some(cause)))
        .collect();
    rows.push(row("all", None));
    let mut shares = vec!["%".to_owned()];
    shares.extend(Class::ALL.map(|class| bare_percent(share(cycles(Some(class), None), total))));
    shares.extend([bare_percent(share(total, total)), String::new()]);
    rows.push(shares);
    let mut hidden = vec!["hidden".to_owned()];
    hidden.extend(summary.classes.iter().map(|work| dash(work.hidden.get())));
    let all_hidden = summary.classes.iter().map(|work| work.hidden.get()).sum();
    hidden.extend([dash(all_hidden), String::new()]);
    rows.push(hidden);
    page.heading(
        "Where the makespan goes",
        "  (cycles along the critical path; hidden: work of units overlapped by it)",
    );
    page.table(&Table::filled(columns, rows));
}

fn dash(number: u64) -> String {
    if number == 0 {
        "-".to_owned()
    } else {
        grouped(number)
    }
}

fn operators(page: &mut Page, run: &RunRecord) {
    let summary = &run.summary;
    let mut operators: Vec<_> = summary.operators.iter().collect();
    operators.sort_by_key(|operator| std::cmp::Reverse((operator.makespan, operator.cycles)));
    let shown = operators.len().min(TOP_OPERATORS);
    let columns = [
        Column::words("operator"),
        Column::words("class"),
        Column::numbers("count"),
        Column::numbers("of makespan"),
        Column::numbers("% "),
        Column::numbers("busy cycles"),
        Column::numbers("MACs"),
        Column::numbers("DRAM"),
    ];
    let rows: Vec<_> = operators[..shown]
        .iter()
        .map(|operator| {
            vec![
                operator.operator.to_string(),
                operator.class.name().to_owned(),
                grouped(operator.count),
                grouped(operator.makespan.get()),
                bare_percent(share(operator.makespan.get(), summary.total.get())),
                grouped(operator.cycles.get()),
                si(operator.macs),
                bytes(operator.bytes.get()),
            ]
        })
        .collect();
    let note = if shown < operators.len() {
        format!("  (the first {shown} of {})", operators.len())
    } else {
        String::new()
    };
    page.heading("Operators", &note);
    page.table(&Table::filled(columns, rows));
}

fn arrays(page: &mut Page, run: &RunRecord) {
    let columns = [
        Column::words("array"),
        Column::numbers("size"),
        Column::words("PEs"),
        Column::words("dataflow"),
        Column::numbers("MACs"),
        Column::numbers("busy"),
        Column::numbers("useful MACs of peak"),
    ];
    let row = |array: ArrayOfRun<'_>| {
        let unit = run.unit(array.target.unit);
        vec![
            unit.name.clone(),
            format!("{} x {}", array.target.rows, array.target.columns),
            array.spec.kind.name.to_string(),
            format!("{:?}", array.spec.array.dataflow),
            si(unit.macs),
            percent(run.busy(array.target.unit)),
            percent(run.utilisation(&array)),
        ]
    };
    let rows: Vec<_> = run.arrays().map(row).collect();
    page.heading("Arrays", "");
    page.table(&Table::filled(columns, rows));
}

/// Every cycle of every unit, in percent.
fn units(page: &mut Page, run: &RunRecord) {
    let shown: Vec<Cause> = Cause::ALL
        .into_iter()
        .filter(|cause| {
            let mut units = run.summary.units.iter();
            units.any(|unit| !unit.by_cause(*cause).is_zero())
        })
        .collect();
    let mut columns = vec![Column::words("unit")];
    columns.extend(shown.iter().map(|cause| Column::numbers(short(*cause))));
    let total = run.summary.total.get();
    let rows: Vec<_> = run
        .summary
        .units
        .iter()
        .map(|unit| {
            let mut row = vec![unit.name.clone()];
            row.extend(shown.iter().map(|cause| {
                let cycles = unit.by_cause(*cause).get();
                bare_percent(share(cycles, total))
            }));
            row
        })
        .collect();
    page.heading(
        "Units",
        "  (every cycle of each, in %; bus to turn: waiting for, or moved by, the DRAM)",
    );
    page.table(&Table::filled(columns, rows));
}

/// A name for a narrow column.
const fn short(cause: Cause) -> &'static str {
    match cause {
        Cause::Fill => "fill",
        Cause::Compute => "comp",
        Cause::Drain => "drain",
        Cause::WeightLoad => "wload",
        Cause::SramPort => "sram",
        Cause::DmaPort => "dma",
        Cause::DramBandwidth => "bus",
        Cause::DramChannelImbalance => "imbal",
        Cause::DramLatency => "lat",
        Cause::DramRowConflict => "row",
        Cause::DramRefresh => "refr",
        Cause::DramTurnaround => "turn",
        Cause::Dependency => "dep",
        Cause::Link => "link",
        Cause::Peer => "peer",
        Cause::BufferFull => "full",
        Cause::Idle => "idle",
    }
}
