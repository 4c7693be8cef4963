//! Files of published figures, and the shipped ones beside the machine that they were published
//! for.

use explore::published::{self, Form, Quantity};
use simulator::{Machine, read_machine};
use validation::paper;
use workload_compiler::models;

fn edge() -> Machine {
    let text = include_str!("../../../hw-configs/edge-tpu-paper.ron");
    Machine::new(read_machine("edge-tpu-paper", text).unwrap()).unwrap()
}

#[test]
fn every_shipped_model_is_known_by_each_of_its_names_at_any_context() {
    for (preset, context) in models()
        .iter()
        .zip([1, 128, 1000, 4096, 65536].iter().cycle())
    {
        let names = [&preset.slug, &preset.model.name, &preset.hugging_face];
        for name in names.into_iter().chain(&preset.aliases) {
            let text = format!("model,context_length,tokens_per_second\n{name},{context},1.0\n");
            let cells = paper::parse("f.csv", &text).unwrap();
            assert_eq!(cells[0].preset.slug, preset.slug, "{name}");
            for form in Form::ALL {
                published::workload(cells[0].preset, form, *context).unwrap();
            }
        }
    }
}

#[test]
fn every_printed_digit_is_met() {
    let checked = published::check(&edge(), paper::shipped()).unwrap();
    assert_eq!(checked.len(), 42);
    for checked in checked {
        assert!(checked.exact(), "{checked:?}");
    }
}

#[test]
fn a_cell_that_cannot_be_is_refused_at_its_place() {
    let head = "model,context_length,tokens_per_second\n";
    let cases = [
        (
            "gpt2-355m,128,1\nopt-1.4b,128,2.55\n",
            "f.csv:3:1:",
            "opt-1.3b",
        ),
        ("gpt2-355m,0,1\n", "f.csv:2:11:", "at least 1"),
        ("gpt2-355m,-5,1\n", "f.csv:2:11:", "at least 1"),
        ("gpt2-355m,128,fast\n", "f.csv:2:15:", "digits"),
        ("gpt2-355m,128,NaN\n", "f.csv:2:15:", "digits"),
        ("gpt2-355m,128\n", "f.csv:2:1:", "one cell"),
        ("", "f.csv:1:1:", "header"),
    ];
    for (text, place, help) in cases {
        let error = paper::parse("f.csv", &format!("{head}{text}")).unwrap_err();
        assert!(error.to_string().starts_with(place), "{error}");
        assert!(error.help.contains(help), "{error}: {}", error.help);
    }
    for text in [
        "",
        "model,context\n",
        "model,context_length\n",
        "model,model,context_length\n",
    ] {
        assert!(paper::parse("f.csv", text).is_err(), "{text}");
    }
}

#[test]
fn a_context_beyond_reason_is_refused_at_its_cell() {
    let text = "model,context_length,tokens_per_second\nopt-125m,99999999,1\n";
    let cells = paper::parse("f.csv", text).unwrap();
    let error = published::check(&edge(), cells).unwrap_err();
    assert!(error.to_string().starts_with("f.csv:2:"), "{error}");
}

#[test]
fn a_wrong_digit_is_found_and_unprinted_zeros_are_not_held_against_a_file() {
    let text = "context_length,model,projection_cycle_fraction\r\n256,OPT 350M,0.94\r\n256,opt-350m,.941\n";
    let refused = paper::parse("f.csv", text).unwrap_err();
    assert_eq!((refused.line, refused.column), (3, 14), "{refused}");
    let cells = paper::parse("f.csv", &text.replace(".941", "0.941").replace("00.", "0."));
    let checked = published::check(&edge(), cells.unwrap()).unwrap();
    assert!(checked[0].exact());
    assert!(!checked[1].exact());
    assert_eq!(checked[1].cell.quantity, Quantity::ProjectionFraction);
    assert_eq!(
        (checked[1].published.as_str(), checked[1].rounded.as_str()),
        ("0.941", "0.940")
    );
}
