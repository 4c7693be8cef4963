//! BitNet's quantisation: no quantised value exists until the whole vector is there.

use std::collections::BTreeMap;

use quantities::Cycle;
use tile_program::{Bound, Busy, Observer, Operation, OperationId, UnitId};

use crate::support::{machine, observed};

/// When the work of each operation on its own unit began and was complete.
#[derive(Default)]
struct Times {
    operations: Vec<(String, UnitId)>,
    spans: BTreeMap<String, (Cycle, Cycle)>,
}

impl Times {
    fn own(&self, operation: OperationId, unit: UnitId) -> Option<&str> {
        let (name, own) = &self.operations[operation.index()];
        (*own == unit).then_some(name.as_str())
    }

    fn begin(&self, operation: &str) -> Cycle {
        self.spans[operation].0
    }

    fn end(&self, operation: &str) -> Cycle {
        self.spans[operation].1
    }
}

impl Observer for Times {
    fn pass(&mut self, _name: &str, operations: &[Operation], _at: Cycle) {
        let all = operations.iter();
        self.operations = all
            .map(|operation| (operation.name.to_string(), operation.unit))
            .collect();
    }

    fn busy(&mut self, busy: &Busy<'_>) {
        if let Some(name) = self.own(busy.operation, busy.unit) {
            let name = name.to_owned();
            self.spans.entry(name).or_insert((busy.from, busy.to));
        }
    }

    fn complete(&mut self, unit: UnitId, operation: OperationId, _: u32, at: Cycle, _: Bound) {
        if let Some(name) = self.own(operation, unit) {
            let name = name.to_owned();
            self.spans.get_mut(&name).expect("it was busy before").1 = at;
        }
    }
}

/// Vectors that are quantised, what makes them last, and what reads them.
const CHAINS: [(&str, &str, &str); 4] = [
    ("attention_norm", "qkv_quantise", "q_proj"),
    ("o_proj_norm", "o_proj_quantise", "o_proj"),
    ("ffn_norm", "ffn_quantise", "gate_proj"),
    ("gate", "down_proj_norm", "down_proj"),
];

#[test]
fn nothing_quantised_is_read_before_the_whole_vector_is_present() {
    // Narrow arrays and small scratchpads: every vector comes in many tiles.
    let machine = machine(
        r#"Machine(
            name: "test", clock: MHz(500),
            arrays: [
                (name: "ternary", element: Ternary(), rows: 8, columns: 64,
                 dataflow: WeightStationary, serves: [Projection]),
                (name: "bf16", element: Bf16(), rows: 4, columns: 16,
                 dataflow: OutputStationary, serves: [Attention, LmHead]),
            ],
            vector: (lanes: 16),
            scratchpads: (activations: (capacity: KiB(64)), weights: (capacity: KiB(32)),
                          outputs: (capacity: KiB(16))),
            memory: Ideal(bandwidth: GBps(20), latency: Ns(100)),
        )"#,
    );
    let text = r#"Workload(
        model: Variant(of: "bitnet-b1.58-2b-4t", layers: 2, d_model: 320, n_heads: 10, n_kv_heads: 5,
                       d_ff: 864, vocab: 128),
        run: Decode(context: 40), operators: Blocks,
    )"#;
    let (_, times) = observed(&machine, text, Times::default()).expect("it fits");
    for layer in 0..2 {
        for (before, quantise, after) in CHAINS {
            let name = |operator: &str| format!("layers.{layer}.{operator}");
            let [before, quantise, after] = [before, quantise, after].map(name);
            assert!(
                times.end(&before) <= times.begin(&quantise),
                "{quantise} begins before {before} is complete"
            );
            assert!(
                times.end(&quantise) <= times.begin(&after),
                "{after} begins before {quantise} is complete"
            );
        }
    }
}
