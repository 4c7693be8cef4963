//! What stands at the beginning of a trace: what was run on what, and the names of groups and
//! tracks.

use std::io::Write;

use tile_program::{Platform, Role, UnitId};

use crate::TraceOptions;
use crate::recorder::{Recorder, TrackId, escaped};
use crate::track::UnitTrack;

/// Groups of tracks in the order in which viewers show them: the number is the process number.
pub(crate) const PROGRAM: u32 = 1;
pub(crate) const ARRAYS: u32 = 2;
pub(crate) const SRAM: u32 = 5;
pub(crate) const DRAM: u32 = 6;
pub(crate) const LINKS: u32 = 7;

/// The names of the processes that have a number of their own. Each is written of every run, but
/// for [`LINKS`], which is written where a unit receives over links.
const NUMBERED: [(u32, &str); 6] = [
    (ARRAYS, "arrays"),
    (3, "vector"),
    (4, "dma"),
    (SRAM, "sram"),
    (DRAM, "dram"),
    (LINKS, "links"),
];

/// The processes of a trace beside the program: those of the table above, then those of units of
/// other kinds in the order of the units.
pub(crate) struct Processes(Vec<(u32, &'static str)>);

impl Processes {
    /// Those of a machine's units.
    pub(crate) fn of(platform: &Platform) -> Self {
        let units = platform.all_units().map(|(_, _, role)| role.process());
        let mut of_units: Vec<_> = units.collect();
        of_units.dedup();
        let linked = of_units.contains(&"links");
        let written = NUMBERED.iter().filter(|(pid, _)| *pid != LINKS || linked);
        let mut all: Vec<(u32, &str)> = written.copied().collect();
        for name in of_units {
            if all.iter().all(|(_, known)| *known != name) {
                let last = all.iter().map(|(pid, _)| *pid).max().unwrap_or(LINKS);
                all.push((last.max(LINKS) + 1, name));
            }
        }
        Self(all)
    }

    /// The track of a unit.
    pub(crate) fn track(&self, unit: UnitId, role: Role) -> TrackId {
        let mut processes = self.0.iter();
        let found = processes.find(|(_, name)| *name == role.process());
        let &(pid, _) = found.expect("the processes of all units are in the list");
        TrackId {
            pid,
            tid: FIRST_UNIT + u32::from(unit.0),
        }
    }
}

/// Track numbers start here: one that equals a process number is shown as "main thread".
const FIRST_TRACK: u32 = 100;

/// The passes of the run.
pub(crate) const PASSES: TrackId = TrackId {
    pid: PROGRAM,
    tid: FIRST_TRACK,
};

/// Stretches of the run of which details are not recorded. It is named when it has a slice.
pub(crate) const LEFT_OUT: TrackId = TrackId {
    pid: PROGRAM,
    tid: FIRST_TRACK + 1,
};

/// The number of the first unit's track.
const FIRST_UNIT: u32 = FIRST_TRACK + 2;

/// The rule of what is recorded, for who finds a trace without its documentation.
const DETAIL_RULE: &str = "the run is divided into parts of as many instructions; each may bring \
    its share of the event budget and what those before it left: phases are recorded from its \
    beginning until 30 % of that is used, tiles and waits until 85 %, operations until 95 %; \
    counters become averages over longer spans instead";

/// Writes what was run on what, and the names of groups of tracks.
pub(crate) fn write<W: Write>(
    recorder: &mut Recorder<W>,
    options: &TraceOptions,
    processes: &Processes,
) {
    other_data(recorder, options);
    let program = format!("program (1 µs = 1 cycle of {})", options.clock);
    let all = std::iter::once((PROGRAM, program.as_str())).chain(processes.0.iter().copied());
    for (pid, name) in all {
        recorder.event(format_args!(
            r#""ph":"M","name":"process_name","pid":{pid},"args":{{"name":"{name}"}}"#
        ));
        recorder.event(format_args!(
            r#""ph":"M","name":"process_sort_index","pid":{pid},"args":{{"sort_index":{pid}}}"#
        ));
    }
}

/// Writes the names of tracks: of the passes, and of the units, whose names are escaped.
pub(crate) fn name_tracks<W: Write>(
    recorder: &mut Recorder<W>,
    tracks: &[UnitTrack],
    names: &[String],
) {
    recorder.name_track(PASSES, "passes");
    for (track, name) in tracks.iter().zip(names) {
        recorder.name_track(track.id, name);
    }
}

/// Writes what was run on what, and by which rules it is recorded.
fn other_data<W: Write>(recorder: &mut Recorder<W>, options: &TraceOptions) {
    let (hertz, divisor) = options.clock.as_fraction();
    let clock_hz = if divisor == 1 {
        hertz.to_string()
    } else {
        options.clock.as_hertz_f64().to_string()
    };
    let TrackId { pid, tid } = PASSES;
    let (machine, workload) = (escaped(&options.machine), escaped(&options.workload));
    let window = options.window.map_or("null".to_owned(), |(from, to)| {
        format!("[{},{}]", from.get(), to.get())
    });
    let (events, parts) = (options.event_budget, recorder.budget().parts());
    recorder.event(format_args!(
        r#""ph":"M","name":"otherData","pid":{pid},"tid":{tid},"args":{{"machine":"{machine}","workload":"{workload}","time_unit":"cycle","clock_hz":{clock_hz},"clock_hz_fraction":[{hertz},{divisor}],"window":{window},"event_budget":{events},"detail_parts":{parts},"detail_rule":"{DETAIL_RULE}"}}"#
    ));
}
