//! The published figures, beside a closed form that knows nothing of compiler or machine.

use explore::published::{self, Form};
use simulator::{Machine, Point, measure_all, read_machine};
use workload_compiler::{FeedForward, Mixer, Model, models};

fn machine(name: &str, text: &str) -> Machine {
    Machine::new(read_machine(name, text).unwrap()).unwrap()
}

fn edge() -> Machine {
    machine(
        "edge-tpu-paper",
        include_str!("../../../hw-configs/edge-tpu-paper.ron"),
    )
}

fn cloud() -> Machine {
    machine(
        "cloud-tpu-paper",
        include_str!("../../../hw-configs/cloud-tpu-paper.ron"),
    )
}

/// ⌈M/R⌉ ⌈N/C⌉ (K + R + C − 2) with M = 1 and a square array.
fn cycles(side: u64, n: u64, k: u64) -> u64 {
    n.div_ceil(side) * (k + 2 * side - 2)
}

/// Projection cycles, attention cycles and GEMMs of one decoded token.
fn closed_form(model: &Model, context: u64, side: u64) -> (u64, u64, u64) {
    let matrices = match model.feed_forward {
        FeedForward::Plain => 1,
        FeedForward::Gated => 2,
    };
    let (d, heads, head) = (model.d_model, model.n_heads, model.head_dim);
    let projection = cycles(side, heads * head, d)
        + cycles(side, d, heads * head)
        + 2 * cycles(side, model.n_kv_heads * head, d)
        + matrices * cycles(side, model.d_ff, d)
        + cycles(side, d, model.d_ff);
    let (mut attention, mut gemms) = (0, 0);
    for layer in 0..model.layers {
        gemms += 4 + matrices + 1;
        if model.mixer == Mixer::Attention {
            let seen = model
                .window(layer)
                .map_or(context, |window| context.min(window));
            attention += heads * (cycles(side, seen, head) + cycles(side, head, seen));
            gemms += 2 * heads;
        }
    }
    (model.layers * projection, attention, gemms)
}

#[test]
fn every_shipped_model_runs_as_the_closed_form_says() {
    let edge = edge();
    let contexts = [1, 65, 300];
    let points: Vec<_> = models()
        .iter()
        .zip(contexts.iter().cycle())
        .map(|(preset, &context)| Point {
            machine: &edge,
            workload: published::workload(preset, Form::AsPublished, context).unwrap(),
        })
        .collect();
    assert_eq!(points.len(), models().len());
    for ((point, context), run) in points
        .iter()
        .zip(contexts.iter().cycle())
        .zip(measure_all(&points))
    {
        let run = run.unwrap();
        let model = &point.workload.model;
        let (projection, attention, gemms) = closed_form(model, *context, 32);
        let of = format!("{} at {context}", model.name);
        assert_eq!(run.amdahl().reachable.get(), projection, "{of}");
        assert_eq!(run.summary.total.get(), projection + attention, "{of}");
        assert_eq!(run.gemms, gemms, "{of}");
    }
}

#[test]
fn all_models_of_the_three_families_run_as_the_closed_form_says_in_both_forms() {
    for (machine, side) in [(edge(), 32), (cloud(), 256)] {
        let mut points = Vec::new();
        for preset in models() {
            if !["gpt2", "opt", "llama"].contains(&preset.model.family.as_str()) {
                continue;
            }
            for form in Form::ALL {
                for context in [1000, 4096] {
                    let workload = published::workload(preset, form, context).unwrap();
                    points.push((
                        context,
                        Point {
                            machine: &machine,
                            workload,
                        },
                    ));
                }
            }
        }
        let (contexts, points): (Vec<u64>, Vec<Point<'_>>) = points.into_iter().unzip();
        for ((point, context), run) in points.iter().zip(contexts).zip(measure_all(&points)) {
            let run = run.unwrap();
            let model = &point.workload.model;
            let (projection, attention, gemms) = closed_form(model, context, side);
            let of = format!("{} at {context} on {side}x{side}", model.name);
            assert_eq!(run.amdahl().reachable.get(), projection, "{of}");
            assert_eq!(run.summary.total.get(), projection + attention, "{of}");
            assert_eq!(run.gemms, gemms, "{of}");
        }
    }
}

#[test]
fn the_rules_of_the_families_are_read_and_name_families_that_exist() {
    for rule in published::family_rules() {
        let family = |preset: &workload_compiler::Preset| preset.model.family == rule.family;
        let of_family = models().iter().filter(|preset| family(preset));
        let slugs: Vec<_> = of_family.map(|preset| &preset.slug).collect();
        let mut table = slugs.into_iter();
        for model in &rule.models {
            assert!(
                table.any(|slug| slug == model),
                "{model} of {}",
                rule.family
            );
        }
        assert!(!rule.models.is_empty());
        assert!(!rule.difference.is_empty());
    }
}

#[test]
fn the_law_predicts_what_a_published_machine_with_faster_projections_printed() {
    // PIM-LLM (arXiv 2504.01994): S from its short contexts, its printed speedup at 4096.
    let edge = edge();
    for (model, s, printed) in [
        ("opt-1.3b", 125.0, 3.01),
        ("gpt2-355m", 42.0, 1.51),
        ("llama-7b", 205.0, 4.71),
    ] {
        let preset = workload_compiler::find(model).unwrap();
        let workload = published::workload(preset, Form::AsPublished, 4096).unwrap();
        let run = Point {
            machine: &edge,
            workload,
        }
        .measure()
        .unwrap();
        let law = run.amdahl().law(attribution::Speedup::new(s).unwrap());
        assert!((law - printed).abs() < 0.015, "{model}: {law}");
    }
}
