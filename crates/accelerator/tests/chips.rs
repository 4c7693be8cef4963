//! Chips joined by links and unlike cores on one chip: what passes the links, when it can be there
//! at the soonest, and the account of such runs.

use std::task::Poll;

use accelerator::{Machine, MachineError, MachineFile, Outcome, RunOptions, resolve};
use attribution::{Ledger, Summary};
use config::Document;
use proptest::prelude::*;
use quantities::{Bytes, Cycles};
use smallvec::smallvec;
use tile_program::{
    Class, CoreId, Instruction, Operation, OperationId, OperationName, Operator, Pass, Platform,
    Program, ReceiveTile, Region, Role, ScratchpadId, Stream, Target, TransferTile, UnitId,
    VectorKind, VectorTile, Wait, WaitReason, Work,
};

/// One pass: the instructions of each core, each for an operation of its unit.
struct Script {
    operations: Vec<Operation>,
    cores: Option<Vec<Vec<Instruction>>>,
}

impl Script {
    fn new(platform: &Platform, cores: Vec<Vec<Instruction>>) -> Self {
        let operation = |(core, unit, role): (&Target, UnitId, Role)| Operation {
            name: OperationName {
                core: Some(core.prefix.clone()),
                ..OperationName::of(Operator::Named("move"))
            },
            class: match role {
                Role::Vector => Class::Vector,
                _ => Class::Transfer,
            },
            family: None,
            unit,
            gemm: None,
            tiling: None,
            macs: 0,
            compulsory_read: Bytes::ZERO,
            compulsory_write: Bytes::ZERO,
        };
        Self {
            operations: platform.all_units().map(operation).collect(),
            cores: Some(cores),
        }
    }
}

impl Program for Script {
    fn next_pass(&mut self) -> Option<Pass> {
        let cores = self.cores.take()?;
        let stream = |instructions: Vec<Instruction>| -> Box<dyn Iterator<Item = _>> {
            Box::new(instructions.into_iter().map(Poll::Ready))
        };
        Some(Pass {
            name: "script".into(),
            tokens: 1,
            operations: self.operations.clone(),
            streams: cores.into_iter().map(stream).collect(),
        })
    }

    fn passes(&self) -> u64 {
        1
    }
}

/// A machine on a clock of 1 GHz, with what follows its memory.
fn machine(rest: &str) -> Machine {
    let text = format!(
        r#"Machine(
            name: "test", clock: MHz(1000),
            arrays: [(name: "array", element: Int8(), rows: 4, columns: 4,
                      dataflow: OutputStationary)],
            vector: (lanes: 4, startup_cycles: 2),
            scratchpads: (activations: Unlimited, weights: Unlimited, outputs: Unlimited),
            memory: Ideal(bandwidth: GBps(32), latency: Ns(100)),
            {rest}
        )"#
    );
    let file: MachineFile = Document::parse("test.ron", text).unwrap().read().unwrap();
    Machine::new(resolve(&file).unwrap()).unwrap()
}

fn run(machine: &Machine, cores: Vec<Vec<Instruction>>) -> (Outcome, Summary) {
    let platform = machine.platform();
    let options = RunOptions {
        cycle_limit: None,
        progress: &mut |_| (),
    };
    let mut program = Script::new(platform, cores);
    let (outcome, ledger) = machine
        .run(&mut program, Ledger::new(platform), options)
        .unwrap_or_else(|error| panic!("{error}"));
    (outcome, ledger.summary())
}

fn instruction(unit: UnitId, work: Work, waits: &[Wait]) -> Instruction {
    Instruction {
        unit,
        // The operations of a script stand in the order of the units.
        operation: OperationId(unit.0.into()),
        tile: 0,
        work,
        waits: waits.iter().copied().collect(),
        takes: smallvec![],
        gives: smallvec![],
        reads: smallvec![],
        writes: smallvec![],
    }
}

fn receive(core: &Target, from: u16, bytes: u64) -> Instruction {
    let tile = ReceiveTile {
        from: CoreId(from),
        bytes: Bytes(bytes),
        scratchpad: ScratchpadId::Activations,
    };
    let unit = core.receive.expect("a machine of several chips");
    instruction(unit, Work::Receive(tile), &[])
}

/// Nine chips in three rows, a byte a cycle, 50 cycles a link.
fn nine(topology: &str) -> Machine {
    machine(&format!(
        "chips: 9, link: (bandwidth: GBps(1), latency: Ns(50), topology: {topology}(3))"
    ))
}

#[test]
fn bytes_over_links_whose_bits_64_bits_do_not_count_end_as_an_error() {
    let machine = nine("Torus");
    let platform = machine.platform();
    let mut work = vec![Vec::new(); platform.cores.len()];
    work[0] = vec![receive(&platform.cores[0], 1, 1 << 62)];
    let options = RunOptions {
        cycle_limit: None,
        progress: &mut |_| (),
    };
    let mut program = Script::new(platform, work);
    let result = machine.run(&mut program, Ledger::new(platform), options);
    let error = result.map(|_| ()).unwrap_err();
    assert!(matches!(error, MachineError::TooLong), "{error}");
}

/// What each chip receives: from which chip, how many bytes.
fn received(machine: &Machine, what: &[Vec<(u16, u64)>]) -> Outcome {
    let cores = machine.platform().cores.iter().zip(what);
    let cores = cores.map(|(core, tiles)| {
        let tiles = tiles.iter();
        let tiles = tiles.filter(|(from, _)| *from != core.core.0);
        tiles
            .map(|&(from, bytes)| receive(core, from, bytes))
            .collect()
    });
    run(machine, cores.collect()).0
}

#[test]
fn data_take_every_link_of_their_way_and_wait_behind_what_was_asked_before() {
    let alone = |topology, from, to: usize| {
        let mut what = vec![Vec::new(); 9];
        what[to] = vec![(from, 100)];
        received(&nine(topology), &what).total
    };
    // From corner to corner: four links of a mesh, two of a torus; the data pass one behind
    // another.
    assert_eq!(alone("Mesh", 0, 8), Cycles(4 * 50 + 100));
    assert_eq!(alone("Torus", 0, 8), Cycles(2 * 50 + 100));
    // Chips 1 and 2 both ask for data of chip 0, over the link that joins 0 and 1: chip 1 first.
    let mut what = vec![Vec::new(); 9];
    what[1] = vec![(0, 100)];
    what[2] = vec![(0, 10)];
    assert_eq!(
        received(&nine("Mesh"), &what).total,
        Cycles(100 + 2 * 50 + 10)
    );
}

prop_compose! {
    fn exchanges()(
        what in prop::collection::vec(prop::collection::vec((0u16..9, 1u64..500), 0..5), 9),
    ) -> Vec<Vec<(u16, u64)>> {
        what
    }
}

/// Unlike cores on one chip: other arrays, lanes, DMAs and scratchpads.
const UNLIKE: &str = r#"cores: [
    (count: 1),
    (count: 2, vector: Free, dma: (ports: 3, requests_in_flight: 2, port: Bytes(8))),
    (count: 1, vector: (lanes: 1, startup_cycles: 0),
     scratchpads: (activations: (capacity: KiB(4), banks: 1, port: Bytes(8)), weights: Unlimited,
                   outputs: Unlimited),
     arrays: [(name: "a", element: Int8(), rows: 2, columns: 2, dataflow: WeightStationary,
               clock: MHz(300)),
              (name: "b", element: Bf16(), rows: 2, columns: 8, dataflow: InputStationary)]),
]"#;

/// Steps of a core: of which unit, how large, and for how many of another unit's to wait.
type Step = (usize, u64, usize);

/// The instructions of a core; each waits for one of another unit that stands earlier.
fn steps(core: &Target, steps: &[Step]) -> Vec<Instruction> {
    let units = [core.vector, core.load, core.store];
    let mut issued = [0u64; 3];
    let step = |&(kind, size, back): &Step| {
        let other = (kind + 1 + back % 2) % 3;
        let completed = issued[other].saturating_sub(back as u64 / 2);
        let wait = (completed > 0).then_some(Wait {
            unit: units[other],
            completed,
            reason: WaitReason::Data,
        });
        issued[kind] += 1;
        let activations = Stream::new(ScratchpadId::Activations, 16);
        let work = match kind {
            0 => Work::Vector(VectorTile {
                kind: VectorKind::Add,
                elements: size,
                rows: 1,
                source: activations,
                operand: None,
                result: activations,
            }),
            _ => Work::Transfer(TransferTile {
                region: Region::contiguous(size * 64, Bytes(size)),
                scratchpad: ScratchpadId::Activations,
            }),
        };
        instruction(units[kind], work, wait.as_slice())
    };
    steps.iter().map(step).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Each link is at work for the bytes whose way it is on, no run ends before its busiest link
    /// has passed all of them, and none before its longest way could be gone.
    #[test]
    fn links_pass_what_is_received_and_no_run_is_faster_than_they_are(
        what in exchanges(), torus: bool,
    ) {
        let machine = nine(if torus { "Torus" } else { "Mesh" });
        let outcome = received(&machine, &what);
        let network = &machine.platform().network;
        let mut bytes = vec![0; network.links()];
        let mut soonest = 0;
        for (to, tiles) in (0u16..).zip(&what) {
            for &(from, size) in tiles.iter().filter(|(from, _)| *from != to) {
                let route = network.route(from, to).unwrap();
                soonest = soonest.max(50 * route.len() as u64 + size);
                for link in route {
                    bytes[link.index()] += size;
                }
            }
        }
        let busy: Vec<u64> = outcome.links.iter().map(|cycles| cycles.get()).collect();
        prop_assert_eq!(&busy, &bytes);
        prop_assert!(outcome.total.get() >= soonest);
        prop_assert!(outcome.total.get() >= busy.into_iter().max().unwrap_or(0));
    }

    /// The ledger asserts that every cycle of every unit is told once and that the path sums to the
    /// run; beside that, all that was asked for is moved, whatever each core is made of.
    #[test]
    fn the_account_of_unlike_cores_balances(
        cores in prop::collection::vec(prop::collection::vec((0usize..3, 1u64..3000, 0usize..8), 0..30), 4),
    ) {
        let machine = machine(UNLIKE);
        let platform = machine.platform();
        let programs = platform.cores.iter().zip(&cores);
        let programs = programs.map(|(core, of_core)| steps(core, of_core)).collect();
        let (outcome, summary) = run(&machine, programs);
        prop_assert_eq!(outcome.total, summary.total);
        prop_assert_eq!(summary.units.len(), platform.units());
        let moved = cores.iter().flatten().filter(|(kind, ..)| *kind > 0);
        let moved: u64 = moved.map(|(_, size, _)| size).sum();
        prop_assert_eq!((summary.bytes_read + summary.bytes_written).get(), moved);
        let path: Cycles = summary.makespan.iter().map(|cell| cell.cycles).sum();
        prop_assert_eq!(path, summary.total);
    }
}
