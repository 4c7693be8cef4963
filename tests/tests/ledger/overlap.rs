//! Units work at once where nothing keeps them from it.

use quantities::Cycle;
use tile_program::{Busy, Cause, Observer, UnitId};

use crate::support::{machine, observed};

/// When each unit worked: an array's operands streamed, lanes worked, data moved.
struct Working(Vec<Vec<(Cycle, Cycle)>>);

impl Observer for Working {
    fn busy(&mut self, busy: &Busy<'_>) {
        let works = |cause| matches!(cause, Cause::Fill | Cause::Compute | Cause::DramBandwidth);
        let mut at = busy.from;
        for &(cause, span) in busy.parts {
            if works(cause) {
                self.0[busy.unit.index()].push((at, at + span));
            }
            at += span;
        }
    }
}

impl Working {
    /// Cycles in which all of some units work.
    fn together(&self, units: &[UnitId]) -> u64 {
        let mut edges: Vec<(Cycle, i32)> = Vec::new();
        for unit in units {
            let spans = self.0[unit.index()].iter();
            edges.extend(spans.flat_map(|&(from, to)| [(from, 1), (to, -1)]));
        }
        edges.sort();
        let (mut working, mut since, mut sum) = (0, Cycle::ZERO, 0);
        for (at, change) in edges {
            if working == units.len() as i32 {
                sum += at.since(since).get();
            }
            working += change;
            since = at;
        }
        sum
    }
}

#[test]
fn both_arrays_the_vector_unit_and_the_dma_work_at_once() {
    let machine = machine(
        r#"Machine(
            name: "test", clock: MHz(500),
            arrays: [
                (name: "ternary", element: Ternary(), rows: 8, columns: 16,
                 dataflow: WeightStationary, serves: [Projection]),
                (name: "bf16", element: Bf16(), rows: 4, columns: 16,
                 dataflow: OutputStationary, serves: [Attention, LmHead]),
            ],
            vector: (lanes: 8),
            scratchpads: (activations: (capacity: KiB(32)), weights: (capacity: KiB(32)),
                          outputs: (capacity: KiB(32))),
            memory: Ideal(bandwidth: MBps(2000), latency: Ns(100), access: Bytes(64)),
        )"#,
    );
    let text = r#"Workload(
        model: Variant(of: "llama-7b", layers: 2, d_model: 128, n_heads: 4, d_ff: 384, vocab: 128),
        run: Prefill(tokens: 48), batch: 4, operators: Blocks,
        precision: (projection: Ternary(packing: FiveTritsPerByte)),
    )"#;
    let target = &machine.platform().cores[0];
    let watcher = Working(vec![Vec::new(); machine.platform().units()]);
    let (run, working) = observed(&machine, text, watcher).expect("it fits");
    let [ternary, bf16] = [target.arrays[0].unit, target.arrays[1].unit];
    let all = working.together(&[ternary, bf16, target.vector, target.load]);
    // One sequence's projections beside another's attention, while weights or keys arrive.
    assert!(all > 0, "the four never work at once");
    let (both, attention) = (
        working.together(&[ternary, bf16]),
        working.together(&[bf16]),
    );
    assert!(
        both * 10 > attention,
        "of {attention} cycles of attention, {both} beside projections"
    );
    // And what is hidden is no small thing.
    let alone: u64 = [ternary, bf16, target.vector, target.load]
        .map(|unit| working.together(&[unit]))
        .iter()
        .sum();
    let total = run.summary.total.get();
    assert!(alone > total + total / 4, "{alone} busy cycles in {total}");
}
