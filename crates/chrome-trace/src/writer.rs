//! The observer that writes the trace.

use std::io::{self, Write};

use event_kernel::Cycle;
use tile_program::{
    Busy, Bytes, CoreId, FoldSpan, Observer, Operation, Platform, Role, ScratchpadId, UnitId,
    Waiting,
};

use crate::bandwidth::Bandwidth;
use crate::counter::Counter;
use crate::flows::Fetches;
use crate::recorder::{Detail, Recorder, Slice, TrackId, escaped};
use crate::track::{Names, UnitTrack};
use crate::{TraceOptions, TraceStatistics};

/// Subsystems in the order in which viewers show them: the number is the process number.
const PROGRAM: u32 = 1;
const ARRAYS: u32 = 2;
const VECTOR: u32 = 3;
const DMA: u32 = 4;
const SRAM: u32 = 5;
const DRAM: u32 = 6;
const LINKS: u32 = 7;

/// Track numbers start here: one that equals a process number is shown as "main thread".
const FIRST_TRACK: u32 = 100;

const PASSES: TrackId = TrackId {
    pid: PROGRAM,
    tid: FIRST_TRACK,
};

/// Writes a run as Chrome Trace Events, in bounded memory, while the run goes on.
///
/// An error of the writer does not interrupt the run: nothing more is written, and
/// [`TraceWriter::finish`] returns it.
pub struct TraceWriter<W: Write> {
    recorder: Recorder<W>,
    names: Names,
    tracks: Vec<UnitTrack>,
    fetches: Fetches,
    /// Useful MACs per cycle, indexed by unit; arrays only.
    macs: Vec<Option<Counter>>,
    /// GB/s of each DMA side, indexed by unit.
    bandwidth: Vec<Option<Bandwidth>>,
    /// Bytes held, by core and scratchpad.
    occupancy: Vec<(CoreId, [Counter; 3])>,
    /// Name and start of the current pass.
    pass: Option<(String, Cycle)>,
}

impl<W: Write> TraceWriter<W> {
    /// Begins a trace of a run on a machine.
    pub fn new(writer: W, platform: &Platform, options: &TraceOptions) -> Self {
        let mut recorder = Recorder::new(writer, options);
        let budget = recorder.budget();
        let units = platform.all_units();
        let unit_names: Vec<_> = units
            .map(|(core, unit, _)| escaped(&core.unit_name(unit)))
            .collect();
        let units = platform.all_units();
        let tracks: Vec<_> = units
            .map(|(_, unit, role)| unit_track(unit, role))
            .collect();
        write_metadata(&mut recorder, options, &tracks, &unit_names);
        let arrays = tracks.iter().zip(&unit_names).map(|(track, name)| {
            let is_array = matches!(track.role, Role::Array(_));
            is_array.then(|| Counter::new(ARRAYS, name.clone(), "useful MACs/cycle", budget))
        });
        let macs = arrays.collect();
        let rates = platform.all_units().map(|(core, _, role)| {
            let memory = options.memory_bytes_per_second;
            let (process, what, bus) = match role {
                Role::Load => (DRAM, "dram read", memory),
                Role::Store => (DRAM, "dram write", memory),
                // Over several links at once.
                Role::Receive => (LINKS, "received", None),
                Role::Array(_) | Role::Vector => return None,
            };
            let name = escaped(&format!("{}{what}", core.prefix));
            let counter = Counter::new(process, name, "GB/s", budget);
            Some(Bandwidth::new(counter, options.clock, bus))
        });
        let bandwidth = rates.collect();
        let occupancy = platform.cores.iter().map(|core| {
            let pads = ScratchpadId::ALL.map(|pad| {
                let name = escaped(&format!("{}sram {}", core.prefix, pad.name()));
                Counter::new(SRAM, name, "bytes held", budget)
            });
            (core.core, pads)
        });
        let occupancy = occupancy.collect();
        Self {
            recorder,
            names: Names {
                units: unit_names,
                operations: Vec::new(),
            },
            tracks,
            fetches: Fetches::default(),
            macs,
            bandwidth,
            occupancy,
            pass: None,
        }
    }

    /// Ends the trace and gives the writer back, flushed.
    ///
    /// # Errors
    /// The first error of the writer, whenever it came.
    pub fn finish(self) -> io::Result<(W, TraceStatistics)> {
        self.recorder.finish()
    }

    fn end_pass(&mut self, at: Cycle) {
        for track in &mut self.tracks {
            track.close(&mut self.recorder, &self.names);
        }
        if let Some((name, from)) = self.pass.take()
            && let Some((from, to)) = self.recorder.clip(from, at)
            && self.recorder.wants(Detail::Passes, from)
        {
            self.recorder.slice(&Slice {
                track: PASSES,
                name: format_args!("{name}"),
                from,
                to,
                args: None,
            });
        }
    }

    fn count(&mut self, busy: &Busy<'_>) {
        if let Some(bandwidth) = &mut self.bandwidth[busy.unit.index()] {
            let span = (busy.from, busy.to);
            bandwidth.add(&mut self.recorder, span, busy.bytes.get());
        }
        let cycles = busy.to.since(busy.from).get();
        if cycles > 0
            && let Some(counter) = &mut self.macs[busy.unit.index()]
        {
            let rate = u128::from(busy.macs) * 1000 / u128::from(cycles);
            counter.set_for(&mut self.recorder, (busy.from, busy.to), rate);
        }
    }

    /// Draws arrows to a tile that has a slice. They are at most a tenth of all events.
    fn connect(&mut self, busy: &Busy<'_>) {
        let to = self.tracks[busy.unit.index()].id;
        let Some((at, _)) = self.recorder.clip(busy.from, busy.to) else {
            return;
        };
        while let Some((unit, from)) = self.fetches.take(busy.operation, busy.tile, at) {
            let statistics = &self.recorder.statistics;
            if statistics.flows * 20 < statistics.events {
                let load = self.tracks[unit.index()].id;
                self.recorder.flow((load, from), (to, at));
            }
        }
    }
}

fn unit_track(unit: UnitId, role: Role) -> UnitTrack {
    let pid = match role {
        Role::Array(_) => ARRAYS,
        Role::Vector => VECTOR,
        Role::Load | Role::Store => DMA,
        Role::Receive => LINKS,
    };
    let tid = FIRST_TRACK + 1 + u32::from(unit.0);
    UnitTrack::new(TrackId { pid, tid }, role)
}

fn write_metadata<W: Write>(
    recorder: &mut Recorder<W>,
    options: &TraceOptions,
    tracks: &[UnitTrack],
    names: &[String],
) {
    let (hertz, divisor) = options.clock.as_fraction();
    let clock_hz = if divisor == 1 {
        hertz.to_string()
    } else {
        options.clock.as_hertz_f64().to_string()
    };
    let TrackId { pid, tid } = PASSES;
    let (machine, workload) = (escaped(&options.machine), escaped(&options.workload));
    recorder.event(format_args!(
        r#""ph":"M","name":"otherData","pid":{pid},"tid":{tid},"args":{{"machine":"{machine}","workload":"{workload}","time_unit":"cycle","clock_hz":{clock_hz},"event_budget":{}}}"#,
        options.event_budget
    ));
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
    let passes = (PASSES, "passes");
    let units = tracks.iter().zip(names);
    let units = units.map(|(track, name)| (track.id, name.as_str()));
    for (TrackId { pid, tid }, name) in [passes].into_iter().chain(units) {
        recorder.event(format_args!(
            r#""ph":"M","name":"thread_name","pid":{pid},"tid":{tid},"args":{{"name":"{name}"}}"#
        ));
        recorder.event(format_args!(
            r#""ph":"M","name":"thread_sort_index","pid":{pid},"tid":{tid},"args":{{"sort_index":{tid}}}"#
        ));
    }
}

impl<W: Write> Observer for TraceWriter<W> {
    fn pass(&mut self, name: &str, operations: &[Operation], at: Cycle) {
        self.end_pass(at);
        self.fetches.clear();
        self.pass = Some((escaped(name), at));
        self.names.operations.clear();
        let entries = operations
            .iter()
            .map(|operation| (escaped(&operation.name), operation.class.name()));
        self.names.operations.extend(entries);
    }

    fn busy(&mut self, busy: &Busy<'_>) {
        self.count(busy);
        let track = &mut self.tracks[busy.unit.index()];
        let has_slice = track.busy(&mut self.recorder, &self.names, busy);
        match track.role {
            Role::Load if has_slice => {
                if let Some((from, _)) = self.recorder.clip(busy.from, busy.to) {
                    self.fetches.add(busy, from);
                }
            }
            Role::Array(_) | Role::Vector if has_slice => self.connect(busy),
            _ => {}
        }
    }

    fn waiting(&mut self, waiting: &Waiting) {
        let track = &mut self.tracks[waiting.unit.index()];
        track.waiting(&mut self.recorder, &self.names, waiting);
    }

    fn wants_folds(&self, from: Cycle, to: Cycle) -> bool {
        let clipped = self.recorder.clip(from, to);
        clipped.is_some_and(|(from, _)| self.recorder.wants(Detail::Phases, from))
    }

    fn fold(&mut self, span: &FoldSpan) {
        let track = &mut self.tracks[span.unit.index()];
        let FoldSpan {
            fold,
            cause,
            from,
            to,
            ..
        } = *span;
        track.phase(
            &mut self.recorder,
            &self.names,
            (cause, Some(fold)),
            from,
            to,
        );
    }

    fn occupancy(&mut self, core: CoreId, scratchpad: ScratchpadId, at: Cycle, bytes: Bytes) {
        let mut cores = self.occupancy.iter_mut();
        let Some((_, pads)) = cores.find(|(known, _)| *known == core) else {
            return;
        };
        let counter = &mut pads[scratchpad as usize];
        counter.set(&mut self.recorder, at, bytes.get().saturating_mul(1000));
    }

    fn end(&mut self, end: Cycle) {
        self.end_pass(end);
        let macs = self.macs.iter_mut().flatten();
        let occupancy = self.occupancy.iter_mut().flat_map(|(_, pads)| pads);
        for counter in macs.chain(occupancy) {
            counter.end(&mut self.recorder, end);
        }
        for bandwidth in self.bandwidth.iter_mut().flatten() {
            bandwidth.end(&mut self.recorder, end);
        }
        self.recorder.tell_missing(PASSES);
    }
}
