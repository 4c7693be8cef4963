//! The parts of a node, one after another, as serde asks for them.

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess};

use crate::deserialize::Reader;
use crate::mistake::Mistake;
use crate::tree::{Entry, Node};

/// The entries of a struct.
pub(crate) struct Fields<'a> {
    entries: std::slice::Iter<'a, Entry>,
    value: Option<&'a Node>,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(entries: &'a [Entry]) -> Self {
        Self {
            entries: entries.iter(),
            value: None,
        }
    }
}

impl<'a> MapAccess<'a> for Fields<'a> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mistake> {
        let Some(Entry {
            field: Some((name, span)),
            value,
        }) = self.entries.next()
        else {
            return Ok(None);
        };
        self.value = Some(value);
        seed.deserialize(de::value::StrDeserializer::new(name))
            .map(Some)
            .map_err(|mistake: Mistake| mistake.at(span.clone()))
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        value_of(self.value.take(), seed)
    }
}

/// The pairs of a map.
pub(crate) struct Pairs<'a> {
    pairs: std::slice::Iter<'a, (Node, Node)>,
    value: Option<&'a Node>,
}

impl<'a> Pairs<'a> {
    pub(crate) fn of(pairs: &'a [(Node, Node)]) -> Self {
        Self {
            pairs: pairs.iter(),
            value: None,
        }
    }
}

impl<'a> MapAccess<'a> for Pairs<'a> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mistake> {
        let Some((key, value)) = self.pairs.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        seed.deserialize(Reader::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        value_of(self.value.take(), seed)
    }
}

fn value_of<'a, V: DeserializeSeed<'a>>(
    node: Option<&'a Node>,
    seed: V,
) -> Result<V::Value, Mistake> {
    let node = node.expect("serde asks for a value only after its key");
    seed.deserialize(Reader::new(node))
        .map_err(|mistake| mistake.at(node.head()))
}

/// The values of a list or tuple.
pub(crate) struct Items<I>(pub(crate) I);

impl<'a, I: Iterator<Item = &'a Node>> SeqAccess<'a> for Items<I> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mistake> {
        self.0
            .next()
            .map(|node| {
                seed.deserialize(Reader::new(node))
                    .map_err(|mistake| mistake.at(node.head()))
            })
            .transpose()
    }
}
