//! The track of one unit: operations, tiles and waits in them, phases in tiles.
//!
//! Viewers sort slices by start, then by length with the longest first, then by their order in the
//! file. So an operation may be written when it ends, after its tiles, and is still their parent,
//! except where it is as long as its only child: that child is held back and written after it.

use std::fmt;
use std::io::Write;

use event_kernel::{Cycle, Cycles};
use tile_program::{Busy, Cause, OperationId, UnitId, WaitReason, Waiting};

use crate::recorder::{Detail, Recorder, Slice, TrackId};

/// What the unit is, as far as its slices differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Array,
    Vector,
    Load,
    Store,
}

impl Role {
    const fn verb(self) -> &'static str {
        match self {
            Self::Array | Self::Vector => "tile",
            Self::Load => "load",
            Self::Store => "store",
        }
    }
}

/// A child of an operation that waits to be written.
#[derive(Clone, Copy)]
enum Child {
    Tile {
        tile: u32,
        macs: u64,
        bytes: u64,
        parts: [u64; Cause::COUNT],
    },
    Wait {
        on: UnitId,
        reason: WaitReason,
    },
}

/// An operation that is under way on the unit.
struct Open {
    operation: OperationId,
    from: Cycle,
    to: Cycle,
    /// The first child, while it is the only one.
    held: Option<(Child, Cycle, Cycle)>,
    children: u64,
}

/// The names that slices refer to, escaped for JSON.
pub(crate) struct Names {
    /// Of the units.
    pub(crate) units: Vec<String>,
    /// Of the operations of the current pass, with their classes.
    pub(crate) operations: Vec<(String, &'static str)>,
}

/// The track of one unit.
pub(crate) struct UnitTrack {
    pub(crate) id: TrackId,
    pub(crate) role: Role,
    open: Option<Open>,
    /// What of the current tile is left for phases.
    tile: Option<(Cycle, Cycle)>,
    /// The current tile as recorded.
    tile_slice: (Cycle, Cycle),
}

/// Cycles by cause as members of an `args` object.
struct Parts<'a>(&'a [u64; Cause::COUNT]);

impl fmt::Display for Parts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for cause in Cause::ALL {
            let cycles = self.0[cause as usize];
            if cycles > 0 {
                write!(f, r#","{cause}":{cycles}"#)?;
            }
        }
        Ok(())
    }
}

impl UnitTrack {
    pub(crate) fn new(id: TrackId, role: Role) -> Self {
        Self {
            id,
            role,
            open: None,
            tile: None,
            tile_slice: (Cycle::ZERO, Cycle::ZERO),
        }
    }

    /// The unit works on a tile. True if the tile has a slice.
    pub(crate) fn busy<W: Write>(
        &mut self,
        recorder: &mut Recorder<W>,
        names: &Names,
        busy: &Busy<'_>,
    ) -> bool {
        self.tile = None;
        self.begin(recorder, names, busy.operation, busy.from, busy.to);
        let Some((from, to)) = recorder.clip(busy.from, busy.to) else {
            return false;
        };
        if !recorder.wants(Detail::Tiles, from) {
            return false;
        }
        let mut parts = [0; Cause::COUNT];
        for (cause, cycles) in busy.parts {
            parts[*cause as usize] += cycles.get();
        }
        let child = Child::Tile {
            tile: busy.tile,
            macs: busy.macs,
            bytes: busy.bytes.get(),
            parts,
        };
        self.child(recorder, names, child, from, to);
        if recorder.wants(Detail::Phases, from) {
            self.tile = Some((from, to));
            self.tile_slice = (from, to);
            if self.role != Role::Array {
                self.parts(recorder, busy.from, busy.parts);
            }
        }
        true
    }

    /// The parts of a tile in the order of time.
    fn parts<W: Write>(
        &mut self,
        recorder: &mut Recorder<W>,
        mut from: Cycle,
        parts: &[(Cause, Cycles)],
    ) {
        for (cause, cycles) in parts {
            let to = from + *cycles;
            self.phase(recorder, *cause, None, from, to);
            from = to;
        }
    }

    /// A phase of the current tile. Phases come in the order of time; what would overlap the one
    /// before, or stick out of the tile, is cut off. A phase as long as its tile says nothing new.
    pub(crate) fn phase<W: Write>(
        &mut self,
        recorder: &mut Recorder<W>,
        cause: Cause,
        fold: Option<u64>,
        from: Cycle,
        to: Cycle,
    ) {
        let Some((free, end)) = self.tile else {
            return;
        };
        let (from, to) = (from.max(free), to.min(end));
        if from >= to || (from, to) == self.tile_slice || !recorder.wants(Detail::Phases, from) {
            return;
        }
        self.tile = Some((to, end));
        let fold = fold.map_or(String::new(), |fold| format!(r#""fold":{fold}"#));
        recorder.slice(&Slice {
            track: self.id,
            name: format_args!("{cause}"),
            from,
            to,
            args: format_args!("{fold}"),
        });
    }

    /// The unit waits, or has nothing at hand.
    pub(crate) fn waiting<W: Write>(
        &mut self,
        recorder: &mut Recorder<W>,
        names: &Names,
        waiting: &Waiting,
    ) {
        self.tile = None;
        let (Some(operation), Some((on, reason))) = (waiting.operation, waiting.on) else {
            if waiting.from < waiting.to {
                self.close(recorder, names);
            }
            return;
        };
        self.begin(recorder, names, operation, waiting.from, waiting.to);
        if let Some((from, to)) = recorder.clip(waiting.from, waiting.to)
            && recorder.wants(Detail::Tiles, from)
        {
            self.child(recorder, names, Child::Wait { on, reason }, from, to);
        }
    }

    /// Carries the open operation on to `to`, or closes it and opens another.
    fn begin<W: Write>(
        &mut self,
        recorder: &mut Recorder<W>,
        names: &Names,
        operation: OperationId,
        from: Cycle,
        to: Cycle,
    ) {
        if let Some(open) = &mut self.open
            && open.operation == operation
        {
            open.to = to;
            return;
        }
        self.close(recorder, names);
        self.open = Some(Open {
            operation,
            from,
            to,
            held: None,
            children: 0,
        });
    }

    fn child<W: Write>(
        &mut self,
        recorder: &mut Recorder<W>,
        names: &Names,
        child: Child,
        from: Cycle,
        to: Cycle,
    ) {
        let open = self.open.as_mut().expect("begun by the caller");
        open.children += 1;
        if open.children == 1 {
            open.held = Some((child, from, to));
            return;
        }
        let held = open.held.take();
        for (child, from, to) in held.into_iter().chain([(child, from, to)]) {
            self.write_child(recorder, names, child, from, to);
        }
    }

    fn write_child<W: Write>(
        &self,
        recorder: &mut Recorder<W>,
        names: &Names,
        child: Child,
        from: Cycle,
        to: Cycle,
    ) {
        let track = self.id;
        match child {
            Child::Tile {
                tile,
                macs,
                bytes,
                parts,
            } => recorder.slice(&Slice {
                track,
                name: format_args!("{} {tile}", self.role.verb()),
                from,
                to,
                args: format_args!(r#""macs":{macs},"bytes":{bytes}{}"#, Parts(&parts)),
            }),
            Child::Wait { on, reason } => {
                let on = &names.units[on.index()];
                let (what, cause) = match reason {
                    WaitReason::Data => ("wait for ", "data"),
                    WaitReason::Buffer => ("wait for buffer: ", "buffer"),
                };
                recorder.slice(&Slice {
                    track,
                    name: format_args!("{what}{on}"),
                    from,
                    to,
                    args: format_args!(r#""reason":"{cause}""#),
                });
            }
        }
    }

    /// Writes the open operation.
    pub(crate) fn close<W: Write>(&mut self, recorder: &mut Recorder<W>, names: &Names) {
        let Some(open) = self.open.take() else {
            return;
        };
        let Some((from, to)) = recorder.clip(open.from, open.to) else {
            return;
        };
        if recorder.wants(Detail::Operations, from) {
            let (name, class) = &names.operations[open.operation.index()];
            let children = open.children;
            recorder.slice(&Slice {
                track: self.id,
                name: format_args!("{name}"),
                from,
                to,
                args: format_args!(r#""class":"{class}","children":{children}"#),
            });
        }
        if let Some((child, from, to)) = open.held {
            self.write_child(recorder, names, child, from, to);
        }
    }
}
