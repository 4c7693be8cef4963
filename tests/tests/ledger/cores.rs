//! Several cores and chips: what simulating one of those that do the same leaves out, what goes
//! over links, and what more of them buy.

use accelerator::{Machine, Outcome, RunOptions};
use attribution::{Ledger, Summary};
use proptest::prelude::*;
use tile_program::{Cause, Operator};
use workload_compiler::{CompileError, compile, compile_every_chip};

use crate::support::{machine, workload};

/// The sums that cores of a layer exchange.
const ALL_REDUCES: [Operator; 2] = [Operator::AttentionAllReduce, Operator::FeedForwardAllReduce];

/// A chip with cores, and others like it.
fn machine_of(chips: u64, cores: u64, link: &str, memory: &str, kib: u64) -> Machine {
    machine(&format!(
        r#"Machine(
            name: "several", clock: MHz(500),
            arrays: [
                (name: "ternary", element: Ternary(activation: Int8, accumulator: Int24), rows: 16,
                 columns: 16, dataflow: WeightStationary, serves: [Projection]),
                (name: "bf16", element: Bf16(accumulator: Fp32), rows: 8, columns: 8,
                 dataflow: WeightStationary, serves: [Attention, LmHead]),
            ],
            vector: (lanes: 16),
            scratchpads: (activations: (capacity: KiB({kib})), weights: (capacity: KiB({kib})),
                          outputs: (capacity: KiB({kib}))),
            memory: {memory},
            cores: [(count: {cores})], chips: {chips}, link: ({link}),
        )"#
    ))
}

fn workload_of(run: &str, batch: u64, split: &str) -> String {
    format!(
        r#"Workload(
            model: Variant(of: "bitnet-b1.58-2b-4t", name: "small", layers: 2, d_model: 192,
                           n_heads: 12, n_kv_heads: 12, head_dim: 16, d_ff: 384, vocab: 500),
            run: {run}, batch: {batch}, split: ({split}),
        )"#
    )
}

/// A run on the chips that differ, or on every chip; how many each stands for.
fn run(machine: &Machine, text: &str, every_chip: bool) -> Option<(Summary, Outcome, u64)> {
    let compile = if every_chip {
        compile_every_chip
    } else {
        compile
    };
    let mut program = match compile(workload(text), machine.platform()) {
        Ok(program) => program,
        Err(CompileError::TileDoesNotFit { .. }) => return None,
        Err(error) => panic!("{error}"),
    };
    let platform = program.platform().clone();
    let machine = machine.clone().simulating(platform);
    let options = RunOptions {
        cycle_limit: None,
        progress: &mut |_| (),
    };
    let ledger = Ledger::new(machine.platform());
    let (outcome, ledger) = machine
        .run(&mut program, ledger, options)
        .unwrap_or_else(|error| panic!("{error}"));
    Some((ledger.summary(), outcome, machine.platform().replicas))
}

const IDEAL: &str = "Ideal(bandwidth: GBps(50), latency: Ns(100))";
const DRAM: &str = r#"Dram(standard: "LPDDR5-6400", channels: 2)"#;

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Chips that are said to do the same in the same cycles do so when each is simulated:
    /// makespan, causes along the critical path, and every bucket of every unit.
    #[test]
    fn one_chip_that_stands_for_others_says_what_each_of_them_would(
        ways in prop::sample::select(vec![2_u64, 3, 4, 6]),
        pipeline in 1_u64..3,
        microbatches in 1_u64..3,
        run_of in prop::sample::select(vec![
            "Prefill(tokens: 40)", "Decode(context: 70)", "Generate(prompt: 20, tokens: 2)",
        ]),
        memory in prop::sample::select(vec![IDEAL, DRAM]),
        latency in 0_u64..2000,
        kib in prop::sample::select(vec![32_u64, 64, 512]),
    ) {
        let chips = ways * pipeline;
        // With two stages, links go crosswise too.
        let topology = if pipeline == 1 { "Ring" } else { "FullyConnected" };
        let link = format!("bandwidth: GBps(4), latency: Ns({latency}), topology: {topology}");
        let machine = machine_of(chips, 1, &link, memory, kib);
        let split = format!("tensor: {ways}, pipeline: {pipeline}, microbatches: {microbatches}");
        let text = workload_of(run_of, 2, &split);
        let Some((one, _, replicas)) = run(&machine, &text, false) else {
            return Ok(());
        };
        prop_assert_eq!(replicas, ways);
        let (all, _, alone) = run(&machine, &text, true).expect("it fitted one");
        prop_assert_eq!(alone, 1);
        prop_assert_eq!(one.total, all.total);
        prop_assert_eq!(&one.makespan, &all.makespan);
        prop_assert_eq!(one.macs * ways, all.macs);
        prop_assert_eq!(one.bytes_received.get() * ways, all.bytes_received.get());
        for unit in &one.units {
            let same = all.units.iter().find(|other| other.name == unit.name);
            prop_assert_eq!(Some(unit), same);
        }
    }

    /// Whatever cores and chips share the work and however they are joined, every cycle of every
    /// unit is accounted for (the ledger asserts it), all of the model is computed, and a run ends.
    #[test]
    fn any_split_over_cores_and_chips_does_all_of_the_work(
        chips in 1_u64..4,
        cores in 1_u64..4,
        pipeline in 1_u64..3,
        tree in any::<bool>(),
        topology in prop::sample::select(vec!["Ring", "Line", "FullyConnected"]),
        batch in 1_u64..4,
        memory in prop::sample::select(vec![IDEAL, DRAM]),
    ) {
        let link = format!("bandwidth: GBps(4), latency: Ns(300), topology: {topology}");
        let machine = machine_of(chips, cores, &link, memory, 256);
        let tensor = [1, 2, 3, 4, 6, 12].into_iter();
        let tensor = tensor.filter(|ways| ways * pipeline <= chips * cores).max();
        let Some(tensor) = tensor else {
            return Ok(());
        };
        let collectives = if tree { "Tree" } else { "Ring" };
        let split = format!(
            "tensor: {tensor}, pipeline: {pipeline}, microbatches: {batch}, collectives: {collectives}"
        );
        let (whole, ..) = run(
            &machine_of(1, 1, &link, memory, 256),
            &workload_of("Prefill(tokens: 30)", batch, ""),
            false,
        ).expect("it fits one core");
        let text = workload_of("Prefill(tokens: 30)", batch, &split);
        let (summary, _, replicas) = run(&machine, &text, false).expect("a part fits, too");
        // The vocabulary is padded to equal parts.
        let head = 192 * batch * (500_u64.div_ceil(tensor) * tensor - 500);
        prop_assert_eq!(summary.macs * replicas, whole.macs + head);
        prop_assert!(summary.bytes_read >= summary.compulsory_read);
        if tensor * pipeline > 1 && chips * cores > 1 {
            let waits = |cause| summary.units.iter().map(|unit| unit.by_cause(cause).get()).sum::<u64>();
            prop_assert!(waits(Cause::Peer) + waits(Cause::Link) > 0);
        }
    }
}

/// An all-reduce of so many bytes over a ring of n takes 2 (n - 1) steps, each of a latency and an
/// n-th of the bytes; two blocks of it share the links.
#[test]
fn all_reduces_take_the_time_of_the_closed_form() {
    for ways in [2_u64, 3, 4, 6] {
        let link = "bandwidth: GBps(1), latency: Ns(1000), topology: Ring";
        let machine = machine_of(ways, 1, link, IDEAL, 512);
        let split = format!("tensor: {ways}");
        let text = workload_of("Prefill(tokens: 48)", 1, &split);
        let (summary, outcome, _) = run(&machine, &text, true).expect("it fits");
        let reduces = summary
            .operators
            .iter()
            .filter(|operator| ALL_REDUCES.contains(&operator.operator));
        // Two in each of two layers; a token's vector has 192 elements of two bytes.
        let bytes = 48 * 192 * 2;
        let count: u64 = reduces.map(|operator| operator.count).sum();
        assert_eq!(count, 4 * ways);
        let received: u64 = summary
            .operations
            .iter()
            .filter(|operation| ALL_REDUCES.contains(&operation.operator))
            .map(|operation| operation.bytes_received.get())
            .sum();
        assert_eq!(received, ways * 4 * 2 * (ways - 1) * bytes / ways);
        // Every link carries its part of it, two bytes a cycle, besides the few of statistics and
        // of logits.
        let least = 4 * 2 * (ways - 1) * bytes / ways / 2;
        for busy in &outcome.links[..1] {
            assert!(
                (least..least * 11 / 10 + 2000).contains(&busy.get()),
                "{ways}: {busy:?}"
            );
        }
        // No all-reduce is faster than its steps.
        let steps = 2 * (ways - 1) * (500 + bytes / 2 / ways / 2);
        assert!(summary.total.get() > 4 * steps, "{ways}");
    }
}
