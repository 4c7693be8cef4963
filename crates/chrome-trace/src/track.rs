//! The track of one unit: operations, tiles and waits in them, phases in tiles.
//!
//! Viewers sort slices by start; of those that start together, some take the longest for the
//! parent, others the first in the file. An operation is written when it ends, so what starts with
//! it (its first child, and that one's first phase) is held back and written after it.

use std::fmt;
use std::io::Write;

use quantities::{Cycle, Cycles};
use tile_program::{Busy, Cause, OperationId, Role, UnitId, WaitReason, Waiting};

use crate::recorder::{Detail, Recorder, Slice, TrackId};

/// What an operation consists of.
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
    Phase {
        cause: Cause,
        fold: Option<u64>,
    },
}

/// A child and its span.
#[derive(Clone, Copy)]
struct Part {
    child: Child,
    from: Cycle,
    to: Cycle,
}

/// An operation that is under way on the unit.
struct Open {
    operation: OperationId,
    from: Cycle,
    to: Cycle,
    /// The first child, and its first phase.
    held: [Option<Part>; 2],
    /// Tiles and waits that are recorded.
    children: u64,
    /// Tiles and waits that are not, for want of budget.
    left_out: u64,
}

/// The names that slices refer to, escaped for JSON.
pub(crate) struct Names {
    /// The tracks of the units.
    pub(crate) units: Vec<String>,
    /// The names of the operations of the current pass, with their classes.
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
    /// Whether a phase of the current tile has been left out.
    has_lost_phases: bool,
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

/// The member of an operation's `args` object that says how many children it would have besides;
/// nothing, if it has them all.
struct LeftOutMember(u64);

impl fmt::Display for LeftOutMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            count => write!(f, r#","left_out":{count}"#),
        }
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
            has_lost_phases: false,
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
        self.has_lost_phases = false;
        self.begin(recorder, names, busy.operation, busy.from, busy.to);
        let Some((from, to)) = recorder.clip(busy.from, busy.to) else {
            let window = recorder.window();
            if busy.from == busy.to && (window.0..=window.1).contains(&busy.to) {
                recorder.summary.tiles_without_length += 1;
            }
            return false;
        };
        if !recorder.wants(Detail::Tiles, from) {
            recorder.summary.left_out.tiles += 1;
            self.leave_out();
            return false;
        }
        recorder.summary.tiles += 1;
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
        self.child(recorder, names, Part { child, from, to });
        let is_array = self.role.is_array();
        let parts = busy.parts.iter().filter(|(_, cycles)| !cycles.is_zero());
        if is_array || parts.count() > 1 {
            if recorder.wants(Detail::Phases, from) {
                self.tile = Some((from, to));
                self.tile_slice = (from, to);
            } else {
                self.lose_phases(recorder);
            }
        }
        if !is_array {
            self.parts(recorder, names, busy.from, busy.parts);
        }
        true
    }

    /// Whether phases of the tile last told `busy` are recorded.
    pub(crate) fn wants_phases(&self) -> bool {
        self.tile.is_some()
    }

    /// Counts the current tile once among those without all their phases.
    fn lose_phases<W: Write>(&mut self, recorder: &mut Recorder<W>) {
        let tiles = u64::from(!std::mem::replace(&mut self.has_lost_phases, true));
        recorder.summary.left_out.phases_of_tiles += tiles;
    }

    /// A tile or a wait of the open operation is not recorded.
    fn leave_out(&mut self) {
        let open = self.open.as_mut().expect("begun by the caller");
        open.left_out += 1;
    }

    /// The parts of a tile in the order of time.
    fn parts<W: Write>(
        &mut self,
        recorder: &mut Recorder<W>,
        names: &Names,
        mut from: Cycle,
        parts: &[(Cause, Cycles)],
    ) {
        for (cause, cycles) in parts {
            let to = from + *cycles;
            self.phase(recorder, names, (*cause, None), from, to);
            from = to;
        }
    }

    /// A phase of the current tile. Phases come in the order of time; what would overlap the one
    /// before, or stick out of the tile, is cut off. A phase as long as its tile says nothing new.
    pub(crate) fn phase<W: Write>(
        &mut self,
        recorder: &mut Recorder<W>,
        names: &Names,
        (cause, fold): (Cause, Option<u64>),
        from: Cycle,
        to: Cycle,
    ) {
        let Some((free, end)) = self.tile else {
            return;
        };
        let (from, to) = (from.max(free), to.min(end));
        if from >= to || (from, to) == self.tile_slice {
            return;
        }
        if !recorder.wants(Detail::Phases, from) {
            self.lose_phases(recorder);
            return;
        }
        self.tile = Some((to, end));
        let child = Child::Phase { cause, fold };
        let part = Part { child, from, to };
        if let Some(open) = &mut self.open
            && let [Some(first), second @ None] = &mut open.held
            && first.from == from
        {
            *second = Some(part);
        } else {
            self.write(recorder, names, part);
        }
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
        let Some((from, to)) = recorder.clip(waiting.from, waiting.to) else {
            return;
        };
        if recorder.wants(Detail::Tiles, from) {
            let child = Child::Wait { on, reason };
            self.child(recorder, names, Part { child, from, to });
        } else {
            recorder.summary.left_out.waits += 1;
            self.leave_out();
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
            held: [None; 2],
            children: 0,
            left_out: 0,
        });
    }

    /// A child of the open operation that is no phase.
    fn child<W: Write>(&mut self, recorder: &mut Recorder<W>, names: &Names, part: Part) {
        let open = self.open.as_mut().expect("begun by the caller");
        open.children += 1;
        if open.children == 1 {
            open.held[0] = Some(part);
        } else {
            self.write(recorder, names, part);
        }
    }

    fn write<W: Write>(&self, recorder: &mut Recorder<W>, names: &Names, part: Part) {
        let Part { child, from, to } = part;
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
                args: Some(format_args!(
                    r#""macs":{macs},"bytes":{bytes}{}"#,
                    Parts(&parts)
                )),
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
                    args: Some(format_args!(r#""reason":"{cause}""#)),
                });
            }
            Child::Phase { cause, fold } => {
                let number = fold.unwrap_or_default();
                let number = format_args!(r#""fold":{number}"#);
                recorder.slice(&Slice {
                    track,
                    name: format_args!("{cause}"),
                    from,
                    to,
                    args: fold.map(|_| number),
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
            let (children, left_out) = (open.children, LeftOutMember(open.left_out));
            recorder.slice(&Slice {
                track: self.id,
                name: format_args!("{name}"),
                from,
                to,
                args: Some(format_args!(
                    r#""class":"{class}","children":{children}{left_out}"#
                )),
            });
        } else {
            recorder.summary.left_out.operations += 1;
        }
        for part in open.held.into_iter().flatten() {
            self.write(recorder, names, part);
        }
    }
}
