//! Traces of random runs, seen through the checker.

// The random in-order machine that attribution is tested with.
#[path = "../../attribution/tests/ledger/toy.rs"]
mod toy;

use std::io::{self, Write};

use chrome_trace::check::{CheckError, Contents, check};
use chrome_trace::{Encoding, LeftOut, TraceOptions, TraceSummary, TraceWriter};
use proptest::prelude::*;
use quantities::{Cycle, Frequency};
use tile_program::{Busy, Cause, Observer, Operation, Waiting};
use toy::{LOAD, Ran};

fn options() -> TraceOptions {
    let clock = Frequency::from_megahertz(500).unwrap();
    TraceOptions::new("toy \"machine\"", "random", clock)
}

fn trace(ran: &[Ran], options: &TraceOptions) -> (Vec<u8>, TraceSummary) {
    let mut writer = TraceWriter::new(Vec::new(), &toy::platform(), options);
    toy::tell(ran, end_of(ran), &mut writer);
    writer.finish().unwrap()
}

fn end_of(ran: &[Ran]) -> Cycle {
    ran.iter().map(|ran| ran.end).max().unwrap_or_default()
}

fn good(bytes: &[u8]) -> Contents {
    check(bytes).unwrap_or_else(|error| {
        let CheckError::Problems(problems) = error else {
            panic!("{error}");
        };
        panic!(
            "{}\n{}",
            problems.join("\n"),
            String::from_utf8_lossy(bytes)
        );
    })
}

/// Names of any characters, above all of those that mean something to JSON, terminals or readers of
/// lines.
fn name() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        '"',
        '\\',
        '/',
        '\0',
        '\n',
        '\r',
        '\t',
        '\u{1b}',
        '\u{7f}',
        '\u{85}',
        '\u{9b}',
        '\u{2028}',
        '\u{2029}',
        '\u{feff}',
        '{',
        '}',
        '[',
        ']',
        ',',
        '1',
        '\u{10ffff}',
    ]);
    prop::collection::vec(prop_oneof![special, any::<char>()], 0..12)
        .prop_map(|characters| characters.into_iter().collect())
}

/// What some reader takes for the end of a line.
fn is_end_of_line(character: char) -> bool {
    matches!(
        character,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Hands a run on with other names of its pass and of its operations.
struct Renamed<'a, O> {
    to: O,
    pass: &'a str,
    operations: &'a str,
}

impl<O: Observer> Observer for Renamed<'_, O> {
    fn pass(&mut self, _: &str, operations: &[Operation], at: Cycle) {
        let mut operations = operations.to_vec();
        for operation in &mut operations {
            operation.name.core = Some(self.operations.into());
        }
        self.to.pass(self.pass, &operations, at);
    }

    fn busy(&mut self, busy: &Busy<'_>) {
        self.to.busy(busy);
    }

    fn waiting(&mut self, waiting: &Waiting) {
        self.to.waiting(waiting);
    }

    fn end(&mut self, end: Cycle) {
        self.to.end(end);
    }
}

/// Cycles of the slices of one name.
fn cycles(contents: &Contents, name: &str) -> u64 {
    contents.slices.get(name).map_or(0, |(_, cycles)| *cycles)
}

proptest! {
    #[test]
    fn every_trace_satisfies_the_viewers(draws in toy::draws()) {
        let ran = toy::run(&draws);
        let (bytes, summary) = trace(&ran, &options());
        let contents = good(&bytes);
        prop_assert!(!contents.cut_off);
        prop_assert_eq!(contents.flows, summary.flows);
        prop_assert_eq!(&contents.other_data["clock_hz"], 500_000_000);
        prop_assert_eq!(&contents.other_data["time_unit"], "cycle");
        // All time of every unit is there: tiles, loads, stores and waits.
        let busy: u64 = ran.iter().map(|ran| ran.end.since(ran.start).get()).sum();
        let slices = ["tile #", "load #", "store #"];
        let recorded: u64 = slices.into_iter().map(|name| cycles(&contents, name)).sum();
        prop_assert_eq!(recorded, busy);
        let waited: u64 = ran.iter().map(|ran| ran.start.since(ran.at_hand).get()).sum();
        let waits = contents.slices.iter().filter(|(name, _)| name.starts_with("wait"));
        prop_assert_eq!(waits.map(|(_, (_, cycles))| *cycles).sum::<u64>(), waited);
    }

    #[test]
    fn a_window_holds_what_happens_in_it_and_nothing_else(
        draws in toy::draws(), from in 0..60u64, length in 1..60u64,
    ) {
        let ran = toy::run(&draws);
        let mut options = options();
        options.window = Some((Cycle(from), Cycle(from + length)));
        let (bytes, _) = trace(&ran, &options);
        let contents = good(&bytes);
        let busy: u64 = ran.iter().map(|ran| {
            let to = ran.end.min(Cycle(from + length));
            to.saturating_since(ran.start.max(Cycle(from))).get()
        }).sum();
        let slices = ["tile #", "load #", "store #"];
        let recorded: u64 = slices.into_iter().map(|name| cycles(&contents, name)).sum();
        prop_assert_eq!(recorded, busy);
    }

    #[test]
    fn a_small_budget_is_kept_and_what_is_missing_is_said(
        draws in toy::draws(), budget in 40..400u64,
    ) {
        let ran = toy::run(&draws);
        let mut options = options();
        options.event_budget = budget;
        let (bytes, summary) = trace(&ran, &options);
        let contents = good(&bytes);
        // A slice that is under way, the last values of the counters and the marks may come on top.
        prop_assert!(summary.events <= budget + 40, "{} events", summary.events);
        let left_out = summary.left_out;
        prop_assert_eq!(&contents.summary["left_out"]["tiles"], left_out.tiles);
        prop_assert_eq!(&contents.summary["left_out"]["waits"], left_out.waits);
        prop_assert_eq!(&contents.summary["left_out"]["operations"], left_out.operations);
        let (bytes, all) = trace(&ran, &self::options());
        let whole = good(&bytes);
        prop_assert_eq!(all.left_out, LeftOut::default());
        prop_assert_eq!(summary.tiles + left_out.tiles, all.tiles);
        if left_out.is_nothing() {
            prop_assert_eq!(whole.slices, contents.slices);
        } else {
            prop_assert!(contents.tracks.contains("left out"));
        }
        // However little is recorded, counters show all.
        prop_assert_eq!(whole.totals, contents.totals);
    }

    /// Names are data: whatever stands in them, each event is one line, and gives them back.
    #[test]
    fn names_are_data(draws in toy::draws(), names in prop::collection::vec(name(), 5)) {
        let ran = toy::run(&draws);
        let mut options = options();
        (options.machine, options.workload) = (names[0].clone(), names[1].clone());
        let mut platform = toy::platform();
        platform.cores[0].arrays[0].name.clone_from(&names[2]);
        let mut writer = Renamed {
            to: TraceWriter::new(Vec::new(), &platform, &options),
            pass: &names[3],
            operations: &names[4],
        };
        toy::tell(&ran, end_of(&ran), &mut writer);
        let (bytes, _) = writer.to.finish().unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        let lines: Vec<&str> = text.split(is_end_of_line).filter(|line| !line.is_empty()).collect();
        let mut told = std::collections::BTreeSet::new();
        for line in &lines[1..lines.len() - 1] {
            let event: serde_json::Value = serde_json::from_str(line.trim_end_matches(',')).unwrap();
            for name in [&event["name"], &event["args"]["name"]] {
                told.extend(name.as_str().map(str::to_owned));
            }
            if event["name"] == "otherData" {
                prop_assert_eq!(&event["args"]["machine"], &names[0]);
                prop_assert_eq!(&event["args"]["workload"], &names[1]);
            }
        }
        prop_assert!(told.contains(&names[2]));
        prop_assert!(end_of(&ran) == Cycle::ZERO || told.contains(&names[3]));
        let worked = ran.iter().any(|ran| ran.end > ran.start);
        let of_operation = |name: &String| {
            let name = name.strip_prefix(&names[4]);
            name.is_some_and(|name| name.starts_with("layers.0."))
        };
        prop_assert!(!worked || told.iter().any(of_operation));
    }

    #[test]
    fn a_trace_cut_off_anywhere_still_opens(draws in toy::draws(), cut in 0.0..1.0f64) {
        let ran = toy::run(&draws);
        let (bytes, _) = trace(&ran, &options());
        // What ends the file closes its list and its object; less than that is a trace cut off.
        let whole = bytes.trim_ascii_end().len();
        let length = (whole as f64 * cut) as usize;
        match check(&bytes[..length]) {
            Ok(contents) => prop_assert!(contents.cut_off),
            // Flows may have lost an end, tracks that come later their names.
            Err(CheckError::Problems(problems)) => {
                prop_assert!(problems.iter().all(|problem| !problem.contains("overlaps")));
            }
            Err(CheckError::Unreadable(error)) => prop_assert!(length == 0, "{error}"),
        }
    }
}

#[test]
fn a_compressed_trace_holds_the_same() {
    let ran = sample();
    let (plain, _) = trace(&ran, &options());
    let mut options = options();
    options.encoding = Encoding::Gzip;
    let (compressed, _) = trace(&ran, &options);
    assert_eq!(good(&compressed), good(&plain));
    assert!(compressed.starts_with(&[0x1f, 0x8b]));
}

/// Of a run that needs many times its budget, all parts have details, none is shown twice, and what
/// the trace does not hold is told.
#[test]
fn details_are_spread_over_the_whole_run() {
    let ran = fetched_tiles(20_000);
    let mut options = options();
    options.event_budget = 20_000;
    options.instructions = Some(ran.len() as u64);
    let (bytes, summary) = trace(&ran, &options);
    let contents = good(&bytes);
    assert!(summary.events <= options.event_budget + 40, "{summary}");
    assert!(summary.left_out.tiles > 10_000, "{summary}");
    assert_eq!(summary.tiles + summary.left_out.tiles, 40_000);
    assert_eq!(contents.summary["tiles"], summary.tiles);
    assert_eq!(contents.other_data["detail_parts"], 40);
    let end = end_of(&ran).get();
    let mut phases = [0_u64; 40];
    let mut missing = 0;
    let events: Vec<serde_json::Value> = serde_json::from_slice(&bytes).unwrap();
    for event in events.iter().filter(|event| event["ph"] == "X") {
        let at = event["ts"].as_u64().unwrap();
        match event["name"].as_str().unwrap() {
            "fill" | "compute" | "weight_load" | "dram_bandwidth" | "dram_latency" => {
                phases[usize::try_from(at * 40 / end).unwrap()] += 1;
            }
            "no phases" => missing += event["dur"].as_u64().unwrap(),
            _ => {}
        }
    }
    assert!(phases.iter().all(|count| *count > 20), "{phases:?}");
    assert!((end / 2..end).contains(&missing), "{missing} of {end}");
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let ran = sample();
    assert_eq!(trace(&ran, &options()), trace(&ran, &options()));
}

#[test]
fn fetches_lead_to_the_tiles_that_use_them() {
    let (bytes, summary) = trace(&sample(), &options());
    assert!(summary.flows > 0);
    assert_eq!(good(&bytes).flows, summary.flows);
}

/// A load and the tile that uses it, a few times over.
fn sample() -> Vec<Ran> {
    fetched_tiles(40)
}

/// A load and the tile that uses it, so many times over.
fn fetched_tiles(count: usize) -> Vec<Ran> {
    let mut draws = Vec::new();
    for _ in 0..count {
        for (unit, waits) in [(LOAD.0, vec![]), (0, vec![(1, true)])] {
            draws.push(toy::Draw {
                unit,
                class: 0,
                arrives: 0,
                parts: vec![(0, 3), (1, 5), (2, 2)],
                waits,
            });
        }
    }
    toy::run(&draws)
}

/// A disk with room for so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.0 {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left"));
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_at_the_end_and_no_panic() {
    for (room, encoding) in [
        (0, Encoding::Plain),
        (100_000, Encoding::Plain),
        (0, Encoding::Gzip),
    ] {
        let mut options = options();
        options.encoding = encoding;
        let mut writer = TraceWriter::new(Full(room), &toy::platform(), &options);
        let ran = fetched_tiles(1_000);
        toy::tell(&ran, end_of(&ran), &mut writer);
        let error = writer.finish().map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}

#[test]
fn an_operation_of_one_tile_stays_its_parent() {
    let mut writer = TraceWriter::new(Vec::new(), &toy::platform(), &options());
    writer.pass("pass", &toy::operations(), Cycle(0));
    writer.busy(&Busy {
        unit: toy::VECTOR,
        operation: tile_program::OperationId(2),
        tile: 0,
        from: Cycle(0),
        to: Cycle(9),
        parts: &[(Cause::Compute, quantities::Cycles(9))],
        macs: 0,
        bytes: quantities::Bytes(0),
    });
    writer.waiting(&Waiting {
        unit: toy::VECTOR,
        operation: None,
        from: Cycle(9),
        to: Cycle(12),
        on: None,
    });
    writer.end(Cycle(12));
    let (bytes, _) = writer.finish().unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let place = |name: &str| text.find(&format!(r#""name":"{name}""#)).unwrap();
    // Of slices that begin and end together, viewers take the first in the file as the parent. A
    // phase as long as its tile is left out.
    assert!(place("layers.0.vector") < place("tile 0"));
    assert!(!text.contains(r#""name":"compute""#));
}

/// Checks events on a track that is named.
fn check_events(events: &[String]) -> Result<Contents, String> {
    let named = r#"{"ph":"M","name":"process_name","pid":1,"args":{"name":"p"}},
        {"ph":"M","name":"thread_name","pid":1,"tid":100,"args":{"name":"t"}},"#;
    let text = format!("[{named}\n{}]", events.join(",\n"));
    check(text.as_bytes()).map_err(|error| error.to_string())
}

fn slice_event(from: &str, length: &str) -> String {
    format!(r#"{{"ph":"X","name":"a","pid":1,"tid":100,"ts":{from},"dur":{length}}}"#)
}

fn counter_event(name: &str, series: &str, at: u64, value: &str) -> String {
    format!(r#"{{"ph":"C","name":"{name}","pid":1,"ts":{at},"args":{{"{series}":{value}}}}}"#)
}

#[test]
fn the_checker_refuses_what_viewers_lose() {
    let slice = slice_event;
    let flow = |phase: &str, at: u64| {
        format!(r#"{{"ph":"{phase}","name":"f","cat":"c","id":1,"pid":1,"tid":100,"ts":{at}}}"#)
    };
    assert!(check_events(&[slice("0", "5"), slice("5", "5")]).is_ok());
    let refused = [
        (vec![slice("0", "5"), slice("4", "5")], "overlaps"),
        (vec![slice("0", "4"), slice("0", "5")], "overlaps"),
        (vec![slice("0.5", "5")], "not a whole number"),
        (vec![slice("0", "5.5")], "not a whole positive"),
        (vec![slice("0", "0")], "not a whole positive"),
        (vec![slice("0", "5"), flow("s", 1)], "one end"),
        (
            vec![slice("0", "5"), flow("s", 4), flow("f", 1)],
            "back in time",
        ),
        (
            vec![slice("0", "5"), flow("s", 1), flow("f", 9)],
            "no slice",
        ),
        (vec![slice("0", "5").replace("100", "7")], "has no name"),
        (
            vec![slice("0", "5").replace("\"X\"", "\"Q\"")],
            "unexpected kind",
        ),
    ];
    for (events, problem) in refused {
        let error = check_events(&events).unwrap_err();
        assert!(error.contains(problem), "{error} instead of {problem}");
    }
    assert!(check(b"{\"traceEvents\": 5}").is_err());
    assert!(check(b"\xff\xfe").is_err());
}

#[test]
fn the_checker_refuses_counters_that_show_what_was_not() {
    // An array that does 50 MACs in 5 cycles, and is idle for 5; and bytes that stay.
    let tile = slice_event("0", "5").replace('}', r#","args":{"macs":50,"bytes":0}}"#);
    let summary = r#"{"ph":"M","name":"summary","pid":1,"args":{"tiles_without_length":0,"left_out":{"tiles":0}}}"#;
    let check_samples = |macs: &[(u64, &str)], held: &[(u64, &str)]| {
        let counter = |name, series, samples: &[(u64, &str)]| -> Vec<String> {
            let event = |&(at, value): &(u64, &str)| counter_event(name, series, at, value);
            samples.iter().map(event).collect()
        };
        let macs = counter("t", "useful MACs/cycle", macs);
        let held = counter("sram", "bytes held", held);
        let rest = vec![tile.clone(), summary.to_owned()];
        check_events(&[rest, macs, held].concat())
    };
    let held = [(0, "0"), (3, "64"), (10, "64")];
    let exact = check_samples(&[(0, "10"), (5, "0"), (10, "0")], &held).unwrap();
    assert_eq!((exact.totals["t"], exact.totals["sram"]), (50, 448));
    let coarse = check_samples(&[(0, "5"), (10, "0")], &held).unwrap();
    assert_eq!(coarse.totals, exact.totals);
    let refused: [(&[(u64, &str)], &str); 7] = [
        (
            &[(0, "10"), (10, "0")],
            "adds up to 100, the tiles of t to [50]",
        ),
        (&[(0, "10"), (4, "0"), (10, "0")], "adds up to 40"),
        (&[(0, "5"), (10, "5")], "does not end at 0"),
        (&[(1, "5"), (10, "0")], "begins at 1, later"),
        (&[(0, "10"), (5, "0")], "ends at 5, before"),
        (&[(0, "10"), (0, "10"), (10, "0")], "back in time"),
        (&[(0, "-10"), (10, "0")], "does not have one number"),
    ];
    for (macs, problem) in refused {
        let told = check_samples(macs, &held).unwrap_err();
        assert!(told.contains(problem), "{told} instead of {problem}");
    }
}
