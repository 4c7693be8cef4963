//! The study as a figure.

use attribution::{Amdahl, Speedup};
use event_kernel::Cycles;

use super::{ContextPoint, Part, Study};
use crate::figure::{Above, Axis, Line, LineChart, XAxis};

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
    let most = answers.map(|answer| answer.built).fold(2.0, f64::max);
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
        }
    });
    LineChart {
        title: format!("{workload} on {}", study.machine),
        x_label: "S, times as fast (lines: the law; points: the machine, simulated again)".into(),
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
        .filter_map(|answer| Some((answer.built, y(answer)?)))
        .collect()
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
