//! The head of the report: the run, its model and its machine.

use attribution::Limit;
use quantities::grouped;
use simulator::{RunRecord, Workload};

use crate::number::{bytes, bytes_per_second, percent, seconds, share, si, three_digits};
use crate::text::Page;

pub(crate) fn headline(page: &mut Page, run: &RunRecord) {
    page.heading(&format!("{} on {}", run.name, run.spec().name), "");
    total(page, run);
    page.line(format_args!("{}", model_lines(&run.workload)));
    roofline(page, run);
    page.line(format_args!("  convention   {}", run.convention()));
    if run.has_several_cores() {
        cores(page, run);
    }
    serial(page, run);
    kept_weights(page, run);
}

/// The makespan, and how many tokens were made in it.
fn total(page: &mut Page, run: &RunRecord) {
    let passes = plural(run.summary.passes, "pass", "passes");
    let made = run.tokens().map_or(passes.clone(), |tokens| {
        let tokens = plural(tokens, "token", "tokens");
        let rate = run.tokens_per_second().map_or_else(
            || "no time".to_owned(),
            |rate| format!("{} tokens/s", three_digits(rate)),
        );
        format!("{rate} ({tokens} in {passes})")
    });
    page.line(format_args!(
        "  total        {} cycles at {} = {}; {made}",
        grouped(run.summary.total.get()),
        run.clock(),
        seconds(run.seconds())
    ));
}

fn roofline(page: &mut Page, run: &RunRecord) {
    let roofline = run.roofline();
    let limit = match roofline.limit {
        Limit::Memory => format!(
            "{} at the {} of {}",
            bytes(roofline.floor_bytes),
            bytes_per_second(run.memory_bytes_per_second()),
            run.memory_name()
        ),
        Limit::Compute => format!("{} MACs at the arrays' peak", si(run.summary.macs)),
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
}

/// The work outside the machine, if there is any.
fn serial(page: &mut Page, run: &RunRecord) {
    let Some(whole) = run.with_serial() else {
        return;
    };
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

/// The weights that stay on chip, if any do.
fn kept_weights(page: &mut Page, run: &RunRecord) {
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

/// The model of a workload in lines: its shape and number of parameters, its formats, and what of
/// its file was not run or not understood. The last line has no end.
#[must_use]
pub fn model_lines(workload: &Workload) -> String {
    let warnings = workload.warnings.iter();
    let lines = [
        wrapped("model", &workload.model.summary()),
        wrapped("formats", &workload.precision.to_string()),
    ]
    .into_iter()
    .chain(warnings.map(|warning| wrapped("warning", &warning.message)));
    lines.collect::<Vec<_>>().join("\n")
}

/// A line of the headline: what it tells of, and the text, broken where it is wider than 80
/// columns: after a comma, or between words where no comma is near enough.
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
fn cores(page: &mut Page, run: &RunRecord) {
    let chips = plural(run.chips(), "chip", "chips");
    let cores = plural(run.cores_per_chip(), "core", "cores");
    let alike = match run.platform().replicas {
        1 => String::new(),
        replicas => {
            format!("; {replicas} do the same in the same cycles: figures are of one of them")
        }
    };
    page.line(format_args!("  machine      {chips} of {cores}{alike}"));
    let received = run.summary.bytes_received;
    if received.get() > 0 {
        let total = run.summary.total.get();
        let busiest = run.links().max_by_key(|(_, cycles)| *cycles);
        let busiest = busiest.map_or(String::new(), |((from, to), cycles)| {
            let part = percent(share(cycles.get(), total));
            format!("; the busiest, {from} to {to}, is at work {part} of the time")
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
