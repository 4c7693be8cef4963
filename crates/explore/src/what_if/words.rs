//! What a study means, in sentences.

use attribution::Speedup;

use super::{ContextPoint, Part, Study};

/// A machine that reaches this share of what is to be had is worth building; more is not.
const WORTH: f64 = 0.9;

/// Break-even statements, one a sentence.
#[must_use]
pub fn words(study: &Study) -> Vec<String> {
    let mut words = vec![reach(study)];
    words.extend(faster_arrays(study));
    words.extend(by_law(study));
    for part in Part::ALL {
        if study.cycles(part) > 0 {
            words.extend(worth(study, part));
        }
    }
    words.extend(mirror(study));
    words.extend(crossover(study));
    words.push(memory(study));
    words.extend(memory_over_contexts(study));
    if (study.split_alone - 1.0).abs() >= 0.005 {
        words.push(format!(
            "An array of their own for the projections brings {:.2}x by overlap alone, before anything is faster.",
            study.split_alone
        ));
    }
    words
}

fn reach(study: &Study) -> String {
    match study.ceiling {
        None => "All of the makespan is MatMul-free work (F = 1): by the law there is no ceiling, and \
                 what speeds it up speeds up the run."
            .into(),
        Some(_) if study.matmul_free_cycles == 0 => {
            "None of the makespan is MatMul-free work (F = 0): no format of weights speeds this run \
             up, whatever S is."
                .into()
        }
        Some(ceiling) => format!(
            "F = {:.4}: by the law, the run is at most {ceiling:.2}x as fast, if its MatMul-free work \
             takes no time at all, on arrays and in memory.",
            study.fraction
        ),
    }
}

/// What of that work faster arrays shorten, and what they buy by the critical path.
fn faster_arrays(study: &Study) -> Option<String> {
    let faster = &study.faster_arrays;
    if study.matmul_free_cycles == 0 {
        return None;
    }
    let total = study.total_cycles.max(1) as f64;
    let share = |cycles: quantities::Cycles| 100.0 * cycles.get() as f64 / total;
    let most = faster.estimate(Speedup::INFINITE);
    let bought = if most.is_finite() {
        format!(
            "in this schedule the run is at most about {most:.2}x as fast with arrays that take no time"
        )
    } else {
        "the run is as much faster as the arrays are".to_owned()
    };
    Some(format!(
        "Arrays are at work on it for {:.1} % of the makespan, main memory for {:.1} %: {bought}.",
        share(faster.array_cycles),
        share(faster.memory_cycles)
    ))
}

/// The S that has [`WORTH`] of all that the law promises.
fn by_law(study: &Study) -> Option<String> {
    let (fraction, ceiling) = (study.fraction, study.ceiling?);
    if fraction <= 0.0 {
        return None;
    }
    let speedup = 1.0 + WORTH * (ceiling - 1.0);
    let s = fraction / (1.0 / speedup - (1.0 - fraction));
    Some(format!(
        "By the law, that work as a whole {} times faster brings {speedup:.2}x, {:.0} % of the gain.",
        rounded(s),
        100.0 * WORTH
    ))
}

/// Three digits at most.
fn rounded(s: f64) -> String {
    if s < 10.0 {
        format!("{s:.1}")
    } else {
        format!("{s:.0}")
    }
}

/// The best speedup that was simulated for a part, and the least S that comes near it.
fn worth(study: &Study, part: Part) -> Option<String> {
    let answers = study.answers.iter().filter(|answer| answer.part == part);
    let built: Vec<_> = answers
        .filter_map(|answer| Some((answer.s, answer.machine?)))
        .collect();
    let best = built
        .iter()
        .map(|&(_, speedup)| speedup)
        .fold(0.0, f64::max);
    let least = built
        .iter()
        .filter(|&&(_, speedup)| speedup - 1.0 >= WORTH * (best - 1.0))
        .map(|&(s, _)| s)
        .fold(f64::INFINITY, f64::min);
    if built.is_empty() {
        return None;
    }
    if best < 1.01 {
        return Some(format!(
            "No S is worth building for {}: the machine gains less than 1 % from any that was tried.",
            part.name()
        ));
    }
    Some(format!(
        "S = {} is worth building for {}: it has 90 % of all that the machine gains ({best:.2}x).",
        factor(least),
        part.name()
    ))
}

fn mirror(study: &Study) -> Option<String> {
    let best = |part| {
        let answers = study.answers.iter().filter(|answer| answer.part == part);
        answers.filter_map(|answer| answer.machine).reduce(f64::max)
    };
    let (free, attention, both) = (
        best(Part::MatMulFree)?,
        best(Part::Attention)?,
        best(Part::Both)?,
    );
    if both.max(free).max(attention) < 1.01 {
        return Some(
            "Neither faster projections nor faster attention speed the run up: its time goes \
             elsewhere."
                .into(),
        );
    }
    let first = if attention > free {
        "attention is the part to build first"
    } else {
        "projections are the part to build first"
    };
    Some(format!(
        "At best the machine gains {free:.2}x from faster projections, {attention:.2}x from faster \
         attention, {both:.2}x from both: {first}."
    ))
}

/// Where a quantity crosses zero, between the points at which it was simulated: on a straight line
/// over contexts, as both work and cache grow in proportion to them.
fn crossing(study: &Study, of: impl Fn(&ContextPoint) -> f64) -> Option<f64> {
    let pairs = study.contexts.windows(2);
    pairs
        .map(|pair| (&pair[0], &pair[1]))
        .find(|(before, after)| of(before) <= 0.0 && of(after) > 0.0)
        .map(|(before, after)| {
            let (from, to) = (of(before), of(after));
            let (start, end) = (before.context as f64, after.context as f64);
            start + (end - start) * (-from) / (to - from)
        })
}

fn crossover(study: &Study) -> Option<String> {
    let (first, last) = (study.contexts.first()?, study.contexts.last()?);
    let ahead =
        |point: &ContextPoint| point.attention_cycles as f64 - point.matmul_free_cycles as f64;
    Some(if ahead(first) > 0.0 {
        format!(
            "Attention holds more of the makespan than projections from a {} of {} on, or before.",
            study.sweeps, first.context
        )
    } else if let Some(context) = crossing(study, ahead) {
        format!(
            "Attention becomes the bottleneck at a {} of about {context:.0}: from there on it holds \
             more of the makespan than projections.",
            study.sweeps
        )
    } else {
        format!(
            "Projections hold more of the makespan than attention up to a {} of {}.",
            study.sweeps, last.context
        )
    })
}

/// Where memory takes over as the context grows, if it does.
fn memory_over_contexts(study: &Study) -> Option<String> {
    let (first, last) = (study.contexts.first()?, study.contexts.last()?);
    let ahead = |point: &ContextPoint| point.memory_share - 0.5;
    if study.contexts.len() < 2 {
        return None;
    }
    if let Some(context) = crossing(study, ahead) {
        return Some(format!(
            "Main memory becomes the bottleneck at a {} of about {context:.0}.",
            study.sweeps
        ));
    }
    Some(format!(
        "Over a {} of {} to {}, main memory has {:.1} % to {:.1} % of the makespan.",
        study.sweeps,
        first.context,
        last.context,
        100.0 * first.memory_share,
        100.0 * last.memory_share
    ))
}

fn memory(study: &Study) -> String {
    if study.memory_share > 0.5 {
        return format!(
            "Main memory is the bottleneck already: {:.1} % of the makespan goes to it before \
             anything is made faster.",
            100.0 * study.memory_share
        );
    }
    let answers = study.answers.iter();
    let found = answers
        .filter(|answer| answer.part == Part::MatMulFree && answer.machine.is_some())
        .find(|answer| answer.memory_share > 0.5);
    match found {
        Some(answer) => format!(
            "With projections {} times faster main memory becomes the bottleneck ({:.1} % of the \
             makespan, {:.1} % before).",
            factor(answer.s),
            100.0 * answer.memory_share,
            100.0 * study.memory_share
        ),
        None => format!(
            "Main memory is the bottleneck for no S that was tried ({:.1} % of the makespan in the \
             baseline).",
            100.0 * study.memory_share
        ),
    }
}

/// A speedup as it is written.
pub(crate) fn factor(s: f64) -> String {
    if s.is_infinite() {
        "∞".into()
    } else {
        format!("{s}")
    }
}
