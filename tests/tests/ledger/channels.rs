//! Tiles are spread over all channels of main memory, whatever power of two their strips are apart.

use crate::support::{machine, run};

/// Cycles of a product of 1,024 rows on an array of 128 x 32 PEs, with so many channels of LPDDR5.
fn product(channels: u64) -> u64 {
    let machine = machine(&format!(
        r#"Machine(
            name: "test", clock: GHz(1),
            arrays: [(name: "a0", element: Bf16(accumulator: Fp32), rows: 128, columns: 32,
                      dataflow: WeightStationary)],
            vector: (lanes: 128),
            scratchpads: (
                activations: (capacity: KiB(256), banks: 16, port: Bytes(256)),
                weights: (capacity: KiB(1024), banks: 16, port: Bytes(256)),
                outputs: (capacity: KiB(32), banks: 16, port: Bytes(512)),
            ),
            dma: (requests_in_flight: 64, request: KiB(4)),
            memory: Dram(standard: "LPDDR5-6400", channels: {channels}, map: "rorabachbgco"),
        )"#
    ));
    let workload = r#"Workload(
        model: Dense([(count: 1, inputs: 2048, outputs: 768)]), run: Prefill(tokens: 1024),
        precision: (projection: Bf16, activation: Bf16), operators: BlockGemms,
    )"#;
    let run = run(&machine, workload).expect("the machine is large enough");
    run.summary.total.get()
}

#[test]
fn twice_the_channels_never_make_a_product_slower() {
    let cycles = [4, 8, 16, 32].map(product);
    for pair in cycles.windows(2) {
        assert!(pair[1] <= pair[0] + pair[0] / 100, "{cycles:?}");
    }
}

/// Cycles of a decoded token of two blocks as wide as those of Llama-2 7B, on a TPU v4i.
fn decode(projection: &str) -> u64 {
    let machine = machine(include_str!("../../../hw-configs/tpu-v4i.ron"));
    let workload = format!(
        r#"Workload(
            model: Variant(of: "llama-2-7b", layers: 2), run: Decode(context: 512),
            operators: Blocks, precision: (projection: {projection}),
        )"#
    );
    let run = run(&machine, &workload).expect("the machine is large enough");
    run.summary.total.get()
}

/// Narrower weights never take longer, although strips of 8-bit weights of this model are
/// 512 KiB apart: four whole turns of the 32 channels.
#[test]
fn narrower_weights_never_make_a_decoded_token_slower() {
    let [bf16, int8, int4] = ["Bf16", "Int8", "Int4"].map(decode);
    assert!(int8 <= bf16 && int4 <= int8, "{bf16} {int8} {int4}");
}
