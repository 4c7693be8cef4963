//! What stands at the beginning of a trace: what was run on what, and the names of groups and tracks.

use std::io::Write;

use tile_program::Role;

use crate::TraceOptions;
use crate::recorder::{Recorder, TrackId, escaped};
use crate::track::UnitTrack;

/// Subsystems in the order in which viewers show them: the number is the process number.
pub(crate) const PROGRAM: u32 = 1;
pub(crate) const ARRAYS: u32 = 2;
pub(crate) const VECTOR: u32 = 3;
pub(crate) const DMA: u32 = 4;
pub(crate) const SRAM: u32 = 5;
pub(crate) const DRAM: u32 = 6;
pub(crate) const LINKS: u32 = 7;

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
pub(crate) const FIRST_UNIT: u32 = FIRST_TRACK + 2;

/// The rule of what is recorded, for who finds a trace without its documentation.
const DETAIL_RULE: &str = "the run is divided into parts of as many instructions; each may bring \
    its share of the event budget and what those before it left: phases are recorded from its \
    beginning until 30 % of that is used, tiles and waits until 85 %, operations until 95 %; \
    counters become averages over longer spans instead";

/// Writes all of it. Names of units are escaped.
pub(crate) fn write<W: Write>(
    recorder: &mut Recorder<W>,
    options: &TraceOptions,
    tracks: &[UnitTrack],
    names: &[String],
) {
    other_data(recorder, options);
    let program = format!("program (1 µs = 1 cycle of {})", options.clock);
    let processes = [
        (PROGRAM, program.as_str()),
        (ARRAYS, "arrays"),
        (VECTOR, "vector"),
        (DMA, "dma"),
        (SRAM, "sram"),
        (DRAM, "dram"),
    ];
    let linked = tracks.iter().any(|track| track.role == Role::Receive);
    let links = linked.then_some((LINKS, "links"));
    for (pid, name) in processes.into_iter().chain(links) {
        recorder.event(format_args!(
            r#""ph":"M","name":"process_name","pid":{pid},"args":{{"name":"{name}"}}"#
        ));
        recorder.event(format_args!(
            r#""ph":"M","name":"process_sort_index","pid":{pid},"args":{{"sort_index":{pid}}}"#
        ));
    }
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
