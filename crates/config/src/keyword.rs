//! A value that may be replaced by one word: `Unlimited`, `Free`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::deserialize::OR_KEYWORD;

/// A word that may stand in place of a value.
pub trait Keyword {
    /// The word, alone in a list.
    const WORD: &'static [&'static str; 1];
}

/// The word `Unlimited`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlimited {}

impl Keyword for Unlimited {
    const WORD: &'static [&'static str; 1] = &["Unlimited"];
}

/// A value, or the word `K`.
pub enum Or<K, T> {
    /// The word was written.
    Word(PhantomData<K>),
    /// A value was written.
    Value(T),
}

impl<K, T> Or<K, T> {
    /// The value that stands for the word.
    #[must_use]
    pub const fn word() -> Self {
        Self::Word(PhantomData)
    }

    /// The value, if it is not the word.
    #[must_use]
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Word(_) => None,
            Self::Value(value) => Some(value),
        }
    }
}

impl<K, T: Clone> Clone for Or<K, T> {
    fn clone(&self) -> Self {
        match self {
            Self::Word(word) => Self::Word(*word),
            Self::Value(value) => Self::Value(value.clone()),
        }
    }
}

impl<K, T: PartialEq> PartialEq for Or<K, T> {
    fn eq(&self, other: &Self) -> bool {
        self.value() == other.value()
    }
}

impl<K: Keyword, T: fmt::Debug> fmt::Debug for Or<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(_) => f.write_str(K::WORD[0]),
            Self::Value(value) => value.fmt(f),
        }
    }
}

impl<K: Keyword, T: Serialize> Serialize for Or<K, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Word(_) => serializer.serialize_unit_variant("Or", 0, K::WORD[0]),
            Self::Value(value) => value.serialize(serializer),
        }
    }
}

impl<'de, K: Keyword, T: Deserialize<'de>> Deserialize<'de> for Or<K, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_enum(OR_KEYWORD, K::WORD, OrVisitor(PhantomData))
    }
}

struct OrVisitor<K, T>(PhantomData<(K, T)>);

impl<'de, K: Keyword, T: Deserialize<'de>> Visitor<'de> for OrVisitor<K, T> {
    type Value = Or<K, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value or `{}`", K::WORD[0])
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Or::word())
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        T::deserialize(deserializer).map(Or::Value)
    }
}
