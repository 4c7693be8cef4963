//! What main memory and the DMA's ports do to transfers: random transfers of several cores, and the
//! causes that their time is charged to.

use std::task::Poll;

use accelerator::{Machine, MachineFile, Outcome, RunOptions, resolve};
use attribution::{Ledger, Summary};
use config::Document;
use proptest::prelude::*;
use quantities::Bytes;
use smallvec::smallvec;
use tile_program::{
    Cause, Class, Instruction, Operation, OperationId, OperationName, Operator, Pass, Program,
    Region, ScratchpadId, TransferTile, UnitId, Work,
};

/// Whether a transfer writes to memory, and what it moves.
type Moved = (bool, Region);

/// The transfers of each core, all in one pass, none of which waits for another.
struct Transfers(Option<Vec<Vec<Instruction>>>);

impl Transfers {
    fn new(machine: &Machine, cores: &[Vec<Moved>]) -> Self {
        let targets = &machine.platform().cores;
        let of_core = targets.iter().zip(cores).map(|(core, moved)| {
            let instruction = |&(write, region): &Moved| Instruction {
                unit: if write { core.store } else { core.load },
                operation: OperationId(0),
                tile: 0,
                work: Work::Transfer(TransferTile {
                    region,
                    scratchpad: ScratchpadId::Weights,
                }),
                waits: smallvec![],
                takes: smallvec![],
                gives: smallvec![],
                reads: smallvec![],
                writes: smallvec![],
            };
            moved.iter().map(instruction).collect()
        });
        Self(Some(of_core.collect()))
    }
}

impl Program for Transfers {
    fn next_pass(&mut self) -> Option<Pass> {
        let cores = self.0.take()?;
        let operation = Operation {
            name: OperationName::of(Operator::Named("move")),
            class: Class::Transfer,
            family: None,
            unit: UnitId(0),
            gemm: None,
            tiling: None,
            macs: 0,
            compulsory_read: Bytes::ZERO,
            compulsory_write: Bytes::ZERO,
        };
        let stream = |instructions: Vec<Instruction>| -> Box<dyn Iterator<Item = _>> {
            Box::new(instructions.into_iter().map(Poll::Ready))
        };
        Some(Pass {
            name: "transfers".into(),
            tokens: 1,
            operations: vec![operation],
            streams: cores.into_iter().map(stream).collect(),
        })
    }

    fn passes(&self) -> u64 {
        1
    }
}

fn machine(memory: &str, dma: &str, pad: &str, cores: usize) -> Machine {
    let text = format!(
        r#"Machine(
            name: "test", clock: MHz(1000),
            arrays: [(name: "array", element: Int8(), rows: 4, columns: 4,
                      dataflow: OutputStationary)],
            vector: Free,
            scratchpads: (activations: Unlimited, weights: {pad}, outputs: Unlimited),
            dma: ({dma}), memory: {memory}, cores: [(count: {cores})],
        )"#
    );
    let file: MachineFile = Document::parse("test.ron", text).unwrap().read().unwrap();
    Machine::new(resolve(&file).unwrap()).unwrap()
}

fn run(machine: &Machine, cores: &[Vec<Moved>]) -> (Outcome, Summary) {
    let ledger = Ledger::new(machine.platform());
    let options = RunOptions {
        cycle_limit: None,
        progress: &mut |_| (),
    };
    let mut program = Transfers::new(machine, cores);
    let (outcome, ledger) = machine
        .run(&mut program, ledger, options)
        .unwrap_or_else(|error| panic!("{error}"));
    (outcome, ledger.summary())
}

fn of_unit(summary: &Summary, name: &str, cause: Cause) -> u64 {
    let mut units = summary.units.iter();
    let unit = units.find(|unit| unit.name == name).unwrap();
    unit.by_cause(cause).get()
}

/// Contiguous transfers one after another.
fn stream(transfers: u64, bytes: u64) -> Vec<Moved> {
    let region = |index| Region::contiguous(index * bytes, Bytes(bytes));
    (0..transfers).map(|index| (false, region(index))).collect()
}

const WIDE: &str = "requests_in_flight: 64, request: KiB(4)";

/// Cycles of the load side: data at the rate of the bus, and the part that other channels could
/// have moved.
fn bandwidth_and_imbalance(standard: &str, channels: u64, map: &str) -> (u64, u64) {
    let memory = format!(r#"Dram(standard: "{standard}", channels: {channels}, map: "{map}")"#);
    let machine = machine(&memory, WIDE, "Unlimited", 1);
    let (_, summary) = run(&machine, &[stream(40, 64 << 10)]);
    let of = |cause| of_unit(&summary, "dma.load", cause);
    (of(Cause::DramBandwidth), of(Cause::DramChannelImbalance))
}

#[test]
fn what_an_even_spread_would_have_avoided_is_imbalance_and_nothing_else_is() {
    for standard in ["LPDDR5-6400", "DDR4-3200AA", "HBM2-2000"] {
        for channels in [2, 4, 8] {
            // Channels by the topmost bits: all of the stream is on the first.
            let (bandwidth, imbalance) =
                bandwidth_and_imbalance(standard, channels, "chrorabacobg");
            let all = bandwidth + imbalance;
            let expected = all * (channels - 1) / channels;
            assert!(
                imbalance.abs_diff(expected) * 100 <= all,
                "{standard} x{channels}: {imbalance} of {all}"
            );
            let (bandwidth, imbalance) =
                bandwidth_and_imbalance(standard, channels, "rorabacochbg");
            assert!(
                imbalance * 50 <= bandwidth,
                "{standard} x{channels}, evenly: {imbalance} beside {bandwidth}"
            );
        }
        for map in ["chrorabacobg", "rorabacochbg"] {
            assert_eq!(bandwidth_and_imbalance(standard, 1, map).1, 0);
        }
    }
}

/// Transfers that go by turns to different channels, many of them under way: each is on one
/// channel, but together they are even.
#[test]
fn transfers_on_one_channel_each_are_no_imbalance_while_all_channels_work() {
    let memory = r#"Dram(standard: "LPDDR5-6400", channels: 4, map: "rorabacobgch")"#;
    let dma = "requests_in_flight: 256, request: Bytes(1024)";
    let machine = machine(memory, dma, "Unlimited", 1);
    // Strips of a burst each, four bursts apart: one channel a transfer.
    let strip = |index: u64| Region {
        address: (index / 4) * (64 * 4 * 32) + (index % 4) * 32,
        row_bytes: Bytes(32),
        rows: 64,
        pitch: Bytes(4 * 32),
    };
    let by_turns = (0..400).map(|index| (false, strip(index))).collect();
    let (_, summary) = run(&machine, &[by_turns]);
    let of = |cause| of_unit(&summary, "dma.load", cause);
    let (bandwidth, imbalance) = (of(Cause::DramBandwidth), of(Cause::DramChannelImbalance));
    assert!(imbalance * 4 <= bandwidth, "{imbalance} beside {bandwidth}");
}

#[test]
fn a_transfer_is_divided_over_ports_by_bytes_however_many_there_are() {
    for memory in [
        "Ideal(bandwidth: Unlimited)",
        "Ideal(bandwidth: Unlimited, access: Bytes(64))",
    ] {
        for rows in [1, 3, 7, 64] {
            let region = Region {
                address: 0,
                row_bytes: Bytes(192 * 64 / rows / 64 * 64),
                rows,
                pitch: Bytes(1 << 16),
            };
            let total = |ports: u64| {
                let width = 64 / ports;
                let dma = format!("request: KiB(1), ports: {ports}, port: Bytes({width})");
                let machine = machine(memory, &dma, "Unlimited", 1);
                let (outcome, summary) = run(&machine, &[vec![(false, region); 8]]);
                let of = |cause| of_unit(&summary, "dma.load", cause);
                assert_eq!(of(Cause::DmaPort), outcome.total.get(), "{ports} ports");
                assert_eq!(outcome.channels[0].counters.bytes, 8 * region.bytes().get());
                outcome.total.get()
            };
            let one = total(1);
            assert_eq!(one, 8 * region.bytes().get() / 64);
            for ports in [2, 4, 8] {
                // A part is at most an access longer than an even one.
                assert!(
                    total(ports) <= one + 8 * 64 / (64 / ports),
                    "{ports} ports: {} for {one}",
                    total(ports)
                );
            }
        }
    }
}

fn transfers() -> impl Strategy<Value = Vec<Moved>> {
    let region = (
        prop_oneof![0u64..1 << 14, 0u64..1 << 24],
        prop_oneof![1u64..100, 1u64..5000],
        1u64..20,
        0u64..6000,
    );
    let region = region.prop_map(|(address, row_bytes, rows, gap)| Region {
        address,
        row_bytes: Bytes(row_bytes),
        rows,
        pitch: Bytes(row_bytes + gap),
    });
    prop::collection::vec((prop::bool::weighted(0.3), region), 0..12)
}

prop_compose! {
    fn drams()(
        standard in prop::sample::select(vec![
            "LPDDR5-6400", "DDR4-3200AA", "HBM2-2000", "DDR5-4800BN", "GDDR6-14000",
        ]),
        channels in prop::sample::select(vec![1u64, 2, 3, 8]),
        map in prop::sample::select(vec!["rorabacochbg", "rorabachbgco", "chrorabacobg"]),
        queue in prop_oneof![1u64..9, Just(64)],
    ) -> String {
        format!(
            r#"Dram(standard: "{standard}", channels: {channels}, map: "{map}", policy: (queue: {queue}))"#
        )
    }
}

prop_compose! {
    fn dmas()(
        in_flight in 1u64..40,
        request in prop::sample::select(vec![64u64, 512, 4096]),
        ports in 1u64..5,
        port in prop::sample::select(vec!["Unlimited", "Bytes(8)", "Bytes(32)"]),
    ) -> String {
        format!(
            "requests_in_flight: {in_flight}, request: Bytes({request}), ports: {ports}, port: {port}"
        )
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// However short the queues of the channels and however many DMAs stand before them, all that
    /// is asked for is moved, and no DMA side is charged more bandwidth than the pins had work on
    /// average.
    #[test]
    fn any_transfers_end_and_their_bandwidth_is_what_the_pins_moved(
        memory in drams(), dma in dmas(),
        cores in prop::collection::vec(transfers(), 1..4),
    ) {
        let machine = machine(&memory, &dma, "Unlimited", cores.len());
        let (outcome, summary) = run(&machine, &cores);
        let asked: u64 = cores.iter().flatten().map(|(_, region)| region.bytes().get()).sum();
        prop_assert_eq!((summary.bytes_read + summary.bytes_written).get(), asked);
        let channels = outcome.channels.len() as u64;
        let data = outcome.channels.iter().map(|channel| channel.cycles.bandwidth.get());
        let mean = data.sum::<u64>() / channels;
        let frequency = machine.memory().frequency().as_hertz_f64();
        // In cycles of the reference clock, 1 GHz, rounded up.
        let mean = (mean as f64 / frequency * 1e9).ceil() as u64 + 1;
        for unit in &summary.units {
            let bandwidth = unit.by_cause(Cause::DramBandwidth).get();
            if channels > 1 {
                prop_assert!(bandwidth <= mean, "{}: {bandwidth} of {mean}", unit.name);
            } else {
                prop_assert_eq!(unit.by_cause(Cause::DramChannelImbalance).get(), 0);
            }
        }
    }

    /// The ideal memory of a DRAM's peak bandwidth, asked for the same, is never slower. (Where
    /// ports are full, too, the order in which data come to them decides, and may be a few cycles
    /// worse.)
    #[test]
    fn an_ideal_memory_is_never_slower_than_the_dram_that_it_stands_for(
        memory in drams(), in_flight in 1u64..40, ports in 1u64..5,
        request in prop::sample::select(vec![64u64, 512, 4096]),
        cores in prop::collection::vec(transfers(), 1..4),
    ) {
        let dma =
            format!("requests_in_flight: {in_flight}, request: Bytes({request}), ports: {ports}");
        let real = machine(&memory, &dma, "Unlimited", cores.len());
        let peak = real.memory().peak_bytes_per_second().unwrap();
        // Where the peak is no whole number of MB/s, a little more.
        let ideal = format!("Ideal(bandwidth: MBps({}))", (peak / 1e6).ceil());
        let ideal = machine(&ideal, &dma, "Unlimited", cores.len());
        let total = |machine| run(machine, &cores).0.total;
        prop_assert!(total(&ideal) <= total(&real), "{} for {}", total(&ideal), total(&real));
    }

    /// A memory without latency, rows or refresh is never said to have kept anybody by them: what
    /// keeps a transfer is its bandwidth or a port.
    #[test]
    fn an_ideal_memory_without_latency_is_never_the_cause_of_any(
        bandwidth in prop::sample::select(vec!["Unlimited", "GBps(3)", "GBps(40)"]),
        access in prop::sample::select(vec!["None", "Bytes(1)", "Bytes(64)"]),
        pad in prop::sample::select(vec![
            "Unlimited", "(capacity: KiB(32), banks: 2, port: Bytes(8))",
        ]),
        dma in dmas(),
        cores in prop::collection::vec(transfers(), 1..3),
    ) {
        let memory = format!("Ideal(bandwidth: {bandwidth}, access: {access})");
        let machine = machine(&memory, &dma, pad, cores.len());
        let (_, summary) = run(&machine, &cores);
        for unit in &summary.units {
            for cause in Cause::ALL {
                let of_bandwidth = cause == Cause::DramBandwidth && bandwidth != "Unlimited";
                if cause.is_of_memory() && !of_bandwidth {
                    prop_assert_eq!(unit.by_cause(cause).get(), 0, "{} {}", unit.name, cause);
                }
            }
            if !dma.contains("port: Bytes") {
                prop_assert_eq!(unit.by_cause(Cause::DmaPort).get(), 0);
            }
            if pad == "Unlimited" {
                prop_assert_eq!(unit.by_cause(Cause::SramPort).get(), 0);
            }
        }
    }
}
