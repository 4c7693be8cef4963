//! What a faster part brings, by the law and on the machine.

use attribution::Speedup;
use explore::published::{self, Form};
use explore::what_if::{Means, Part, Study, study, words};
use simulator::{MachineSpec, read_machine};
use workload_compiler::{Run, Workload, find};

fn edge() -> MachineSpec {
    let text = include_str!("../../../hw-configs/edge-tpu-paper.ron");
    read_machine("edge-tpu-paper", text).unwrap()
}

fn workload(context: u64) -> Workload {
    published::workload(find("gpt2-124m").unwrap(), Form::TrueArchitecture, context).unwrap()
}

fn asked(workload: &Workload, speedups: &[f64]) -> Study {
    let speedups: Vec<_> = speedups.iter().map(|&s| Speedup::new(s).unwrap()).collect();
    study(&edge(), workload, &speedups, Means::Clock).unwrap()
}

#[test]
fn terms_of_a_gap_sum_to_it_and_both_parts_of_a_serial_run_follow_the_law() {
    let study = asked(&workload(1024), &[2.0, 16.0]);
    assert_eq!(
        study.matmul_free_cycles + study.attention_cycles,
        study.total_cycles
    );
    for answer in &study.answers {
        let gap = answer.gap.as_ref().unwrap();
        let sum: i64 = gap.terms.iter().map(|(_, cycles)| cycles).sum();
        assert_eq!(sum, gap.machine_cycles as i64 - gap.law_cycles as i64);
        let law = study.total_cycles as f64 / answer.law;
        if answer.s.is_finite() {
            assert!(
                (gap.law_cycles as f64 - law).abs() <= 0.5 + 1e-6,
                "{answer:?}"
            );
        }
        let machine = answer.machine.unwrap();
        assert!(machine >= 1.0);
        if answer.part == Part::Both {
            assert!((machine / answer.s - 1.0).abs() < 0.001, "{answer:?}");
        }
        if answer.part == Part::MatMulFree {
            // Scores run beside the projection of the values: the machine is a little ahead.
            let ahead = machine / answer.law;
            assert!((0.99..1.1).contains(&ahead), "{answer:?}");
        }
    }
}

#[test]
fn a_part_that_is_not_faster_changes_nothing_by_the_law() {
    let study = asked(&workload(128), &[1.0]);
    for answer in &study.answers {
        assert!((answer.law - 1.0).abs() < 1e-12);
    }
}

#[test]
fn break_even_is_said_in_words_over_contexts_and_prompts() {
    let study = asked(&workload(1024), &[2.0, f64::INFINITY]);
    let said = words(&study).join("\n");
    for part in [
        "F = ",
        "worth building",
        "part to build first",
        "context of",
        "Main memory",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let prefill = Workload {
        run: Run::prefill(64),
        ..workload(64)
    };
    let prompts = asked(&prefill, &[2.0]).contexts;
    let lengths: Vec<u64> = prompts.iter().map(|point| point.context).collect();
    assert_eq!(lengths, [32, 64]);
}

#[test]
fn nothing_to_speed_up_and_nothing_else_are_said_in_words() {
    let mut study = asked(&workload(128), &[2.0]);
    study.matmul_free_cycles = 0;
    (study.fraction, study.ceiling) = (0.0, Some(1.0));
    assert!(words(&study)[0].contains("F = 0"));
    (study.fraction, study.ceiling) = (1.0, None);
    assert!(words(&study)[0].contains("F = 1"));
}
