//! Reports of small runs.

// The random in-order machine that attribution is tested with.
#[path = "../../attribution/tests/ledger/toy.rs"]
mod toy;

use attribution::Ledger;
use proptest::prelude::*;
use quantities::{Bytes, Cycle, Frequency};
use report::{
    ArrayFacts, ChannelCycles, DramFacts, ModelFacts, Run, ScratchpadFacts, Style, to_json, to_text,
};
use serde_json::{Value, json};
use tile_program::UnitId;
use toy::{Draw, LOAD, Ran, STORE};

fn report(ran: &[Ran]) -> Run {
    let end = ran.iter().map(|ran| ran.end).max().unwrap_or_default();
    let mut ledger = Ledger::new(&toy::platform());
    toy::tell(ran, end, &mut ledger);
    let array = |unit| ArrayFacts {
        unit: UnitId(unit),
        rows: 64,
        columns: 64,
        element: "Ternary".into(),
        dataflow: "WeightStationary".into(),
        convention: "Overlapped".into(),
        peak_macs_per_cycle: 4096.0,
    };
    let pad = |name: &str| ScratchpadFacts {
        name: name.into(),
        capacity: (name == "weights").then_some(Bytes(524_288)),
        peak: Bytes(131_072),
        filled: Bytes(4_200_000),
        drained: Bytes(0),
        read: Bytes(4096),
        written: Bytes(0),
    };
    Run {
        machine: "toy".into(),
        workload: "sample".into(),
        model: ModelFacts {
            name: "some".into(),
            parameters: Some(6_738_415_616),
            shape: "some: 32 layers, width 4096, 32 heads (32 KV) of 128, FFN 11008, vocabulary 32000, \
                    6.74 G parameters"
                .into(),
            formats: "projections BF16, attention BF16".into(),
            warnings: vec!["config.json: wibble: a key that is not known and not read".into()],
        },
        clock: Frequency::from_megahertz(500).unwrap(),
        tokens: Some(1),
        weights: report::WeightFacts {
            format: "ternary (1.6 bits)".into(),
            tenths_of_a_bit: 16,
            are_matmul_free: true,
        },
        summary: ledger.summary(),
        arrays: vec![array(0), array(1)],
        dram: DramFacts {
            name: "LPDDR5-6400 x4".into(),
            channels: 4,
            peak_bytes_per_second: 51.2e9,
            reads: 1000,
            writes: 10,
            bus_bytes: 64_640,
            activates: 30,
            precharges: 29,
            refreshes: 2,
            row_hits: 980,
            row_misses: 30,
            clock_hz: 8e8,
            channel_cycles: vec![ChannelCycles {
                bandwidth: 900,
                refresh: 60,
                idle: 40,
                ..ChannelCycles::default()
            }],
            channel_bus_bytes: vec![32_320, 16_160, 16_160, 0],
            energy_pj: Some(1.25e9),
        },
        system: report::SystemFacts::default(),
        kept_weights: report::KeptFacts::default(),
        serial: Vec::new(),
        port_bytes_per_cycle: [256.0; 3],
        scratchpads: ["activations", "weights", "outputs"].map(pad).into(),
        energy: None,
        config: json!({"hardware": {"name": "toy"}, "workload": {"model": "sample"}}),
    }
}

/// Two layers' worth of loads, tiles on both arrays, vector work and stores.
fn sample() -> Vec<Ran> {
    let mut draws = Vec::new();
    let mut draw = |unit: UnitId, class, parts: &[(usize, u64)], waits: &[(usize, bool)]| {
        draws.push(Draw {
            unit: unit.0,
            class,
            arrives: 0,
            parts: parts.to_vec(),
            waits: waits.to_vec(),
        });
    };
    for _ in 0..6 {
        draw(LOAD, 0, &[(1, 24), (2, 16), (0, 310)], &[]);
        draw(UnitId(0), 0, &[(1, 63), (2, 220), (5, 64)], &[(1, true)]);
        draw(LOAD, 1, &[(1, 24), (0, 200), (3, 90), (4, 9)], &[]);
        draw(
            UnitId(1),
            1,
            &[(1, 15), (2, 400), (4, 12), (5, 31)],
            &[(1, true), (2, true)],
        );
        draw(toy::VECTOR, 2, &[(2, 130)], &[(1, true)]);
        draw(STORE, 3, &[(1, 20), (0, 64)], &[(1, true)]);
    }
    toy::run(&draws)
}

fn json_of(run: &Run) -> Value {
    serde_json::from_str(&to_json(run)).unwrap()
}

fn sum(cells: &Value) -> u64 {
    let cells = cells.as_array().unwrap().iter();
    cells.map(|cell| cell["cycles"].as_u64().unwrap()).sum()
}

/// Compares with a file; `BLESS=1` writes it.
fn golden(name: &str, text: &str) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&path).unwrap(), "{name}");
}

#[test]
fn the_text_of_a_run_is_as_it_was() {
    golden("report.txt", &to_text(&report(&sample()), Style::Plain));
}

#[test]
fn the_json_document_of_a_run_is_as_it_was() {
    golden("report.json", &to_json(&report(&sample())));
}

#[test]
fn colours_are_for_terminals() {
    let run = report(&sample());
    let (plain, terminal) = (to_text(&run, Style::Plain), to_text(&run, Style::Terminal));
    assert!(!plain.contains('\u{1b}'));
    assert_ne!(plain, terminal);
    let stripped = terminal.replace("\u{1b}[1m", "").replace("\u{1b}[0m", "");
    assert_eq!(stripped, plain);
}

#[test]
fn without_anything_but_matmul_free_work_there_is_no_ceiling() {
    let draws = [Draw {
        unit: 0,
        class: 0,
        arrives: 0,
        parts: vec![(2, 5)],
        waits: vec![],
    }];
    let run = report(&toy::run(&draws));
    let document = json_of(&run);
    assert_eq!(document["amdahl"]["fraction"], 1.0);
    assert!(document["amdahl"]["ceiling"].is_null());
    let text = to_text(&run, Style::Plain);
    let law = text.lines().find(|line| line.contains("by the law"));
    assert!(law.is_some_and(|law| law.ends_with('∞')), "{text}");
}

#[test]
fn an_empty_run_is_reported_without_a_division_by_zero() {
    let run = report(&[]);
    let document = json_of(&run);
    assert_eq!(document["total_cycles"], 0);
    assert!(document["tokens_per_second"].is_null());
    let text = to_text(&run, Style::Plain);
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
}

#[test]
fn arrays_of_different_conventions_are_told_apart() {
    let mut run = report(&sample());
    assert_eq!(run.convention(), "Overlapped");
    run.arrays[1].convention = "Serial".into();
    assert_eq!(run.convention(), "array0: Overlapped, array1: Serial");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_account_in_the_document_sums_to_the_makespan(draws in toy::draws()) {
        let run = report(&toy::run(&draws));
        let document = json_of(&run);
        // MatMul-free cycles by what would shorten them, and faster arrays within the law.
        let (law, faster) = (run.amdahl(), run.faster_arrays());
        prop_assert_eq!(
            faster.array_cycles + faster.memory_cycles + faster.other_cycles,
            law.reachable
        );
        let mut last = 1.0;
        for s in [1.0, 2.0, 16.0, f64::INFINITY] {
            let s = attribution::Speedup::new(s).unwrap();
            let estimate = faster.estimate(s);
            prop_assert!(last <= estimate && estimate <= law.law(s) * (1.0 + 1e-12), "{:?}", faster);
            last = estimate;
        }
        let total = document["total_cycles"].as_u64().unwrap();
        prop_assert_eq!(sum(&document["makespan"]), total);
        for unit in document["units"].as_array().unwrap() {
            let cycles = unit["cycles"].as_object().unwrap().values();
            prop_assert_eq!(cycles.map(|cycles| cycles.as_u64().unwrap()).sum::<u64>(), total);
            prop_assert_eq!(sum(&unit["by_class"]), total);
        }
        let operations = document["operations"].as_array().unwrap();
        prop_assert_eq!(operations.len(), 4);
        let end = Cycle(total).since(Cycle::ZERO);
        prop_assert_eq!(run.summary.total, end);
    }

    #[test]
    fn reports_fit_a_hundred_columns(draws in toy::draws()) {
        let text = to_text(&report(&toy::run(&draws)), Style::Plain);
        for line in text.lines() {
            prop_assert!(line.chars().count() <= 100, "{}", line);
        }
    }
}
