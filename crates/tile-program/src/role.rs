//! The kinds of unit that a core has: the one table of what each is called, how traces show it and
//! what it moves.

/// What a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// An array, by its place in [`Target::arrays`](crate::Target::arrays).
    Array(usize),
    /// The vector unit.
    Vector,
    /// The DMA's load side.
    Load,
    /// The DMA's store side.
    Store,
    /// The receiving end of the links.
    Receive,
}

/// Where a unit that transfers data gets it from or brings it to. Who waits for such a unit is
/// charged with what the transfer was doing meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Data go from main memory into a scratchpad.
    FromMemory,
    /// Data go from a scratchpad to main memory.
    ToMemory,
    /// Data go over links from a scratchpad of another core.
    FromLinks,
}

/// What is the same for all units of a kind.
#[derive(Clone, Copy, Debug)]
struct Facts {
    name: Option<&'static str>,
    process: &'static str,
    verb: &'static str,
    flow: Option<Flow>,
}

impl Role {
    /// The kinds of which a core has at most one unit, in the order in which the units are numbered
    /// after the arrays.
    pub const SINGLE: [Self; 4] = [Self::Vector, Self::Load, Self::Store, Self::Receive];

    const fn facts(self) -> Facts {
        let (name, process, verb, flow) = match self {
            Self::Array(_) => (None, "arrays", "tile", None),
            Self::Vector => (Some("vector"), "vector", "tile", None),
            Self::Load => (Some("dma.load"), "dma", "load", Some(Flow::FromMemory)),
            Self::Store => (Some("dma.store"), "dma", "store", Some(Flow::ToMemory)),
            Self::Receive => (Some("receive"), "links", "receive", Some(Flow::FromLinks)),
        };
        Facts {
            name,
            process,
            verb,
            flow,
        }
    }

    /// The name of a unit of this kind after its core's prefix; `None` of an array, which has one
    /// of its own.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        self.facts().name
    }

    /// The group of tracks under which traces show a unit of this kind.
    #[must_use]
    pub const fn process(self) -> &'static str {
        self.facts().process
    }

    /// What traces call an instruction of such a unit, before the number of its tile.
    #[must_use]
    pub const fn verb(self) -> &'static str {
        self.facts().verb
    }

    /// Where a unit of this kind moves data from or to; `None` of a unit that computes.
    #[must_use]
    pub const fn flow(self) -> Option<Flow> {
        self.facts().flow
    }

    /// Whether it is an array: several of them may share an operation.
    #[must_use]
    pub const fn is_array(self) -> bool {
        matches!(self, Self::Array(_))
    }
}
