//! Whatever is typed, reading ends in a value or in an error that can be shown.

use std::collections::BTreeMap;

use config::{Document, Override};
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

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Point),
        any::<u32>().prop_map(Shape::Circle),
        (any::<i64>(), any::<String>()).prop_map(|(a, b)| Shape::Pair(a, b)),
        prop::collection::btree_map(any::<String>(), any::<bool>(), 0..4).prop_map(Shape::Table),
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
