//! Scratchpads hold what a program says that they hold, and never more: on machines that are just
//! large enough, whose arrays begin an instruction before the last has ended.

use proptest::prelude::*;

use crate::support::{machine, run};

/// A machine with small scratchpads, and a workload.
#[derive(Clone, Debug)]
struct Draw {
    side: u64,
    dataflow: &'static str,
    timing: &'static str,
    tiles: &'static str,
    /// Arrays that share all work.
    arrays: usize,
    vector: &'static str,
    /// KiB of activations, weights, results; 0 for no limit.
    kib: [u64; 3],
    memory: &'static str,
    model: &'static str,
    run: String,
    batch: u64,
    operators: &'static str,
    fusion: &'static str,
    weights: &'static str,
}

impl Draw {
    fn machine(&self) -> String {
        let Self {
            side,
            dataflow,
            timing,
            vector,
            memory,
            ..
        } = self;
        let tiles = match *dataflow {
            "WeightStationary" => self.tiles,
            _ => "AsUsed",
        };
        let arrays = (0..self.arrays).map(|index| {
            format!(
                r#"(name: "a{index}", element: Bf16(), rows: {side}, columns: {side},
                    dataflow: {dataflow}, timing: {timing}, tiles: {tiles},
                    serves: [Projection, Attention, LmHead]),"#
            )
        });
        let arrays: String = arrays.collect();
        let [activations, weights, outputs] = self.kib.map(|kib| match kib {
            0 => "Unlimited".to_owned(),
            kib => format!("(capacity: KiB({kib}), banks: 2, port: Bytes(64))"),
        });
        format!(
            r#"Machine(
                name: "small", clock: MHz(1000), arrays: [{arrays}], vector: {vector},
                scratchpads: (activations: {activations}, weights: {weights}, outputs: {outputs}),
                memory: {memory},
            )"#
        )
    }

    fn workload(&self) -> String {
        let Self {
            model,
            run,
            batch,
            operators,
            fusion,
            weights,
            ..
        } = self;
        format!(
            r#"Workload(
                model: Variant(of: "{model}", layers: 1, d_model: 128, n_heads: 4, d_ff: 192,
                               vocab: 96),
                run: {run}, batch: {batch}, operators: {operators}, fusion: {fusion},
                weights: {weights}, precision: (projection: Bf16),
            )"#
        )
    }
}

prop_compose! {
    fn draws()(
        side in prop::sample::select(vec![4u64, 8, 16]),
        dataflow in prop::sample::select(vec![
            "WeightStationary", "OutputStationary", "InputStationary"]),
        timing in prop::sample::select(vec!["Overlapped", "Overlapped", "Overlapped", "Serial"]),
        tiles in prop::sample::select(vec!["AsUsed", "Whole"]),
        arrays in 1usize..3,
        vector in prop::sample::select(vec!["Free", "(lanes: 16)"]),
        kib in (
            prop::sample::select(vec![0u64, 4, 6, 9]), prop::sample::select(vec![0u64, 4, 6, 9]),
            prop::sample::select(vec![0u64, 2, 3, 5])),
        memory in prop::sample::select(vec![
            "Ideal(bandwidth: Unlimited)", "Ideal(bandwidth: GBps(20), latency: Ns(50))"]),
        model in prop::sample::select(vec!["llama-7b", "gpt2-124m", "phi-2", "matmul-free-lm-370m"]),
        form in 0..5,
        tokens in 1u64..20,
        batch in 1u64..4,
        (operators, fusion) in (
            prop::sample::select(vec!["All", "Blocks", "Gemms", "BlockGemms"]),
            prop::sample::select(vec!["Full", "Full", "AllButAttention", "None"])),
        weights in prop::sample::select(vec!["Kept", "Warm", "Streamed"]),
    ) -> Draw {
        let run = match form {
            0 => format!("Decode(context: {})", 3 * tokens),
            1 => format!("Prefill(tokens: {tokens})"),
            2 => format!("Prefill(tokens: {tokens}, chunk: {})", tokens.div_ceil(2)),
            3 => format!("Mixed(decode: [{tokens}, 7], prefill: 5, after: 3)"),
            _ => format!("Generate(prompt: {tokens}, tokens: 3)"),
        };
        Draw {
            side, dataflow, timing, tiles, arrays, vector, kib: [kib.0, kib.1, kib.2], memory,
            model, run, batch, operators, fusion, weights,
        }
    }
}

proptest! {
    /// The machine checks what each scratchpad holds at every claim, and ends a run that asks for
    /// more than there is.
    #[test]
    fn no_scratchpad_is_ever_overfull(draw in draws()) {
        if let Some(run) = run(&machine(&draw.machine()), &draw.workload()) {
            for pad in &run.outcome.scratchpads[0] {
                prop_assert!(pad.capacity.is_none_or(|capacity| pad.peak <= capacity), "{pad:?}");
            }
        }
    }
}
