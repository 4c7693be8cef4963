//! Traces of real runs: their counters add up to what the run did, at any budget.

use std::collections::BTreeMap;

use accelerator::{Machine, RunOptions};
use chrome_trace::check::check;
use chrome_trace::{TraceOptions, TraceSummary, TraceWriter, count_instructions};
use proptest::prelude::*;
use quantities::{Bytes, Cycle};
use tile_program::{Busy, CoreId, Observer, Platform, ScratchpadId, UnitId};
use workload_compiler::{CompiledProgram, compile};

use crate::support::{machine, workload};

/// Adds up what counters should show.
struct Totals<'a> {
    platform: &'a Platform,
    units: BTreeMap<UnitId, u128>,
    held: BTreeMap<(CoreId, ScratchpadId), (u64, Cycle)>,
    spent: BTreeMap<(CoreId, ScratchpadId), u128>,
}

impl<'a> Totals<'a> {
    fn new(platform: &'a Platform) -> Self {
        Self {
            platform,
            units: BTreeMap::new(),
            held: BTreeMap::new(),
            spent: BTreeMap::new(),
        }
    }

    /// By the names of the counters.
    fn by_name(&self) -> BTreeMap<String, u128> {
        let mut totals = BTreeMap::new();
        for core in &self.platform.cores {
            let prefix = &core.prefix;
            let mut units = vec![(core.load, "dram read"), (core.store, "dram write")];
            units.extend(
                core.arrays
                    .iter()
                    .map(|array| (array.unit, array.name.as_str())),
            );
            units.extend(core.receive.map(|unit| (unit, "received")));
            for (unit, name) in units {
                let total = self.units.get(&unit).copied().unwrap_or_default();
                totals.insert(format!("{prefix}{name}"), total);
            }
            for pad in ScratchpadId::ALL {
                let spent = self.spent.get(&(core.core, pad)).copied();
                let name = format!("{prefix}sram {}", pad.name());
                totals.insert(name, spent.unwrap_or_default());
            }
        }
        totals
    }
}

impl Observer for Totals<'_> {
    fn busy(&mut self, busy: &Busy<'_>) {
        // No unit both computes and moves bytes.
        let done = busy.macs.max(busy.bytes.get());
        *self.units.entry(busy.unit).or_default() += u128::from(done);
    }

    fn occupancy(&mut self, core: CoreId, pad: ScratchpadId, at: Cycle, bytes: Bytes) {
        let held = self.held.insert((core, pad), (bytes.get(), at));
        let (held, since) = held.unwrap_or_default();
        let spent = u128::from(held) * u128::from(at.since(since).get());
        *self.spent.entry((core, pad)).or_default() += spent;
    }

    fn end(&mut self, end: Cycle) {
        for ((core, pad), (held, _)) in self.held.clone() {
            self.occupancy(core, pad, end, Bytes(held));
        }
    }
}

/// Two arrays on each core, the first with a clock of its own in MHz.
fn machine_text(clock: u64, (chips, cores): (u64, u64), memory: &str) -> String {
    let link = match chips {
        1 => "",
        _ => "link: (bandwidth: GBps(10), latency: Ns(100)),",
    };
    format!(
        r#"Machine(
            name: "traced", clock: MHz(500),
            arrays: [
                (name: "ternary", element: Ternary(), rows: 16, columns: 16, clock: MHz({clock}),
                 dataflow: WeightStationary, serves: [Projection],
                 unpack: (weights_per_cycle: 64)),
                (name: "bf16", element: Bf16(), rows: 4, columns: 16,
                 dataflow: OutputStationary, serves: [Attention, LmHead]),
            ],
            vector: (lanes: 16),
            scratchpads: (
                activations: (capacity: KiB(32), port: Bytes(8)),
                weights: (capacity: KiB(32), port: Bytes(8)),
                outputs: (capacity: KiB(32), port: Bytes(8)),
            ),
            memory: {memory}, cores: [(count: {cores})], chips: {chips}, {link}
        )"#
    )
}

fn workload_text(layers: u64, run: &str) -> String {
    format!(
        r#"Workload(
            model: Variant(of: "llama-7b", layers: {layers}, d_model: 128, n_heads: 4, d_ff: 192,
                           vocab: 300),
            run: {run}, precision: (projection: Ternary(packing: FiveTritsPerByte)),
        )"#
    )
}

/// A machine, and a program for it.
struct Job {
    machine: Machine,
    workload: String,
}

impl Job {
    fn new(machine_text: &str, workload: String) -> Self {
        Self {
            machine: machine(machine_text),
            workload,
        }
    }

    fn compiled(&self) -> CompiledProgram {
        let program = compile(workload(&self.workload), self.machine.platform());
        program.unwrap_or_else(|error| panic!("{error}"))
    }

    fn traced(&self, budget: u64, instructions: Option<u64>) -> Traced {
        let mut program = self.compiled();
        let platform = program.platform().clone();
        let machine = self.machine.clone().simulating(platform);
        let spec = machine.spec();
        let rate = machine.memory().peak_bytes_per_second();
        let options = TraceOptions {
            event_budget: budget,
            instructions,
            memory_bytes_per_second: rate.map(|rate| rate as u64),
            ..TraceOptions::new(&spec.name, "random", spec.clock)
        };
        let writer = TraceWriter::new(Vec::new(), machine.platform(), &options);
        let totals = Totals::new(machine.platform());
        let run = RunOptions {
            cycle_limit: None,
            progress: &mut |_| (),
        };
        let (outcome, (writer, totals)) = machine
            .run(&mut program, (writer, totals), run)
            .unwrap_or_else(|error| panic!("{error}"));
        let (bytes, summary) = writer.finish().expect("a vector takes all");
        Traced {
            bytes,
            summary,
            totals: totals.by_name(),
            end: outcome.total.get(),
            instructions: outcome.instructions,
        }
    }
}

/// A run that was traced.
struct Traced {
    bytes: Vec<u8>,
    summary: TraceSummary,
    /// What the counters should add up to.
    totals: BTreeMap<String, u128>,
    end: u64,
    instructions: u64,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn counters_of_a_run_add_up_to_what_it_did(
        clock in prop::sample::select(vec![500u64, 333, 700]),
        several in prop::sample::select(vec![(1u64, 1u64), (1, 1), (1, 2), (2, 1)]),
        memory in prop::sample::select(vec![
            "Ideal(bandwidth: MBps(2000), latency: Ns(80))",
            r#"Dram(standard: "LPDDR5-6400", channels: 2)"#,
        ]),
        run in prop::sample::select(vec![
            "Decode(context: 40)", "Prefill(tokens: 9)", "Generate(prompt: 5, tokens: 2)",
        ]),
        budget in prop::sample::select(vec![100u64, 2_000, 500_000]),
    ) {
        let job = Job::new(&machine_text(clock, several, memory), workload_text(1, run));
        let traced = job.traced(budget, Some(1_000));
        let contents = check(&traced.bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&contents.totals, &traced.totals);
        prop_assert!(budget < 500_000 || traced.summary.left_out.is_nothing());
        // Nothing is held that does not fit.
        for (name, peak) in contents.peaks.iter().filter(|(name, _)| name.contains("sram ")) {
            prop_assert!(*peak <= 32 * 1024 * 1000, "{} {}", name, peak);
        }
        let counted = count_instructions(&mut job.compiled(), u64::MAX);
        prop_assert_eq!(counted, traced.instructions);
        let estimated = count_instructions(&mut job.compiled(), counted / 2);
        prop_assert!((counted / 2..counted * 2).contains(&estimated), "{estimated} of {counted}");
    }
}

/// Every part of a run has phases, the LM head at its end too, though the budget is a sixth of what
/// the run needs.
#[test]
fn phases_are_spread_over_a_run_that_needs_many_times_its_budget() {
    let memory = "Ideal(bandwidth: MBps(20000), latency: Ns(80))";
    let workload = workload_text(6, "Generate(prompt: 5, tokens: 6)");
    let job = Job::new(&machine_text(500, (1, 1), memory), workload);
    let all = job.traced(100_000_000, None).summary;
    assert!(all.left_out.is_nothing());
    let budget = all.events / 6;
    let instructions = count_instructions(&mut job.compiled(), u64::MAX);
    let traced = job.traced(budget, Some(instructions));
    let summary = traced.summary;
    assert!(summary.events <= budget + 100, "{summary}");
    assert!(summary.events >= budget * 7 / 10, "{summary}");
    assert_eq!(summary.tiles + summary.left_out.tiles, all.tiles);
    let mut phases = [0_u64; 20];
    let events: Vec<serde_json::Value> = serde_json::from_slice(&traced.bytes).expect("JSON");
    for event in events.iter().filter(|event| event["ph"] == "X") {
        let (name, at) = (event["name"].as_str(), event["ts"].as_u64());
        if matches!(name, Some("compute" | "weight_load")) {
            let twentieth = at.expect("a cycle") * 20 / traced.end;
            phases[usize::try_from(twentieth).expect("one of 20")] += 1;
        }
    }
    assert!(phases.iter().all(|count| *count > 0), "{phases:?}");
}
