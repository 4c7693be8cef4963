//! The study as a figure.

use attribution::{Amdahl, Speedup};
use event_kernel::Cycles;

use super::{Part, Study};
use crate::figure::{Line, LineChart};

/// Speedup against S: for each part the law as a line, the machine as points.
#[must_use]
pub fn figure(study: &Study, workload: &str) -> LineChart {
    let answers = study.answers.iter();
    let most = answers.map(|answer| answer.built).fold(2.0, f64::max);
    let lines = Part::ALL.into_iter().map(|part| {
        let reachable = match part {
            Part::MatMulFree => study.matmul_free_cycles,
            Part::Attention => study.attention_cycles,
            Part::Both => study.matmul_free_cycles + study.attention_cycles,
        };
        let amdahl = Amdahl {
            reachable: Cycles(reachable),
            total: Cycles(study.total_cycles),
        };
        let steps = (0..=160).map(|step| most.powf(f64::from(step) / 160.0));
        let law = |s: f64| Some((s, amdahl.law(Speedup::new(s).ok()?)));
        let answers = study.answers.iter().filter(|answer| answer.part == part);
        Line {
            name: part.name().into(),
            points: steps.filter_map(law).collect(),
            marks: answers
                .filter_map(|answer| Some((answer.built, answer.machine?)))
                .collect(),
        }
    });
    LineChart {
        title: format!("{workload} on {}", study.machine),
        x_label: "S (lines: the law; points: the machine, simulated again)".into(),
        y_label: "speedup of the run".into(),
        falling: false,
        lines: lines.collect(),
    }
}
