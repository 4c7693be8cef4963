//! Files that are large in one way or another are answered at once, in memory of their own size.
//!
//! Each would take minutes or gigabytes if anything in its way grew faster than the file.

use std::collections::BTreeMap;

use config::{Document, FieldError};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Machine {
    rows: u32,
    #[serde(default)]
    table: BTreeMap<String, u32>,
}

fn error_of(text: String) -> String {
    let read = Document::parse("it", text).and_then(|document| document.read::<Machine>());
    let shown = read.unwrap_err().to_string();
    assert!(shown.len() < 20_000, "{} bytes", shown.len());
    shown
}

#[test]
fn the_first_of_many_unknown_fields_is_shown_and_the_rest_counted() {
    let fields: String = (0..300_000).map(|n| format!("f{n}: {n},\n")).collect();
    let shown = error_of(format!("Machine(rows: 1, {fields})"));
    assert!(shown.contains("unknown field `f0`"), "{shown}");
    assert!(shown.contains("and 299999 more here"), "{shown}");
    let shown = error_of("Machine(rows: 1, a: 1, b: 2)".to_owned());
    assert!(shown.contains("and 1 more here"), "{shown}");
    let shown = error_of("Machine(rows: 1, a: 1)".to_owned());
    assert!(!shown.contains("more here"), "{shown}");
}

#[test]
fn the_last_of_many_known_fields_may_be_the_wrong_one() {
    let fields: String = (0..300_000).map(|n| format!("\"{n}\": {n}, ")).collect();
    let shown = error_of(format!("Machine(rows: 1, table: {{{fields}\"x\": -1}})"));
    assert!(shown.contains("`-1` is out of range"), "{shown}");
}

#[test]
fn a_mistake_after_millions_of_lines_is_shown_in_its_line() {
    let lines = 16_000_000;
    let shown = error_of(format!("{}Machine(rwos: 1)", "\n".repeat(lines)));
    assert!(shown.contains("it:16000001:9"), "{shown}");
    let shown = error_of(format!("{}Machine(rows = 1)", "\n".repeat(lines)));
    assert!(shown.contains("write `rows: 1`"), "{shown}");
    let text = format!("Machine(rows: 1){}", "\n".repeat(lines));
    let document = Document::parse("it", text).unwrap();
    let wrong = FieldError::new("rows", "1");
    assert!(document.point(&wrong, None).to_string().contains("it:1:15"));
}

#[test]
fn a_line_of_megabytes_is_shown_around_its_mistake() {
    let shown = error_of(format!("Machine({}rwos: 1)", " ".repeat(16_000_000)));
    assert!(shown.contains("it:1:16000009"), "{shown}");
    let shown = error_of(format!("Machine({}: 1)", "x".repeat(8_000_000)));
    assert!(shown.contains("unknown field `xxx"), "{shown}");
    let shown = error_of(format!("Machine(rows: {})", "1".repeat(8_000_000)));
    assert!(shown.contains("out of range"), "{shown}");
    let shown = error_of(format!("Machine(rows: \"{}\")", "x".repeat(8_000_000)));
    assert!(shown.contains("a whole number"), "{shown}");
}

#[test]
fn nesting_beyond_all_sense_is_refused() {
    for (open, close) in [("(", ")"), ("[", "]"), ("Some(", ")"), ("{1:", "}")] {
        let deep = 200_000;
        let (open, close) = (open.repeat(deep), close.repeat(deep));
        let shown = error_of(format!("Machine(rows: {open}1{close})"));
        assert!(shown.contains("nested too deeply"), "{shown}");
    }
}
