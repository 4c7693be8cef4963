//! Checks that viewers will show all that a trace holds.
//!
//! The rules are those of the viewers, found out by trying: a slice that overlaps another on its
//! track without nesting is dropped, a fractional timestamp makes neighbours overlap, an unnamed
//! track is a number. And a counter must show what there was: viewers hold a sample until the next
//! one, so samples times their cycles must add up to what the tiles did.

mod counters;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use serde_json::Value;

use counters::Counters;

/// What a trace holds, by its own account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Count and cycles of the slices of each name (digits replaced by `#`).
    pub slices: BTreeMap<String, (u64, u64)>,
    /// Samples of each counter, by its name: `dram read`.
    pub counters: BTreeMap<String, u64>,
    /// The largest sample of each, in thousandths.
    pub peaks: BTreeMap<String, u64>,
    /// What each counter adds up to, as viewers show it: every sample times the cycles to the next,
    /// rounded to a whole number. MACs of an array; bytes that moved, of the main memory and of
    /// links; bytes times cycles, of a scratchpad.
    pub totals: BTreeMap<String, u128>,
    /// The number of arrows from one slice to another.
    pub flows: u64,
    /// Names of the tracks.
    pub tracks: BTreeSet<String>,
    /// Args of the `otherData` event.
    pub other_data: Value,
    /// Args of the `summary` event at the end.
    pub summary: Value,
    /// Whether the end of the array is missing.
    pub cut_off: bool,
}

/// Why a trace cannot be checked, or would not be shown whole.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// Not a trace at all.
    #[error("not a trace: {0}")]
    Unreadable(String),
    /// A trace, but not a good one.
    #[error("{} problems, the first: {}", .0.len(), .0[0])]
    Problems(Vec<String>),
}

type Track = (u64, u64);

/// A slice as the viewers sort them.
#[derive(Clone, Debug)]
struct Slice {
    from: u64,
    to: u64,
    name: String,
}

#[derive(Default)]
struct Checker {
    contents: Contents,
    problems: Vec<String>,
    slices: BTreeMap<Track, Vec<Slice>>,
    instants: Vec<Track>,
    processes: BTreeMap<u64, String>,
    threads: BTreeMap<Track, String>,
    counters: Counters,
    /// MACs and bytes of the tiles on each track.
    tiles: BTreeMap<Track, [u128; 2]>,
    /// Start and end of each flow.
    flows: BTreeMap<u64, [Option<(Track, u64)>; 2]>,
}

/// Checks a trace: plain or compressed, complete or cut off.
///
/// # Errors
/// [`CheckError::Unreadable`] if it is no trace, [`CheckError::Problems`] if viewers would lose
/// something.
pub fn check(bytes: &[u8]) -> Result<Contents, CheckError> {
    let mut checker = Checker::default();
    for event in events(bytes, &mut checker.contents.cut_off)? {
        checker.event(&event);
    }
    checker.nesting();
    checker.names();
    checker.arrows();
    checker.sums();
    if checker.problems.is_empty() {
        Ok(checker.contents)
    } else {
        Err(CheckError::Problems(checker.problems))
    }
}

fn events(bytes: &[u8], cut_off: &mut bool) -> Result<Vec<Value>, CheckError> {
    let unreadable = |error: &dyn std::fmt::Display| CheckError::Unreadable(error.to_string());
    let mut text = String::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::GzDecoder::new(bytes)
            .read_to_string(&mut text)
            .map_err(|error| unreadable(&error))?;
    } else {
        let whole = match std::str::from_utf8(bytes) {
            Ok(whole) => whole,
            // Cut off inside a character.
            Err(error) if error.error_len().is_none() => {
                std::str::from_utf8(&bytes[..error.valid_up_to()])
                    .map_err(|error| unreadable(&error))?
            }
            Err(error) => return Err(unreadable(&error)),
        };
        whole.clone_into(&mut text);
    }
    if let Ok(events) = serde_json::from_str(&text) {
        return Ok(events);
    }
    // Cut off: the lines that are whole.
    *cut_off = true;
    let start = &text[..text.len().min(1)];
    let whole = text.rfind(",\n").map_or(start, |end| &text[..end]);
    serde_json::from_str(&format!("{whole}\n]")).map_err(|error| unreadable(&error))
}

impl Checker {
    fn say(&mut self, problem: String) {
        self.problems.push(problem);
    }

    fn event(&mut self, event: &Value) {
        let name = event["name"].as_str().unwrap_or_default().to_owned();
        let phase = event["ph"].as_str().unwrap_or_default();
        let Some(pid) = event["pid"].as_u64() else {
            return self.say(format!("an event without a process: {event}"));
        };
        let track = (pid, event["tid"].as_u64().unwrap_or(0));
        if phase == "M" {
            return self.metadata(track, &name, &event["args"]);
        }
        let Some(at) = event["ts"].as_u64() else {
            return self.say(format!("the time is not a whole number: {event}"));
        };
        match phase {
            "X" => match event["dur"].as_u64() {
                Some(length) if length > 0 => {
                    self.count(track, &event["args"]);
                    self.slice(track, name, at, length);
                }
                _ => self.say(format!(
                    "the length is not a whole positive number: {event}"
                )),
            },
            "C" => {
                let problem = self.counters.sample(pid, &name, at, &event["args"]);
                self.problems.extend(problem);
            }
            "i" => self.instants.push(track),
            "s" | "f" => self.flow(track, usize::from(phase == "f"), at, event),
            _ => self.say(format!("an event of an unexpected kind: {event}")),
        }
    }

    fn metadata(&mut self, track: Track, kind: &str, args: &Value) {
        let name = args["name"].as_str().unwrap_or_default().to_owned();
        match kind {
            "process_name" => {
                self.processes.insert(track.0, name);
            }
            "thread_name" => {
                self.contents.tracks.insert(name.clone());
                self.threads.insert(track, name);
            }
            "otherData" => {
                self.counters.set_clock(&args["clock_hz_fraction"]);
                self.contents.other_data = args.clone();
            }
            "summary" => self.contents.summary = args.clone(),
            _ => {}
        }
    }

    fn slice(&mut self, track: Track, name: String, from: u64, length: u64) {
        let family = family(&name);
        let (count, cycles) = self.contents.slices.entry(family).or_default();
        *count += 1;
        *cycles += length;
        self.slices.entry(track).or_default().push(Slice {
            from,
            to: from + length,
            name,
        });
    }

    /// Adds up what tiles did: slices that say so.
    fn count(&mut self, track: Track, args: &Value) {
        let done = ["macs", "bytes"].map(|what| args[what].as_u64());
        if let [Some(macs), Some(bytes)] = done {
            let sums = self.tiles.entry(track).or_default();
            sums[0] += u128::from(macs);
            sums[1] += u128::from(bytes);
        }
    }

    /// Counters begin and end together, and add up to what the tiles did if the trace has them all.
    fn sums(&mut self) {
        self.contents.counters = self.counters.samples();
        self.contents.peaks = self.counters.peaks();
        self.contents.totals = self.counters.totals();
        if self.contents.cut_off {
            return;
        }
        self.problems.extend(self.counters.ends());
        let summary = &self.contents.summary;
        let left_out = summary["left_out"]["tiles"].as_u64();
        if left_out != Some(0) || !self.contents.other_data["window"].is_null() {
            return;
        }
        let instants = summary["tiles_without_length"] != 0;
        let problems = self.counters.compare(&self.tiles, &self.threads, instants);
        self.problems.extend(problems);
    }

    fn flow(&mut self, track: Track, end: usize, at: u64, event: &Value) {
        let Some(id) = event["id"].as_u64() else {
            return self.say(format!("a flow without a number: {event}"));
        };
        let ends = self.flows.entry(id).or_default();
        if ends[end].replace((track, at)).is_some() {
            self.say(format!("flow {id} has an end twice"));
        }
    }

    /// On each track, every slice lies inside the one that is open, or after it. Of slices that
    /// start together, some viewers take the longest for the parent, others the first in the file:
    /// it must be the same one.
    fn nesting(&mut self) {
        for (track, slices) in &mut self.slices {
            slices.sort_by_key(|slice| slice.from);
            let mut open: Vec<&Slice> = Vec::new();
            for slice in slices.iter() {
                while open.last().is_some_and(|outer| outer.to <= slice.from) {
                    open.pop();
                }
                if let Some(outer) = open.last()
                    && slice.to > outer.to
                {
                    self.problems.push(format!(
                        "on track {track:?}, {} {}..{} overlaps {} {}..{}",
                        slice.name, slice.from, slice.to, outer.name, outer.from, outer.to
                    ));
                }
                open.push(slice);
            }
        }
    }

    /// Every track has a name, every process too, and no track number is a process number.
    fn names(&mut self) {
        let used: BTreeSet<Track> = self.slices.keys().chain(&self.instants).copied().collect();
        for track in used {
            if !self.threads.contains_key(&track) {
                self.say(format!("track {track:?} has no name"));
            }
        }
        let pids = self.threads.keys().map(|(pid, _)| *pid);
        let pids: BTreeSet<u64> = pids.chain(self.counters.processes()).collect();
        for pid in pids {
            if !self.processes.contains_key(&pid) {
                self.say(format!("process {pid} has no name"));
            }
        }
        let tids: Vec<u64> = self.threads.keys().map(|(_, tid)| *tid).collect();
        for tid in &tids {
            if self.processes.contains_key(tid) {
                self.say(format!("track number {tid} is also a process number"));
            }
        }
        if tids.iter().collect::<BTreeSet<_>>().len() < tids.len() {
            self.say("a track number stands for two tracks".to_owned());
        }
    }

    /// Every flow has both ends, each in a slice, the first not after the second. Of a trace that
    /// was cut off the slices may be missing.
    fn arrows(&mut self) {
        let mut problems = Vec::new();
        for (id, ends) in &self.flows {
            let [Some(start), Some(end)] = ends else {
                problems.push(format!("flow {id} has one end"));
                continue;
            };
            self.contents.flows += 1;
            if start.1 > end.1 {
                problems.push(format!("flow {id} goes back in time"));
            }
            for (track, at) in [start, end] {
                let slices = self.slices.get(track).map_or(&[][..], Vec::as_slice);
                let before = slices.partition_point(|slice| slice.from <= *at);
                let inside = slices[..before].iter().rev().any(|slice| slice.to > *at);
                if !inside && !self.contents.cut_off {
                    problems.push(format!("flow {id} has no slice at {at} on {track:?}"));
                }
            }
        }
        self.problems.extend(problems);
    }
}

/// Tiles and layers are numbered; they count as one name.
fn family(name: &str) -> String {
    let mut family = String::with_capacity(name.len());
    for character in name.chars() {
        if !character.is_ascii_digit() {
            family.push(character);
        } else if !family.ends_with('#') {
            family.push('#');
        }
    }
    family
}
