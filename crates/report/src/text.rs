//! The report for the terminal.

use std::fmt::Write;

use attribution::Limit;
use tile_program::{Cause, Class};

use crate::facts::{ArrayFacts, ChannelCycles, DramFacts, ModelFacts, Run};
use crate::number::{
    bare_percent, bytes, bytes_per_second, grouped, percent, seconds, share, si, three_digits,
};
use crate::table::{Column, WIDTH, render};
use crate::{amdahl, energy};

/// How many operators the report names.
const TOP_OPERATORS: usize = 12;

/// How the text may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Plain characters.
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

    pub(crate) fn table(&mut self, columns: &[Column<'_>], rows: &[Vec<String>]) {
        for line in render(columns, rows, WIDTH - 2).lines() {
            self.line(format_args!("  {line}"));
        }
    }
}

/// The report of a run.
#[must_use]
pub fn to_text(run: &Run, style: Style) -> String {
    let mut page = Page {
        text: String::new(),
        style,
    };
    headline(&mut page, run);
    makespan(&mut page, run);
    amdahl::amdahl(&mut page, run);
    operators(&mut page, run);
    arrays(&mut page, run);
    units(&mut page, run);
    memory(&mut page, run);
    if let Some(facts) = &run.energy {
        energy::energy(&mut page, run, facts);
        energy::area(&mut page, run, facts);
    }
    // The first heading begins with an empty line.
    page.text.split_off(1)
}

fn headline(page: &mut Page, run: &Run) {
    let Run {
        machine,
        workload,
        clock,
        tokens,
        summary,
        ..
    } = run;
    page.heading(&format!("{workload} on {machine}"), "");
    let passes = plural(summary.passes, "pass", "passes");
    let made = tokens.map_or(passes.clone(), |tokens| {
        let tokens = plural(tokens, "token", "tokens");
        let rate = run.tokens_per_second().map_or_else(
            || "no time".to_owned(),
            |rate| format!("{} tokens/s", three_digits(rate)),
        );
        format!("{rate} ({tokens} in {passes})")
    });
    page.line(format_args!(
        "  total        {} cycles at {clock} = {}; {made}",
        grouped(summary.total.get()),
        seconds(run.seconds())
    ));
    page.line(format_args!("{}", model_lines(&run.model)));
    let roofline = run.roofline();
    let limit = match roofline.limit {
        Limit::Memory => format!(
            "{} at the {} of {}",
            bytes(roofline.floor_bytes),
            bytes_per_second(run.dram.peak_bytes_per_second),
            run.dram.name
        ),
        Limit::Compute => format!("{} MACs at the arrays' peak", si(summary.macs)),
    };
    match roofline.ratio {
        Some(ratio) => page.line(format_args!(
            "  roofline     {ratio:.2} times the floor of {} cycles ({limit})",
            grouped(roofline.floor_cycles.round() as u64)
        )),
        None => page.line(format_args!(
            "  roofline     no floor: nothing to move or multiply"
        )),
    }
    page.line(format_args!("  convention   {}", run.convention()));
    if run.has_several_cores() {
        cores(page, run);
    }
    if let Some(whole) = run.with_serial() {
        let rate = whole.tokens_per_second.map_or(String::new(), |rate| {
            format!(", {} tokens/s", three_digits(rate))
        });
        page.line(format_args!(
            "  serial       {} outside the machine: {} in all{rate}; F of that time {:.3}",
            seconds(run.serial_seconds()),
            seconds(whole.seconds),
            whole.fraction
        ));
    }
    let kept = run.kept_weights;
    if kept.matrices > 0 {
        let (matrices, bytes) = (kept.matrices, bytes(kept.bytes.get()));
        let how = if kept.warm {
            "there before the run: it does not load them"
        } else {
            "loaded once, at their first use"
        };
        page.line(format_args!(
            "  weights      {matrices} matrices ({bytes}) stay on chip, {how}"
        ));
    }
}

/// The model of a run in lines: its shape and number of parameters, its formats, and what of its file
/// was not run or not understood. The last line has no end.
#[must_use]
pub fn model_lines(model: &ModelFacts) -> String {
    let warnings = model.warnings.iter();
    let lines = [
        wrapped("model", &model.shape),
        wrapped("formats", &model.formats),
    ]
    .into_iter()
    .chain(warnings.map(|warning| wrapped("warning", warning)));
    lines.collect::<Vec<_>>().join("\n")
}

/// A line of the headline: what it tells of, and the text, broken where it is wider than 80 columns:
/// after a comma, or between words where no comma is near enough.
fn wrapped(what: &str, text: &str) -> String {
    const INDENT: usize = 15;
    const WIDTH: usize = 80 - INDENT;
    let mut lines = vec![String::new()];
    let mut add = |piece: &str| {
        let line = lines.last_mut().expect("there is a first line");
        let blank = usize::from(!line.is_empty());
        if line.chars().count() + blank + piece.chars().count() <= WIDTH || line.is_empty() {
            line.push_str(&" "[..blank]);
            line.push_str(piece);
        } else {
            lines.push(piece.to_owned());
        }
    };
    for part in text.split_inclusive(", ") {
        if part.trim_end().chars().count() <= WIDTH {
            add(part.trim_end());
        } else {
            part.split_whitespace().for_each(&mut add);
        }
    }
    let break_and_indent = format!("\n{:INDENT$}", "");
    format!("  {what:<12} {}", lines.join(&break_and_indent))
}

/// The cores and chips, and what went over links.
fn cores(page: &mut Page, run: &Run) {
    let system = &run.system;
    let chips = plural(system.chips, "chip", "chips");
    let cores = plural(system.cores_per_chip, "core", "cores");
    let alike = match system.replicas {
        1 => String::new(),
        replicas => {
            format!("; {replicas} do the same in the same cycles: figures are of one of them")
        }
    };
    page.line(format_args!("  machine      {chips} of {cores}{alike}"));
    let received = run.summary.bytes_received;
    if received.get() > 0 {
        let total = run.summary.total.get();
        let busiest = system.links.iter().max_by_key(|link| link.busy_cycles);
        let busiest = busiest.map_or(String::new(), |link| {
            let part = percent(share(link.busy_cycles, total));
            format!(
                "; the busiest, {} to {}, is at work {part} of the time",
                link.from, link.to
            )
        });
        page.line(format_args!(
            "  links        {} received{busiest}",
            bytes(received.get())
        ));
    }
}

fn plural(count: u64, one: &str, many: &str) -> String {
    let noun = if count == 1 { one } else { many };
    format!("{} {noun}", grouped(count))
}

/// Class by cause, along the critical path.
fn makespan(page: &mut Page, run: &Run) {
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
    page.table(&columns, &rows);
}

fn dash(number: u64) -> String {
    if number == 0 {
        "-".to_owned()
    } else {
        grouped(number)
    }
}

fn operators(page: &mut Page, run: &Run) {
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
    page.table(&columns, &rows);
}

fn arrays(page: &mut Page, run: &Run) {
    let columns = [
        Column::words("array"),
        Column::numbers("size"),
        Column::words("PEs"),
        Column::words("dataflow"),
        Column::numbers("MACs"),
        Column::numbers("busy"),
        Column::numbers("useful MACs of peak"),
    ];
    let row = |array: &ArrayFacts| {
        let unit = &run.summary.units[array.unit.index()];
        vec![
            unit.name.clone(),
            format!("{} x {}", array.rows, array.columns),
            array.element.clone(),
            array.dataflow.clone(),
            si(unit.macs),
            percent(run.busy(array.unit)),
            percent(run.utilisation(array)),
        ]
    };
    let rows: Vec<_> = run.arrays.iter().map(row).collect();
    page.heading("Arrays", "");
    page.table(&columns, &rows);
}

/// Every cycle of every unit, in percent.
fn units(page: &mut Page, run: &Run) {
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
    page.table(&columns, &rows);
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

/// The channel with the most bytes beside the mean, where there are several: what is not even costs
/// time as `dram_channel_imbalance`.
fn busiest_channel(page: &mut Page, dram: &DramFacts) {
    let channels = dram.channel_bus_bytes.len() as u64;
    let busiest = dram.channel_bus_bytes.iter().enumerate();
    let busiest = busiest.max_by_key(|&(index, bytes)| (bytes, std::cmp::Reverse(index)));
    if let Some((index, &bytes)) = busiest
        && channels > 1
        && bytes > 0
    {
        page.line(format_args!(
            "  channel {index} of {channels} moves most, {} of the bytes; the mean is {}",
            percent(share(bytes, dram.bus_bytes)),
            percent(share(1, channels))
        ));
    }
}

fn memory(page: &mut Page, run: &Run) {
    let (summary, dram) = (&run.summary, &run.dram);
    let peak = dram.peak_bytes_per_second;
    let rate = run.bytes_per_second().unwrap_or(0.0);
    page.heading(&format!("DRAM  {}", dram.name), "");
    page.line(format_args!(
        "  read {} (at least {}), written {} (at least {})",
        bytes(summary.bytes_read.get()),
        bytes(summary.compulsory_read.get()),
        bytes(summary.bytes_written.get()),
        bytes(summary.compulsory_write.get())
    ));
    page.line(format_args!(
        "  {} of {} ({})",
        bytes_per_second(rate),
        bytes_per_second(peak),
        percent(rate / peak)
    ));
    let bursts = dram.row_hits + dram.row_misses;
    if bursts > 0 {
        page.line(format_args!(
            "  {} bursts, {} into open rows; {} rows opened, {} refreshes",
            grouped(bursts),
            percent(share(dram.row_hits, bursts)),
            grouped(dram.activates),
            grouped(dram.refreshes)
        ));
    }
    let sum = |part: fn(&ChannelCycles) -> u64| dram.channel_cycles.iter().map(part).sum::<u64>();
    let parts = [
        ("data", sum(|channel| channel.bandwidth)),
        ("rows", sum(|channel| channel.row_conflict)),
        ("refresh", sum(|channel| channel.refresh)),
        ("turns", sum(|channel| channel.turnaround)),
        ("latency", sum(|channel| channel.latency)),
        ("idle", sum(|channel| channel.idle)),
    ];
    let all = parts.iter().map(|(_, cycles)| cycles).sum();
    if all > 0 {
        let shares = parts.map(|(name, cycles)| format!("{name} {}", percent(share(cycles, all))));
        page.line(format_args!("  channels: {}", shares.join(", ")));
    }
    busiest_channel(page, dram);
    if let Some(energy) = dram.energy_pj {
        page.line(format_args!("  {} mJ", three_digits(energy * 1e-9)));
    }
    let columns = [
        Column::words("scratchpad"),
        Column::numbers("capacity"),
        Column::numbers("held at most"),
        Column::numbers("filled by DMA"),
        Column::numbers("drained by DMA"),
        Column::numbers("read by units"),
        Column::numbers("written"),
    ];
    let rows: Vec<_> = run
        .scratchpads
        .iter()
        .map(|pad| {
            let capacity = pad.capacity.map(|capacity| bytes(capacity.get()));
            vec![
                pad.name.clone(),
                capacity.unwrap_or_else(|| "unlimited".to_owned()),
                bytes(pad.peak.get()),
                bytes(pad.filled.get()),
                bytes(pad.drained.get()),
                bytes(pad.read.get()),
                bytes(pad.written.get()),
            ]
        })
        .collect();
    page.heading("SRAM", "");
    page.table(&columns, &rows);
}
