//! The observer that writes the trace.

use std::io::{self, Write};

use quantities::{Bytes, Cycle};
use tile_program::{
    Busy, CoreId, Flow, FoldSpan, Observer, Operation, Platform, ScratchpadId, Waiting,
};

use crate::bandwidth::Bandwidth;
use crate::counter::{Counter, Label, Level};
use crate::flows::Fetches;
use crate::metadata::{self, ARRAYS, DRAM, LEFT_OUT, LINKS, PASSES, Processes, SRAM};
use crate::rate::Scale;
use crate::recorder::{Detail, Recorder, Slice, escaped};
use crate::track::{Names, UnitTrack};
use crate::{TraceOptions, TraceSummary};

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
    occupancy: Vec<(CoreId, [Level; 3])>,
    /// Name and start of the current pass.
    pass: Option<(String, Cycle)>,
    /// Whether the folds of the tile last told `busy` are recorded.
    wants_folds: bool,
}

impl<W: Write> TraceWriter<W> {
    /// Begins a trace of a run on a machine.
    pub fn new(writer: W, platform: &Platform, options: &TraceOptions) -> Self {
        let mut recorder = Recorder::new(writer, options, LEFT_OUT);
        let units = platform.all_units();
        let unit_names: Vec<_> = units
            .map(|(core, unit, _)| escaped(&core.unit_name(unit)))
            .collect();
        let processes = Processes::of(platform);
        let tracks: Vec<_> = platform
            .all_units()
            .map(|(_, unit, role)| UnitTrack::new(processes.track(unit, role), role))
            .collect();
        metadata::write(&mut recorder, options, &processes);
        metadata::name_tracks(&mut recorder, &tracks, &unit_names);
        let counters = Counters::new(platform, options);
        let arrays = tracks.iter().zip(&unit_names).map(|(track, name)| {
            let is_array = track.role.is_array();
            let label = (ARRAYS, name.clone(), "useful MACs/cycle");
            is_array.then(|| counters.counter(label, Scale::PER_CYCLE))
        });
        let macs = arrays.collect();
        let rates = platform.all_units().map(|(core, _, role)| {
            let memory = options.memory_bytes_per_second;
            let (process, what, bus) = match role.flow()? {
                Flow::FromMemory => (DRAM, "dram read", memory),
                Flow::ToMemory => (DRAM, "dram write", memory),
                // Over several links at once.
                Flow::FromLinks => (LINKS, "received", None),
            };
            let name = escaped(&format!("{}{what}", core.prefix));
            let scale = Scale::gigabytes_per_second(options.clock);
            let counter = counters.counter((process, name, "GB/s"), scale);
            Some(Bandwidth::new(counter, options.clock, bus))
        });
        let bandwidth = rates.collect();
        let occupancy = platform.cores.iter().map(|core| {
            let pads = ScratchpadId::ALL.map(|pad| {
                let name = escaped(&format!("{}sram {}", core.prefix, pad.name()));
                Level::new(counters.counter((SRAM, name, "bytes held"), Scale::PER_CYCLE))
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
            wants_folds: false,
        }
    }

    /// Ends the trace and gives the writer back, flushed.
    ///
    /// # Errors
    /// The first error of the writer, whenever it came.
    pub fn finish(self) -> io::Result<(W, TraceSummary)> {
        self.recorder.finish()
    }

    fn end_pass(&mut self, at: Cycle) {
        for track in &mut self.tracks {
            track.close(&mut self.recorder, &self.names);
        }
        let Some((name, from)) = self.pass.take() else {
            return;
        };
        let Some((from, to)) = self.recorder.clip(from, at) else {
            return;
        };
        if self.recorder.wants(Detail::Passes, from) {
            self.recorder.slice(&Slice {
                track: PASSES,
                name: format_args!("{name}"),
                from,
                to,
                args: None,
            });
        } else {
            self.recorder.summary.left_out.passes += 1;
        }
    }

    fn count(&mut self, busy: &Busy<'_>) {
        let span = (busy.from, busy.to);
        if let Some(bandwidth) = &mut self.bandwidth[busy.unit.index()] {
            bandwidth.add(&mut self.recorder, span, busy.bytes.get());
        }
        if let Some(counter) = &mut self.macs[busy.unit.index()] {
            counter.add(&mut self.recorder, span, busy.macs.into());
        }
    }

    /// Draws arrows to a tile that has a slice. They are at most a tenth of all events.
    fn connect(&mut self, busy: &Busy<'_>) {
        let to = self.tracks[busy.unit.index()].id;
        let Some((at, _)) = self.recorder.clip(busy.from, busy.to) else {
            return;
        };
        while let Some((unit, from)) = self.fetches.take(busy.operation, busy.tile, at) {
            let summary = &self.recorder.summary;
            if summary.flows * 20 < summary.events {
                let load = self.tracks[unit.index()].id;
                self.recorder.flow((load, from), (to, at));
            }
        }
    }
}

/// Makes the counters of a trace.
struct Counters {
    /// The first cycle that is recorded.
    from: Cycle,
    /// How many samples each is written in full detail for: of all of them, a tenth of the budget.
    fine_samples: u64,
}

impl Counters {
    fn new(platform: &Platform, options: &TraceOptions) -> Self {
        let count = platform.units() + ScratchpadId::ALL.len() * platform.cores.len();
        let share = options.event_budget / 10 / (count as u64).max(1);
        Self {
            from: options.window.map_or(Cycle::ZERO, |(from, _)| from),
            fine_samples: share.max(16),
        }
    }

    fn counter(&self, (pid, name, series): (u32, String, &'static str), scale: Scale) -> Counter {
        let label = Label { pid, name, series };
        Counter::new(label, scale, self.from, self.fine_samples)
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
            .map(|operation| (escaped(&operation.name.to_string()), operation.class.name()));
        self.names.operations.extend(entries);
    }

    fn busy(&mut self, busy: &Busy<'_>) {
        self.recorder.complete(busy.to);
        self.count(busy);
        let track = &mut self.tracks[busy.unit.index()];
        let has_slice = track.busy(&mut self.recorder, &self.names, busy);
        self.wants_folds = track.wants_phases();
        match track.role.flow() {
            _ if !has_slice => {}
            Some(Flow::FromMemory) => {
                if let Some((from, _)) = self.recorder.clip(busy.from, busy.to) {
                    self.fetches.add(busy, from);
                }
            }
            None => self.connect(busy),
            Some(Flow::ToMemory | Flow::FromLinks) => {}
        }
    }

    fn waiting(&mut self, waiting: &Waiting) {
        let track = &mut self.tracks[waiting.unit.index()];
        track.waiting(&mut self.recorder, &self.names, waiting);
    }

    fn wants_folds(&self, _from: Cycle, _to: Cycle) -> bool {
        self.wants_folds
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
        pads[scratchpad as usize].set(&mut self.recorder, at, bytes.get());
    }

    fn end(&mut self, end: Cycle) {
        self.end_pass(end);
        for counter in self.macs.iter_mut().flatten() {
            counter.end(&mut self.recorder, end, 0);
        }
        for level in self.occupancy.iter_mut().flat_map(|(_, pads)| pads) {
            level.end(&mut self.recorder, end);
        }
        for bandwidth in self.bandwidth.iter_mut().flatten() {
            bandwidth.end(&mut self.recorder, end);
        }
        self.recorder.end(end);
    }
}
