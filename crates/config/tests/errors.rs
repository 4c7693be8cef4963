//! What a user sees: each error is a snapshot under `snapshots/`.

use std::collections::BTreeMap;

use config::{Clock, ConfigError, Document, FieldError, Or, Override, Size, Unlimited};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Machine {
    name: String,
    clock: Clock,
    arrays: Vec<Array>,
    memory: Memory,
    #[serde(default)]
    dma: Dma,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Array {
    rows: u32,
    #[serde(default)]
    bias: Option<i8>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Memory {
    Ideal,
    Dram(Dram),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dram {
    channels: u16,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Dma {
    request: Size,
    limit: Or<Unlimited, Size>,
    table: BTreeMap<String, u64>,
}

impl Default for Dma {
    fn default() -> Self {
        Self {
            request: Size::bytes_exactly(64),
            limit: Or::word(),
            table: BTreeMap::new(),
        }
    }
}

const GOOD: &str = r#"// A machine.
Machine(
    name: "a",
    clock: MHz(700),
    arrays: [
        (rows: 64, bias: -1),
        (rows: 16), // the second
    ],
    memory: Dram(channels: 4),
)
"#;

fn read(text: &str) -> Result<Machine, ConfigError> {
    Document::parse("machine.ron", text)?.read()
}

/// The error of the good text with one change.
fn error_of(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let text = GOOD.replacen(from, to, 1);
    read(&text).unwrap_err().to_string()
}

fn with(arguments: &[&str]) -> Result<Machine, ConfigError> {
    let mut document = Document::parse("machine.ron", GOOD)?;
    for argument in arguments {
        document.set(&Override::parse(argument, &["hw", "workload"])?)?;
    }
    document.read()
}

#[test]
fn a_good_text_reads() {
    let machine = read(GOOD).unwrap();
    assert_eq!(machine.name, "a");
    assert_eq!(machine.clock.to_string(), "MHz(700)");
    assert_eq!(machine.arrays[0].rows, 64);
    assert_eq!(machine.arrays[0].bias, Some(-1));
    assert!(matches!(machine.memory, Memory::Dram(Dram { channels: 4 })));
}

#[test]
fn every_mistake_in_a_file_points_at_its_place() {
    for (name, from, to) in [
        ("unknown_field", "rows: 16", "rwos: 16"),
        ("unknown_field_far", "rows: 16", "timing: 16"),
        ("unknown_variant", "Dram(channels: 4)", "Dran(channels: 4)"),
        ("wrong_unit", "MHz(700)", "KiB(700)"),
        ("no_unit", "MHz(700)", "700"),
        ("fraction_for_integer", "rows: 64", "rows: 6.4"),
        ("negative", "rows: 64", "rows: -64"),
        ("too_large", "rows: 64", "rows: 99999999999999999999"),
        ("missing_field", "(rows: 16)", "(bias: 3)"),
        ("missing_field_of_file", "clock: MHz(700),", ""),
        ("twice", "(rows: 16)", "(rows: 16, rows: 17)"),
        ("wrong_kind", "rows: 64", "rows: \"64\""),
        ("name_for_text", "name: \"a\"", "name: a"),
        ("list_for_group", "Dram(channels: 4)", "[4]"),
        ("variant_without_payload", "Dram(channels: 4)", "Dram"),
        (
            "payload_for_unit",
            "Dram(channels: 4)",
            "Ideal(channels: 4)",
        ),
        ("wrong_file", "Machine(", "Workload("),
        ("comma", "rows: 64, bias", "rows: 64 bias"),
        ("open_string", "\"a\"", "\"a"),
        (
            "open_group",
            "memory: Dram(channels: 4),\n)",
            "memory: Dram(channels: 4),\n",
        ),
        ("null", "bias: -1", "bias: null"),
        ("braces", "Dram(channels: 4)", "Dram({\"channels\": 4})"),
        ("equals", "clock: MHz(700)", "clock = MHz(700)"),
        ("quoted_name", "clock: MHz(700)", "\"clock\": MHz(700)"),
        ("no_quotes", "name: \"a\"", "name: edge-1"),
        (
            "too_many_digits",
            "MHz(700)",
            "MHz(700.00000000000000000001)",
        ),
    ] {
        insta::assert_snapshot!(name, error_of(from, to));
    }
}

#[test]
fn words_of_other_languages_are_answered_with_what_would_be_right() {
    #[derive(Debug, Deserialize)]
    struct Switch {
        #[serde(rename = "on")]
        _on: bool,
    }
    for (word, right) in [
        ("True", "write `true`"),
        ("no", "write `false`"),
        ("null", "leave the field out"),
    ] {
        let document = Document::parse("switch.ron", format!("(on: {word})")).unwrap();
        let error = document.read::<Switch>().unwrap_err().to_string();
        assert!(error.contains(right), "{error}");
    }
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let marked = format!("\u{feff}{GOOD}");
    assert_eq!(read(&marked).unwrap().name, "a");
}

#[test]
fn an_empty_text_says_how_files_begin() {
    insta::assert_snapshot!(read(" \n\n").unwrap_err().to_string());
}

#[test]
fn errors_of_resolution_find_their_field() {
    let document = Document::parse("machine.ron", GOOD).unwrap();
    for (name, path) in [
        ("field_in_list", "arrays[1].rows"),
        ("field_in_variant", "memory.channels"),
        ("field_defaulted", "dma.request"),
        ("field_absent", "arrays[1].bias"),
        ("group", "arrays[0]"),
        ("file", ""),
    ] {
        let error = document
            .resolve(|_: &Machine| {
                Err::<(), _>(FieldError::new(path, "cannot stand").help("make it right"))
            })
            .unwrap_err();
        insta::assert_snapshot!(name, error.to_string());
    }
}

#[test]
fn overrides_reach_any_field() {
    let machine = with(&[
        "hw.arrays[0].rows=128",
        "hw.memory.channels=8",
        "hw.arrays[1].bias=5",
        "hw.dma.request=Bytes(256)",
        "hw.dma.limit=KiB(1)",
        "hw.dma.table={}",
        "hw.dma.table.a=1",
        "hw.dma.table.b=2",
        "hw.dma.table.a=3",
        "hw.name=plain-text",
        "hw.clock = GHz(1.05)",
        "hw.arrays[0].rows=32",
    ])
    .unwrap();
    assert_eq!(machine.arrays[0].rows, 32);
    assert_eq!(machine.arrays[1].bias, Some(5));
    assert!(matches!(machine.memory, Memory::Dram(Dram { channels: 8 })));
    assert_eq!(machine.dma.request.to_string(), "Bytes(256)");
    assert_eq!(machine.dma.limit.value().unwrap().to_string(), "KiB(1)");
    assert_eq!(machine.dma.table["a"] + machine.dma.table["b"], 5);
    assert_eq!(machine.name, "plain-text");
    assert_eq!(machine.clock.to_string(), "GHz(1.05)");
    assert!(
        with(&["hw.dma.limit=Unlimited"])
            .unwrap()
            .dma
            .limit
            .value()
            .is_none()
    );
    assert_eq!(with(&["hw.name=\"b\""]).unwrap().name, "b");
    assert_eq!(with(&["hw.name=3.5"]).unwrap().name, "3.5");
    let machine = with(&["hw.memory=Ideal", "hw.arrays=[(rows: 1)]"]).unwrap();
    assert!(matches!(machine.memory, Memory::Ideal));
    assert_eq!(machine.arrays.len(), 1);
}

#[test]
fn every_mistake_in_an_override_points_into_it() {
    for (name, arguments) in [
        ("set_unknown_field", &["hw.arrays[0].rwos=3"][..]),
        ("set_unknown_nested_field", &["hw.dmma.request=Bytes(3)"]),
        ("set_index_beyond", &["hw.arrays[2].rows=3"]),
        ("set_field_of_list", &["hw.arrays.rows=3"]),
        ("set_field_of_number", &["hw.arrays[0].rows.x=3"]),
        ("set_unknown_file", &["machine.clock=MHz(3)"]),
        ("set_without_value", &["hw.clock="]),
        ("set_without_equals", &["hw.clock"]),
        ("set_without_field", &["hw=3"]),
        ("set_wrong_value", &["hw.arrays[0].rows=many"]),
        ("set_wrong_unit", &["hw.name=b", "hw.clock=GBps(3)"]),
        ("set_neither_value_nor_word", &["hw.dma.limit=Unlimted"]),
        ("set_not_ron", &["hw.clock=MHz(3"]),
        ("set_bad_index", &["hw.arrays[one].rows=3"]),
        ("set_too_large", &["hw.arrays[0].rows=4294967296"]),
    ] {
        insta::assert_snapshot!(name, with(arguments).unwrap_err().to_string());
    }
}
