//! The study as a figure.

use attribution::{Amdahl, Speedup};
use quantities::Cycles;

use super::{ContextPoint, Part, Study};
use crate::figure::{Above, AtInfinity, Axis, Line, LineChart, XAxis};

/// Speedup against S, for each part the law as a line and the machine as points; below it, where
/// the baseline's cycles go over contexts, or how much of the run is memory's as S grows.
#[must_use]
pub fn figure(study: &Study, workload: &str) -> Above<LineChart, LineChart> {
    let below = if study.contexts.len() > 1 {
        contexts(study)
    } else {
        memory(study)
    };
    Above(speedups(study, workload), below)
}

fn speedups(study: &Study, workload: &str) -> LineChart {
    let answers = study.answers.iter();
    let finite = answers.map(|answer| answer.s).filter(|s| s.is_finite());
    let most = finite.fold(8.0, f64::max);
    let lines = Part::ALL.into_iter().map(|part| {
        let amdahl = Amdahl {
            reachable: Cycles(study.cycles(part)),
            total: Cycles(study.total_cycles),
        };
        let steps = (0..=160).map(|step| most.powf(f64::from(step) / 160.0));
        let law = |s: f64| Some((s, amdahl.law(Speedup::new(s).ok()?)));
        Line {
            name: part.name().into(),
            points: steps.filter_map(law).collect(),
            marks: machine_points(study, part, |answer| answer.machine),
            at_infinity: AtInfinity {
                line: infinite(study, part).map(|answer| answer.law),
                mark: infinite(study, part).and_then(|answer| answer.machine),
            },
        }
    });
    LineChart {
        title: format!("{workload} on {}", study.machine),
        x_label: format!(
            "S, times as fast (lines: the law; points: the machine, simulated again{})",
            stand_in(study)
        ),
        y_label: "speedup of the run".into(),
        x: XAxis::Doubling,
        y: Axis::Times,
        lines: lines.collect(),
    }
}

fn machine_points(
    study: &Study,
    part: Part,
    y: impl Fn(&super::Answer) -> Option<f64>,
) -> Vec<(f64, f64)> {
    let answers = study.answers.iter().filter(|answer| answer.part == part);
    answers
        .filter(|answer| answer.s.is_finite())
        .filter_map(|answer| Some((answer.s, y(answer)?)))
        .collect()
}

/// The answer for infinitely fast, where it was asked.
fn infinite(study: &Study, part: Part) -> Option<&super::Answer> {
    let mut answers = study.answers.iter();
    answers.find(|answer| answer.part == part && answer.s.is_infinite())
}

/// What the machine behind infinity was built as, for the label of the axis.
fn stand_in(study: &Study) -> String {
    let asked = Part::ALL
        .into_iter()
        .filter_map(|part| infinite(study, part));
    let built = || asked.clone().map(|answer| answer.built);
    let (least, most) = (
        built().fold(f64::INFINITY, f64::min),
        built().fold(0.0, f64::max),
    );
    if least > most {
        String::new()
    } else if least < most {
        format!("; ∞ is built as {least} to {most}")
    } else {
        format!("; ∞ is built as {most}")
    }
}

fn contexts(study: &Study) -> LineChart {
    let line = |name: &str, share: fn(&ContextPoint) -> f64| {
        let points = study.contexts.iter();
        let points: Vec<_> = points
            .map(|point| (point.context as f64, share(point)))
            .collect();
        Line {
            name: name.into(),
            marks: points.clone(),
            points,
            ..Line::default()
        }
    };
    LineChart {
        title: "Where the baseline's cycles go".into(),
        x_label: format!("{} (positions)", study.sweeps),
        y_label: "share of the makespan".into(),
        x: XAxis::Doubling,
        y: Axis::Share,
        lines: vec![
            line("MatMul-free", ContextPoint::matmul_free_share),
            line("attention", ContextPoint::attention_share),
            line("waiting for or moving main memory", |point| {
                point.memory_share
            }),
        ],
    }
}

fn memory(study: &Study) -> LineChart {
    let lines = Part::ALL.into_iter().map(|part| {
        let mut points = vec![(1.0, study.memory_share)];
        points.extend(machine_points(study, part, |answer| {
            answer.machine.map(|_| answer.memory_share)
        }));
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Line {
            name: part.name().into(),
            marks: points.clone(),
            points,
            at_infinity: AtInfinity {
                line: None,
                mark: infinite(study, part)
                    .and_then(|answer| answer.machine.map(|_| answer.memory_share)),
            },
        }
    });
    LineChart {
        title: "When main memory becomes the bottleneck".into(),
        x_label: "S, times as fast".into(),
        y_label: "share of the makespan that is memory's".into(),
        x: XAxis::Doubling,
        y: Axis::Share,
        lines: lines.collect(),
    }
}
