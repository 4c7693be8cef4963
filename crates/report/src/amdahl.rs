//! Amdahl's law for the terminal: what the law says of the MatMul-free share of the makespan, and
//! what this machine would gain from faster arrays alone.

use attribution::{Limit, Speedup};
use quantities::Cycles;
use simulator::RunRecord;
use tile_program::Class;

use crate::law_speedups;
use crate::number::{bytes, bytes_per_second, percent, share, si};
use crate::table::{Column, Table};
use crate::text::Page;

pub(crate) fn amdahl(page: &mut Page, run: &RunRecord) {
    let amdahl = run.amdahl();
    let note = "  (the speedup of the run with its MatMul-free work so many times faster)";
    if amdahl.reachable.is_zero() {
        page.heading("Amdahl", "");
        page.line(format_args!(
            "  F = 0: none of the makespan is MatMul-free work, and no format of weights speeds the run up."
        ));
        return;
    }
    page.heading("Amdahl", note);
    let faster = run.faster_arrays();
    let part = |cycles: Cycles| percent(share(cycles.get(), run.summary.total.get()));
    page.line(format_args!(
        "  F = {} of the makespan: arrays at work {}, main memory {}, all else {}",
        part(amdahl.reachable),
        part(faster.array_cycles),
        part(faster.memory_cycles),
        part(faster.other_cycles)
    ));
    let mut columns = vec![Column::words("")];
    let speedups: Vec<_> = law_speedups();
    let factors = speedups.iter().map(|speedup| format!("{}x", speedup.get()));
    columns.extend(factors.chain(["∞".to_owned()]).map(Column::numbers));
    let row = |name: &str, whole: &dyn Fn(Speedup) -> f64| {
        let all = speedups.iter().copied().chain([Speedup::INFINITE]);
        let cells = all.map(|speedup| times(whole(speedup)));
        std::iter::once(name.to_owned()).chain(cells).collect()
    };
    let rows = vec![
        row("all of F, by the law: arrays and memory", &|speedup| {
            amdahl.law(speedup)
        }),
        row("faster arrays alone, in this schedule", &|speedup| {
            faster.estimate(speedup)
        }),
    ];
    page.table(&Table::filled(columns, rows));
    bound(page, run);
    weights(page, run);
}

/// A factor as text: `1.54x`, or `∞` if it has no limit.
fn times(factor: f64) -> String {
    if factor.is_finite() {
        format!("{factor:.2}x")
    } else {
        "∞".to_owned()
    }
}

/// What no schedule with faster arrays beats, where that is less than the law allows.
fn bound(page: &mut Page, run: &RunRecord) {
    let bound = run.faster_arrays_bound();
    if run
        .amdahl()
        .ceiling()
        .is_some_and(|law| law <= bound.speedup)
        || !bound.speedup.is_finite()
    {
        return;
    }
    let what = match bound.limit {
        Limit::Memory => format!(
            "{} at {}",
            bytes(run.roofline().floor_bytes),
            bytes_per_second(run.memory_bytes_per_second())
        ),
        Limit::Compute => {
            let operators = run.summary.operators.iter();
            let others = operators.filter(|operator| operator.class != Class::MatMulFree);
            format!(
                "{} other MACs",
                si(others.map(|operator| operator.macs).sum())
            )
        }
    };
    page.line(format_args!(
        "  At most {} in any schedule: {what} take {} of the makespan.",
        times(bound.speedup),
        percent(1.0 / bound.speedup)
    ));
}

/// What the weights of that work are, and what narrower ones would move.
fn weights(page: &mut Page, run: &RunRecord) {
    let format = run.workload.precision.projection;
    if !format.is_matmul_free() {
        page.line(format_args!(
            "  Its weights are {format}: at a bit each they would be {} of their bytes.",
            percent(10.0 / format.packed().tenths() as f64)
        ));
    } else if run.faster_arrays().memory_cycles.is_zero() {
        page.line(format_args!("  Its weights are {format} already."));
    } else {
        page.line(format_args!(
            "  Its weights are {format} already: fewer bytes or more bandwidth shorten its waits."
        ));
    }
}
