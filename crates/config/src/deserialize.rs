//! serde over the tree: every error stands at the value, name or field that caused it.
//!
//! The rules are RON's with `IMPLICIT_SOME`, `UNWRAP_NEWTYPES` and `UNWRAP_VARIANT_NEWTYPES` on:
//! `Some(..)` may be left out, newtypes are transparent, and a variant that holds a struct is
//! written `Dram(channels: 4)`. A struct may be preceded by its name, which must then be right.

use std::collections::BTreeSet;

use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;

use crate::access::{Fields, Items, Pairs};
use crate::mistake::{Mistake, brief};
use crate::quantity;
use crate::suggest::among;
use crate::tree::{Group, Node, Value};

/// The name under which a number is asked for as it is written, digit by digit.
pub(crate) const NUMBER_AS_WRITTEN: &str = "$config::NumberAsWritten";

/// The name under which a value or one word in its place is asked for: the visitor gets a unit for
/// the word, and a newtype for anything else.
pub(crate) const OR_KEYWORD: &str = "$config::OrKeyword";

/// A node as a serde deserializer.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    node: &'a Node,
    /// The group's name was a variant's and has been read already.
    name_read: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(node: &'a Node) -> Self {
        Self {
            node,
            name_read: false,
        }
    }

    fn expected(self, what: impl AsRef<str>) -> Mistake {
        let what = what.as_ref();
        let mistake = Mistake::new(format!("expected {what}, found {}", self.node.describe()))
            .label(format!("expected {what}"))
            .at(self.node.head());
        match self.node.foreign_word() {
            Some(help) => mistake.help(help),
            None => mistake,
        }
    }

    /// A whole number in the range of a type.
    fn integer<N: TryFrom<i128>>(self, least: i128, most: i128) -> Result<N, Mistake> {
        let Value::Number(written) = &self.node.value else {
            return Err(self.expected("a whole number"));
        };
        let outside = || {
            Mistake::new(format!("`{}` is out of range", brief(written)))
                .label(format!("a whole number from {least} to {most} is needed"))
                .at(self.node.span.clone())
        };
        let value = whole_number(written).ok_or_else(|| {
            if written.contains(['.', 'e', 'E']) && !written.starts_with("0x") {
                self.expected("a whole number")
            } else {
                outside()
            }
        })?;
        if value < least || value > most {
            return Err(outside());
        }
        N::try_from(value).map_err(|_| outside())
    }

    /// The inside of a group that holds fields, of which these are `known`.
    fn fields<V: Visitor<'a>>(
        self,
        group: &'a Group,
        known: &[&str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        if let Some(entry) = group.entries.iter().find(|entry| entry.field.is_none()) {
            return Err(Mistake::new(format!(
                "expected `field: value`, found {}",
                entry.value.describe()
            ))
            .at(entry.value.head()));
        }
        let mut names = BTreeSet::new();
        for (name, span) in group
            .entries
            .iter()
            .filter_map(|entry| entry.field.as_ref())
        {
            if !names.insert(name) {
                let what = format!("field `{}` is given twice", brief(name));
                return Err(Mistake::new(what).at(span.clone()));
            }
        }
        let access = Fields::of(&group.entries);
        visitor.visit_map(access).map_err(|mistake| {
            let more = unknown_after(group, known, &mistake);
            match more {
                0 => mistake,
                _ => mistake.more(format!("and {more} more here that are not known")),
            }
            .at(group.head())
        })
    }

    /// A value, or a word in its place.
    fn or_keyword<V: Visitor<'a>>(self, word: &str, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Name(name) if name == word => visitor.visit_unit(),
            _ => visitor.visit_newtype_struct(self).map_err(|mistake| {
                let here = mistake.at(self.node.head());
                if here.span == Some(self.node.head()) {
                    let help = here
                        .help
                        .as_deref()
                        .map_or(String::new(), |h| format!("{h}; "));
                    here.help(format!("{help}`{word}` is possible, too"))
                } else {
                    here
                }
            }),
        }
    }

    fn items<V: Visitor<'a>>(
        self,
        items: impl Iterator<Item = &'a Node>,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor
            .visit_seq(Items(items))
            .map_err(|mistake| mistake.at(self.node.head()))
    }
}

/// If a mistake is that the name of a field of this group is not known: how many more are not.
fn unknown_after(group: &Group, known: &[&str], mistake: &Mistake) -> usize {
    let Some(place) = &mistake.span else {
        return 0;
    };
    let fields = || {
        group
            .entries
            .iter()
            .filter_map(|entry| entry.field.as_ref())
    };
    let is_unknown = |name: &str| !known.is_empty() && !known.contains(&name);
    match fields().find(|(_, span)| span == place) {
        Some((name, _)) if is_unknown(name) => fields()
            .filter(|(name, span)| span.start > place.start && is_unknown(name))
            .count(),
        _ => 0,
    }
}

/// Digits with RON's underscores and radix prefixes.
fn whole_number(written: &str) -> Option<i128> {
    let plain: String = written.chars().filter(|&c| c != '_').collect();
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let value = if let Some(hex) = digits.strip_prefix("0x") {
        i128::from_str_radix(hex, 16)
    } else if let Some(binary) = digits.strip_prefix("0b") {
        i128::from_str_radix(binary, 2)
    } else if let Some(octal) = digits.strip_prefix("0o") {
        i128::from_str_radix(octal, 8)
    } else {
        digits.parse()
    };
    value.ok().map(|value| sign * value)
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty),*) => {$(
        fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Mistake> {
            let value = self.integer::<$type>(<$type>::MIN.into(), <$type>::MAX.into())?;
            visitor.$visit(value).map_err(|mistake: Mistake| mistake.at(self.node.span.clone()))
        }
    )*};
}

impl<'a> Deserializer<'a> for Reader<'a> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Name(name) if name == "true" || name == "false" => {
                visitor.visit_bool(name == "true")
            }
            Value::Name(_) => visitor.visit_enum(self),
            Value::Number(written) => match whole_number(written) {
                Some(value) if value < 0 => self.deserialize_i64(visitor),
                Some(_) => self.deserialize_u64(visitor),
                None => self.deserialize_f64(visitor),
            },
            Value::Text(text) => visitor.visit_str(text),
            Value::List(items) => self.items(items.iter(), visitor),
            Value::Map(_) => self.deserialize_map(visitor),
            Value::Group(group) if group.name.is_some() && !self.name_read => {
                visitor.visit_enum(self)
            }
            Value::Group(group) if group.entries.iter().any(|entry| entry.field.is_some()) => {
                self.fields(group, &[], visitor)
            }
            Value::Group(group) => self.items(group.entries.iter().map(|e| &e.value), visitor),
        }
        .map_err(|mistake| mistake.at(self.node.head()))
    }

    integers!(
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64
    );

    fn deserialize_f32<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let Value::Number(written) = &self.node.value else {
            return Err(self.expected("a number"));
        };
        let plain: String = written.chars().filter(|&c| c != '_').collect();
        let value = plain.parse().map_err(|_| self.expected("a number"))?;
        visitor
            .visit_f64(value)
            .map_err(|mistake: Mistake| mistake.at(self.node.span.clone()))
    }

    fn deserialize_bool<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Name(name) if name == "true" => visitor.visit_bool(true),
            Value::Name(name) if name == "false" => visitor.visit_bool(false),
            _ => Err(self.expected("`true` or `false`")),
        }
    }

    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Text(text) => visitor
                .visit_str(text)
                .map_err(|mistake: Mistake| mistake.at(self.node.span.clone())),
            Value::Name(name) => Err(self
                .expected("a text in quotes")
                .help(format!("write \"{}\"", brief(name)))),
            _ => Err(self.expected("a text in quotes")),
        }
    }

    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Name(name) if name == "None" => visitor.visit_none(),
            Value::Group(group) if matches!(&group.name, Some((name, _)) if name == "Some") => {
                match group.only_value() {
                    Some(inner) => visitor.visit_some(Reader::new(inner)),
                    None => Err(self.expected("one value in `Some(..)`")),
                }
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Group(group) if group.entries.is_empty() => visitor.visit_unit(),
            _ => Err(self.expected("`()`")),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Name(found) if found == name => visitor.visit_unit(),
            _ => Err(self.expected(format!("`{name}`"))),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Number(written) if name == NUMBER_AS_WRITTEN => visitor
                .visit_str(written)
                .map_err(|mistake: Mistake| mistake.at(self.node.span.clone())),
            _ if name == NUMBER_AS_WRITTEN => Err(self.expected("a number")),
            Value::Group(group) if matches!(&group.name, Some((found, _)) if found == name) => {
                match group.only_value() {
                    Some(inner) => visitor.visit_newtype_struct(Reader::new(inner)),
                    None => Err(self.expected("one value")),
                }
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::List(items) => self.items(items.iter(), visitor),
            _ => Err(self.expected("a list `[..]`")),
        }
    }

    fn deserialize_tuple<V: Visitor<'a>>(
        self,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Group(group) => self.items(group.entries.iter().map(|e| &e.value), visitor),
            _ => Err(self.expected("a group `(..)`")),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'a>>(
        self,
        _name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Map(pairs) => visitor
                .visit_map(Pairs::of(pairs))
                .map_err(|mistake| mistake.at(self.node.head())),
            _ => Err(self.expected("a map `{..}`")),
        }
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Group(group) => match &group.name {
                Some((found, span)) if !self.name_read && found != name => Err(Mistake::new(
                    format!("expected `{name}(..)`, found `{found}(..)`"),
                )
                .label(format!("a `{name}` is expected here"))
                .at(span.clone())),
                _ => self.fields(group, fields, visitor),
            },
            Value::Map(_) => Err(self
                .expected(format!("the fields of {name} in parentheses"))
                .help("write `(field: value, ..)`: parentheses in place of braces, and no quotes around names")),
            _ => Err(self.expected(format!("the fields of {name} in parentheses"))),
        }
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        if name == OR_KEYWORD {
            return self.or_keyword(variants[0], visitor);
        }
        match (&self.node.value, quantity::kind_of_units(variants)) {
            (Value::Name(_) | Value::Group(Group { name: Some(_), .. }), _) => visitor
                .visit_enum(self)
                .map_err(|mistake| mistake.at(self.node.head())),
            (Value::Number(number), Some(what)) => {
                let examples: Vec<String> = variants
                    .iter()
                    .map(|unit| format!("{unit}({number})"))
                    .collect();
                Err(Mistake::new(format!("`{number}` has no unit"))
                    .label(format!("a {what} needs a unit"))
                    .help(format!("write one of {}", among(&examples)))
                    .at(self.node.span.clone()))
            }
            (_, Some(what)) => Err(self
                .expected(format!("a {what} with its unit"))
                .help(format!("the units of {what}: {}", among(variants)))),
            _ => Err(self.expected(format!("one of {}", among(variants)))),
        }
    }

    fn deserialize_identifier<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Name(name) => visitor.visit_str(name),
            Value::Text(text) => visitor.visit_str(text),
            _ => Err(self.expected("a name")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_unit()
    }

    /// A number of any size: whoever asks for one knows its range.
    fn deserialize_i128<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let Value::Number(written) = &self.node.value else {
            return self.deserialize_any(visitor);
        };
        match whole_number(written) {
            Some(value) => visitor.visit_i128(value),
            None => return self.deserialize_f64(visitor),
        }
        .map_err(|mistake: Mistake| mistake.at(self.node.span.clone()))
    }

    forward_to_deserialize_any! { <W: Visitor<'a>> u128 char bytes byte_buf }
}

impl<'a> EnumAccess<'a> for Reader<'a> {
    type Error = Mistake;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'a>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), Mistake> {
        let (name, span) = match &self.node.value {
            Value::Name(name) => (name, &self.node.span),
            Value::Group(Group {
                name: Some((name, span)),
                ..
            }) => (name, span),
            _ => return Err(self.expected("a name")),
        };
        let variant = seed
            .deserialize(de::value::StrDeserializer::new(name))
            .map_err(|mistake: Mistake| mistake.at(span.clone()))?;
        let payload = Self {
            node: self.node,
            name_read: true,
        };
        Ok((variant, payload))
    }
}

impl<'a> VariantAccess<'a> for Reader<'a> {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        match &self.node.value {
            Value::Group(group) if !group.entries.is_empty() => {
                Err(Mistake::new("this variant takes no values").at(group.body.clone()))
            }
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Mistake> {
        match &self.node.value {
            Value::Group(group) => match group.only_value() {
                Some(inner) => seed.deserialize(Reader::new(inner)),
                None => seed.deserialize(self),
            },
            _ => Err(Mistake::new("this variant needs a value in parentheses")
                .label("`(..)` is missing")
                .at(self.node.head())),
        }
    }

    fn tuple_variant<V: Visitor<'a>>(self, length: usize, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'a>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Group(group) => self.fields(group, fields, visitor),
            // Where every field has a default, the parentheses may be left out.
            _ => visitor
                .visit_map(Fields::of(&[]))
                .map_err(|mistake| mistake.at(self.node.head())),
        }
    }
}
