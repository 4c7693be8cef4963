//! Memories of several channels: what the pins move, and what the account says of it.

use tile_program::Cause;

use crate::support::{machine, run};

/// A machine that reads through one channel at a time: a row of each channel lies behind that of
/// the one before, and a tile's rows all begin on the same.
fn lopsided(channels: u64, map: &str) -> String {
    format!(
        r#"Machine(name: "channels", clock: GHz(1),
            arrays: [(name: "a0", element: Bf16(accumulator: Fp32), rows: 128, columns: 32,
                      dataflow: WeightStationary)],
            vector: (lanes: 128),
            scratchpads: (activations: (capacity: KiB(256), banks: 16, port: Bytes(256)),
                          weights: (capacity: KiB(1024), banks: 16, port: Bytes(256)),
                          outputs: (capacity: KiB(32), banks: 16, port: Bytes(512))),
            dma: (requests_in_flight: 64, request: KiB(4)),
            memory: Dram(standard: "LPDDR5-6400", channels: {channels}, map: "{map}"))"#
    )
}

const WORK: &str = r#"Workload(model: Dense([(count: 1, inputs: 2048, outputs: 768)]),
    run: Prefill(tokens: 256), precision: (projection: Bf16, activation: Bf16),
    operators: BlockGemms)"#;

#[test]
fn no_share_of_a_run_at_the_rate_of_the_bus_is_above_what_the_pins_moved() {
    for map in ["rorabachbgco", "chrorabacobg", "rorabacochbg"] {
        for channels in [1, 4, 8] {
            let on = machine(&lopsided(channels, map));
            let run = run(&on, WORK).expect("it fits");
            let total = run.summary.total.get() as f64;
            let of = |wanted| {
                let cells = run.summary.makespan.iter();
                let cells = cells.filter(|cell| cell.cause == wanted);
                cells.map(|cell| cell.cycles.get()).sum::<u64>() as f64 / total
            };
            let moved = (run.summary.bytes_read + run.summary.bytes_written).get() as f64;
            let peak = on.memory().peak_bytes_per_second().expect("it is DRAM");
            // Reads of parts of bursts, and rounding to cycles, are within a hundredth.
            let pins = moved / peak * 1e9 / total;
            let bandwidth = of(Cause::DramBandwidth);
            assert!(
                bandwidth <= pins + 0.01,
                "{map} x{channels}: {bandwidth} of {pins}"
            );
            let imbalance = of(Cause::DramChannelImbalance);
            if channels == 1 {
                assert!(imbalance == 0.0);
            } else if map == "chrorabacobg" {
                // All of it lies on the first channel.
                let parts = channels as f64;
                assert!(
                    imbalance > 0.8 * bandwidth * (parts - 1.0),
                    "{imbalance} {bandwidth}"
                );
            }
        }
    }
}
