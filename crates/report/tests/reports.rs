//! Reports of small runs.

// The random in-order machine that attribution is tested with.
#[path = "../../attribution/tests/ledger/toy.rs"]
mod toy;

use attribution::Ledger;
use proptest::prelude::*;
use quantities::Cycle;
use report::{Style, to_json, to_text};
use serde_json::Value;
use simulator::{RunRecord, Simulation, read_machine, read_workload};
use tile_program::UnitId;
use toy::{Draw, LOAD, Ran, STORE};

/// A run of a machine whose units are those of the toy; the second array's timing is given.
fn run_with(timing: &str) -> RunRecord {
    let array = |name: &str, element: &str, more: &str| {
        format!(
            "(name: \"{name}\", element: {element}, rows: 64, columns: 64, \
             dataflow: WeightStationary, {more})"
        )
    };
    let pad = "(capacity: KiB(512), banks: 8, port: Bytes(64))";
    let machine = format!(
        "Machine(name: \"toy\", clock: MHz(500), arrays: [{}, {}], vector: (lanes: 64), \
         dma: (requests_in_flight: 8, request: KiB(8)), \
         scratchpads: (activations: {pad}, weights: {pad}, outputs: {pad}), \
         memory: Dram(standard: \"DDR4-3200AA\", channels: 4, map: \"rorabachbgco\"))",
        array(
            "array0",
            "Ternary(activation: Int8)",
            "serves: [Projection]"
        ),
        array(
            "array1",
            "Int8()",
            &format!("serves: [Attention], timing: {timing}")
        ),
    );
    let workload = "Workload(model: Variant(of: \"gpt2-124m\", layers: 1), run: Decode(context: 64), \
                    operators: Blocks, precision: (projection: Ternary(packing: TwoBits), \
                    attention: Int8, kv_cache: Int8))";
    let machine = read_machine("toy", machine).unwrap();
    let workload = read_workload("sample", workload).unwrap();
    let compiled = Simulation::new(machine).unwrap().workload(workload);
    compiled.unwrap().named("sample").run().unwrap()
}

/// The same, its cycles those of a run of the toy.
fn report(ran: &[Ran]) -> RunRecord {
    let end = ran.iter().map(|ran| ran.end).max().unwrap_or_default();
    let mut ledger = Ledger::new(&toy::platform());
    toy::tell(ran, end, &mut ledger);
    RunRecord {
        summary: ledger.summary(),
        ..base().clone()
    }
}

/// Run once, for all cases of a property.
fn base() -> &'static RunRecord {
    static BASE: std::sync::OnceLock<RunRecord> = std::sync::OnceLock::new();
    BASE.get_or_init(|| run_with("Overlapped"))
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

fn json_of(run: &RunRecord) -> Value {
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
    assert_eq!(run_with("Overlapped").convention(), "Overlapped");
    let run = run_with("Serial");
    assert_eq!(run.convention(), "array0: Overlapped, array1: Serial");
    assert_eq!(json_of(&run)["arrays"][1]["convention"], "Serial");
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
