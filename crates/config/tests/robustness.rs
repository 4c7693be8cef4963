//! Whatever is typed, reading ends in a value or in an error that can be shown.

use std::collections::BTreeMap;

use config::{ConfigError, Document, Override, Paint};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle(u32),
    Pair(i64, String),
    Named { a: Option<u8>, b: Vec<Shape> },
    Table(BTreeMap<String, bool>),
}

/// A text that a file may hold.
fn text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace(config::is_control, ""))
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Point),
        any::<u32>().prop_map(Shape::Circle),
        (any::<i64>(), text()).prop_map(|(a, b)| Shape::Pair(a, b)),
        prop::collection::btree_map(text(), any::<bool>(), 0..4).prop_map(Shape::Table),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        (any::<Option<u8>>(), prop::collection::vec(inner, 0..4))
            .prop_map(|(a, b)| Shape::Named { a, b })
    })
}

const TEXT: &str =
    "// é\nNamed(a: Some(3), b: [Circle(7), Pair(-1, \"é\\\"\"), Point], ) /* /* n */ */";

/// The text with one stretch replaced.
fn mutated(at: usize, length: usize, by: &str) -> String {
    let characters: Vec<char> = TEXT.chars().collect();
    let at = at % characters.len();
    let end = (at + length).min(characters.len());
    let before: String = characters[..at].iter().collect();
    let after: String = characters[end..].iter().collect();
    before + by + &after
}

#[test]
fn a_letter_of_several_bytes_where_a_dot_is_missing_is_pointed_at() {
    let mut document = Document::parse("it", TEXT).unwrap();
    let change = Override::parse("hw.[0]é=1", &["hw"]).unwrap();
    let error = document.set(&change).unwrap_err().to_string();
    assert!(error.contains("a field name is missing here"), "{error}");
    assert!(error.contains("--set:1:7"), "{error}");
}

proptest! {
    #[test]
    fn what_ron_writes_is_read_back(shape in shape(), pretty in any::<bool>()) {
        let text = if pretty {
            ron::ser::to_string_pretty(&shape, ron::ser::PrettyConfig::default()).unwrap()
        } else {
            ron::to_string(&shape).unwrap()
        };
        let read: Shape = Document::parse("it", text.clone()).unwrap().read().unwrap();
        prop_assert_eq!(&read, &shape, "{}", text);
    }

    #[test]
    fn damaged_text_never_panics(
        at in any::<prop::sample::Index>(), length in 0usize..4, by in "[(){}\\[\\]\",:a-zé0-9. '#/*r-]{0,3}",
    ) {
        let text = mutated(at.index(1000), length, &by);
        let read = Document::parse("it", text).and_then(|document| document.read::<Shape>());
        if let Err(error) = read {
            prop_assert!(error.to_string().starts_with("error: "));
        }
    }

    #[test]
    fn damaged_overrides_never_panic(argument in "(hw)?[.]?[a-bé\\[\\]0-9.=( )\"]{0,9}(=[a-zé0-9(]{0,4})?") {
        let mut document = Document::parse("it", TEXT).unwrap();
        let set = Override::parse(&argument, &["hw"]).and_then(|change| document.set(&change));
        if let Err(error) = set.and_then(|()| document.read::<Shape>().map(|_| ())) {
            prop_assert!(error.to_string().starts_with("error: "));
        }
    }
}

/// Any text, control characters and all.
fn wild() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        3 => any::<char>(),
        1 => (0_u8..=0x9f).prop_map(char::from),
        1 => prop::sample::select(vec!['\u{202e}', '\u{2066}', '\u{2028}', '\u{ffff}', '\u{61c}']),
    ];
    prop::collection::vec(character, 0..12).prop_map(String::from_iter)
}

/// A text without the escapes that colour it.
fn uncoloured(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    first
        + &parts
            .filter_map(|part| Some(part.split_once('m')?.1))
            .collect::<String>()
}

/// Whether a terminal, or an XML reader, takes a text as nothing but letters.
fn is_shown(text: &str) -> bool {
    !text.chars().any(config::is_control)
}

proptest! {
    #[test]
    fn a_text_is_read_as_it_is_or_refused_for_what_steers_a_terminal(text in wild()) {
        let written = ron::to_string(&Shape::Pair(1, text.clone())).expect("RON");
        let read = Document::parse("test.ron", written).and_then(|file| file.read::<Shape>());
        match read {
            Ok(shape) => {
                prop_assert!(is_shown(&text));
                prop_assert_eq!(shape, Shape::Pair(1, text));
            }
            Err(error) => {
                prop_assert!(!is_shown(&text), "{}", error);
                prop_assert!(error.message().contains("control character"), "{}", error);
            }
        }
    }

    #[test]
    fn an_error_prints_nothing_that_steers_a_terminal(
        name in wild(), text in wild(), value in wild(), message in wild(),
    ) {
        let source = format!("Circle({text})");
        let plain = |shown: &str| shown.lines().all(is_shown);
        let file = Document::parse(name, source);
        let mistake = Override::parse(&format!("hw.x={value}"), &["hw"]);
        let set = file.clone().and_then(|mut file| file.set(&mistake?));
        let read = file.and_then(|file| file.read::<Shape>().map(|_| ()));
        let own = ConfigError::new(message.clone()).note(message.clone()).help(message);
        for error in [read.err(), set.err(), Some(own)].into_iter().flatten() {
            prop_assert!(plain(&error.render(Paint::Plain)), "{:?}", error.render(Paint::Plain));
            prop_assert_eq!(uncoloured(&error.render(Paint::Coloured)), error.render(Paint::Plain));
        }
    }
}
