//! Hand-written programs on small machines: times by hand, errors, and the books of random runs.

use std::task::Poll;

use accelerator::{Machine, MachineError, MachineFile, Outcome, RunOptions, VectorSpec, resolve};
use attribution::{Ledger, Summary};
use config::Document;
use event_kernel::RunError;
use proptest::prelude::*;
use quantities::{Bytes, Cycle, Cycles};
use smallvec::smallvec;
use tile_program::{
    Cause, Claim, Class, GemmShape, GemmTile, Instruction, NoObserver, Operation, OperationId,
    OperationName, Operator, Packed, Pass, Program, Region, ScratchpadId, Stream, TransferTile,
    UnitId, VectorKind, VectorTile, Wait, WaitReason, Work,
};

const ARRAY: UnitId = UnitId(0);
const VECTOR: UnitId = UnitId(1);
const LOAD: UnitId = UnitId(2);
const STORE: UnitId = UnitId(3);

/// Passes written down, the length of the sums that their GEMM is part of, and its
/// compulsory bytes to read.
struct Script(std::vec::IntoIter<Vec<Instruction>>, u64, u64);

impl Program for Script {
    fn next_pass(&mut self) -> Option<Pass> {
        let instructions = self.0.next()?;
        let operation = |(name, class, unit)| Operation {
            name: OperationName::of(Operator::Named(name)),
            class,
            family: None,
            unit,
            gemm: (unit == ARRAY).then_some(GemmShape {
                m: 1,
                n: 1,
                k: self.1,
                count: 1,
            }),
            tiling: None,
            macs: 0,
            compulsory_read: Bytes(if unit == ARRAY { self.2 } else { 0 }),
            compulsory_write: Bytes::ZERO,
        };
        let operations = [
            ("gemm", Class::MatMulFree, ARRAY),
            ("norm", Class::Vector, VECTOR),
        ];
        Some(Pass {
            name: "script".into(),
            tokens: 1,
            operations: operations.into_iter().map(operation).collect(),
            streams: vec![Box::new(instructions.into_iter().map(Poll::Ready))],
        })
    }

    fn passes(&self) -> u64 {
        self.0.len() as u64
    }
}

fn machine(array_clock: &str, memory: &str) -> Machine {
    ported(array_clock, memory, "capacity: KiB(4)", "Unlimited")
}

/// The same with scratchpads of this form for operands, and this unpack unit.
fn ported(array_clock: &str, memory: &str, pad: &str, unpack: &str) -> Machine {
    let text = format!(
        r#"Machine(
            name: "test", clock: MHz(1000),
            arrays: [(name: "array", element: Int8(), rows: 4, columns: 4, clock: {array_clock},
                      dataflow: OutputStationary, timing: ScaleSim, unpack: {unpack})],
            vector: (lanes: 4, startup_cycles: 2),
            scratchpads: (activations: ({pad}), weights: ({pad}),
                          outputs: Unlimited),
            dma: (requests_in_flight: 4, request: Bytes(64)),
            memory: {memory},
        )"#
    );
    let document = Document::parse("test.ron", text).unwrap();
    let file: MachineFile = document.read().unwrap();
    Machine::new(resolve(&file).unwrap()).unwrap()
}

const IDEAL: &str = "Ideal(bandwidth: GBps(32), latency: Ns(100))";
const DRAM: &str = r#"Dram(standard: "LPDDR5-6400", channels: 2)"#;

fn gemm(m: u64, n: u64, k: u64, waits: &[Wait]) -> Instruction {
    let tile = GemmTile {
        m,
        n,
        k,
        repeat: 1,
        side_by_side: 1,
        accumulate: false,
        packed: None,
    };
    instruction(ARRAY, 0, Work::Gemm(tile), waits)
}

fn norm(elements: u64, waits: &[Wait]) -> Instruction {
    let tile = VectorTile {
        kind: VectorKind::Add,
        elements,
        rows: 1,
        source: Stream::new(ScratchpadId::Activations, 16),
        operand: None,
        result: Stream::new(ScratchpadId::Activations, 16),
    };
    instruction(VECTOR, 1, Work::Vector(tile), waits)
}

fn transfer(unit: UnitId, address: u64, bytes: u64, waits: &[Wait]) -> Instruction {
    let region = Region::contiguous(address, Bytes(bytes));
    let tile = TransferTile {
        region,
        scratchpad: ScratchpadId::Weights,
    };
    instruction(unit, 0, Work::Transfer(tile), waits)
}

fn instruction(unit: UnitId, operation: u32, work: Work, waits: &[Wait]) -> Instruction {
    Instruction {
        unit,
        operation: OperationId(operation),
        tile: 0,
        work,
        waits: waits.iter().copied().collect(),
        takes: smallvec![],
        gives: smallvec![],
        reads: smallvec![],
        writes: smallvec![],
    }
}

fn after(unit: UnitId, completed: u64) -> Wait {
    Wait {
        unit,
        completed,
        reason: WaitReason::Data,
    }
}

fn run(
    machine: &Machine,
    script: Vec<Vec<Instruction>>,
) -> Result<(Outcome, Summary), MachineError> {
    let mut program = Script(script.into_iter(), 64, 0);
    let ledger = Ledger::new(machine.platform());
    let options = RunOptions {
        cycle_limit: None,
        progress: &mut |_| (),
    };
    let (outcome, ledger) = machine.run(&mut program, ledger, options)?;
    Ok((outcome, ledger.summary()))
}

#[test]
fn a_chain_takes_the_sum_of_its_links() {
    let machine = machine("MHz(1000)", IDEAL);
    let chain = vec![
        transfer(LOAD, 0, 640, &[]),
        gemm(4, 4, 10, &[after(LOAD, 1)]),
        norm(16, &[after(ARRAY, 1)]),
        transfer(STORE, 4096, 64, &[after(VECTOR, 1)]),
    ];
    let (outcome, summary) = run(&machine, vec![chain]).unwrap();
    // The load keeps 4 requests of 64 B (2 cycles of bus each) in flight, so the memory sees a new
    // request each time an old one is through: 100 + 2 for the first, bursts of four every
    // 102 + … cycles. The array takes 10 + 4 + 4 − 2 cycles, the vector unit 2 + 16 / 4.
    let load = [102, 104, 106, 108, 204, 206, 208, 210, 306, 308][9];
    assert_eq!(outcome.total, Cycles(load + 16 + 6 + 102));
    let path = |class, cause| {
        let cell = summary
            .makespan
            .iter()
            .find(|cell| (cell.class, cell.cause) == (class, cause));
        cell.map_or(0, |cell| cell.cycles.get())
    };
    assert_eq!(path(Class::Vector, Cause::Compute), 6);
    // 20 cycles of data for the load and 2 for the store; all else of theirs is latency.
    assert_eq!(path(Class::MatMulFree, Cause::DramBandwidth), 22);
    assert_eq!(path(Class::MatMulFree, Cause::DramLatency), load - 20 + 100);
    let array = &summary.units[ARRAY.index()];
    assert_eq!(array.by_cause(Cause::DramLatency).get(), load - 20);
    assert_eq!(array.by_cause(Cause::DramBandwidth).get(), 20);
}

#[test]
fn independent_units_work_at_once() {
    let machine = machine("MHz(1000)", IDEAL);
    let both = vec![gemm(4, 4, 100, &[]), norm(400, &[])];
    let (outcome, summary) = run(&machine, vec![both]).unwrap();
    assert_eq!(outcome.total, Cycles(106));
    let vector = summary.classes[Class::Vector as usize];
    assert_eq!((vector.busy, vector.hidden), (Cycles(102), Cycles(102)));
}

/// A side of 4 bytes a cycle.
const NARROW: &str = "capacity: KiB(4), banks: 1, port: Bytes(8)";

#[test]
fn units_at_once_share_the_ports_of_a_scratchpad_oldest_first() {
    let machine = ported("MHz(1000)", IDEAL, NARROW, "Unlimited");
    // The vector unit reads 800 bytes and writes 800: 400 cycles, of which its lanes need 102.
    let (outcome, summary) = run(&machine, vec![vec![norm(400, &[])]]).unwrap();
    assert_eq!(outcome.total, Cycles(400));
    assert_eq!(
        summary.units[VECTOR.index()]
            .by_cause(Cause::SramPort)
            .get(),
        298
    );
    // The array reads 400 bytes in its 106 cycles, and is first in the order of units: the vector
    // unit gets the rest. 2000 bytes take 500 cycles, less the little that rounding leaves.
    let both = vec![gemm(4, 4, 100, &[]), norm(400, &[])];
    let (outcome, summary) = run(&machine, vec![both]).unwrap();
    assert!(
        (500..=502).contains(&outcome.total.get()),
        "{}",
        outcome.total
    );
    assert_eq!(summary.units[ARRAY.index()].busy, Cycles(106));
    assert_eq!(outcome.scratchpads[0][0].accesses, Bytes(2000));
}

#[test]
fn an_unpack_unit_limits_the_weights_that_are_packed() {
    let machine = ported(
        "MHz(1000)",
        IDEAL,
        "capacity: KiB(4)",
        "(weights_per_cycle: 2, formats: [TwoBits])",
    );
    let with = |packed| {
        let Work::Gemm(tile) = gemm(4, 4, 100, &[]).work else {
            unreachable!("a GEMM")
        };
        let tile = GemmTile { packed, ..tile };
        let (outcome, _) = run(
            &machine,
            vec![vec![instruction(ARRAY, 0, Work::Gemm(tile), &[])]],
        )
        .unwrap();
        outcome
    };
    assert_eq!(with(None).total, Cycles(106));
    // 4 columns want 4 weights a step: two cycles.
    let packed = with(Some(Packed::TwoBits));
    assert_eq!(packed.total, Cycles(206));
    // 400 weights of 2 bits.
    assert_eq!(packed.scratchpads[0][1].read, Bytes(100));
}

#[test]
fn a_pass_that_moves_less_than_it_must_ends_in_an_error_and_never_in_a_result() {
    let machine = machine("MHz(1000)", IDEAL);
    let of = |compulsory| {
        let load = vec![transfer(LOAD, 0, 640, &[])];
        // A pass in the midst of the run, and its last.
        let mut program = Script(vec![load.clone(), load].into_iter(), 64, compulsory);
        let options = RunOptions {
            cycle_limit: None,
            progress: &mut |_| (),
        };
        machine.run(&mut program, NoObserver, options)
    };
    assert!(of(640).is_ok());
    match of(641) {
        Err(error @ MachineError::Shortfall(_)) => assert_eq!(
            error.to_string(),
            "internal error: `gemm` moved 640 B to read and 0 B to write, of 641 B and 0 B that are \
             compulsory"
        ),
        other => panic!("{:?}", other.map(|_| ())),
    }
}

#[test]
fn an_array_keeps_its_own_clock() {
    let slow = machine("MHz(300)", IDEAL);
    let (outcome, summary) = run(&slow, vec![vec![gemm(4, 4, 100, &[])]]).unwrap();
    // 106 cycles of 300 MHz are 353.3 cycles of 1 GHz.
    assert_eq!(outcome.total, Cycles(354));
    assert_eq!(summary.units[ARRAY.index()].busy, Cycles(354));
}

#[test]
fn a_pass_begins_when_the_one_before_is_complete() {
    let machine = machine("MHz(1000)", IDEAL);
    let passes = vec![vec![norm(400, &[])], vec![gemm(4, 4, 100, &[])]];
    let (outcome, summary) = run(&machine, passes).unwrap();
    assert_eq!(outcome.total, Cycles(102 + 106));
    assert_eq!(summary.passes, 2);
}

#[test]
fn waits_in_a_ring_end_with_a_report_of_who_waits_for_whom() {
    let machine = machine("MHz(1000)", IDEAL);
    let ring = vec![
        gemm(4, 4, 4, &[after(VECTOR, 1)]),
        norm(4, &[after(ARRAY, 1)]),
    ];
    let error = run(&machine, vec![ring]).unwrap_err();
    let MachineError::Run(RunError::Deadlock(waiters)) = &error else {
        panic!("{error}")
    };
    let names: Vec<_> = waiters.iter().map(|waiter| waiter.name.as_str()).collect();
    assert_eq!(names, ["array", "vector"]);
    let text = error.to_string();
    assert!(
        text.contains("array waits for vector: tile 0 of gemm needs instruction 1"),
        "{text}"
    );
}

#[test]
fn a_scratchpad_that_overflows_ends_the_run() {
    let machine = machine("MHz(1000)", IDEAL);
    let claim = Claim {
        scratchpad: ScratchpadId::Weights,
        bytes: Bytes(3000),
    };
    let greedy = || Instruction {
        takes: smallvec![claim],
        ..transfer(LOAD, 0, 64, &[])
    };
    let error = run(&machine, vec![vec![greedy(), greedy()]]).unwrap_err();
    assert!(matches!(error, MachineError::Scratchpad { .. }), "{error}");
}

#[test]
fn sums_that_may_leave_the_accumulators_are_refused_before_the_pass() {
    let machine = machine("MHz(1000)", IDEAL);
    // 2^17 products of INT8 reach 2^31, past 32 bits.
    let mut program = Script(vec![vec![gemm(4, 4, 4, &[])]].into_iter(), 1 << 17, 0);
    let options = RunOptions {
        cycle_limit: None,
        progress: &mut |_| (),
    };
    let error = machine.run(&mut program, NoObserver, options).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("sums of K = 131072 products may overflow"),
        "{error}"
    );
}

#[test]
fn a_run_past_its_limit_and_one_past_64_bits_end_as_errors() {
    let machine = machine("MHz(1000)", IDEAL);
    let limited = |limit| {
        let script = vec![vec![norm(400, &[])]];
        let mut program = Script(script.into_iter(), 64, 0);
        let options = RunOptions {
            cycle_limit: Some(Cycle(limit)),
            progress: &mut |_| (),
        };
        machine.run(&mut program, NoObserver, options)
    };
    assert!(limited(102).is_ok());
    let error = limited(101).map(|_| ()).unwrap_err();
    let expected = RunError::CycleLimit(Cycle(101));
    assert!(
        matches!(&error, MachineError::Run(run) if *run == expected),
        "{error}"
    );
    // Work of 2^40 operations an element on 2^30 elements.
    let mut spec = machine.spec().clone();
    let VectorSpec::Lanes(lanes) = &mut spec.cores.first_mut().vector else {
        panic!("a vector unit of lanes")
    };
    lanes.costs[VectorKind::Add as usize].operations = 1 << 40;
    let slow = Machine::new(spec).unwrap();
    let error = run(&slow, vec![vec![norm(1 << 30, &[])]]).unwrap_err();
    assert!(matches!(error, MachineError::TooLong), "{error}");
}

#[test]
fn vector_work_that_moves_more_than_64_bits_count_ends_as_an_error() {
    // A lane for each element keeps the time short.
    let mut spec = machine("MHz(1000)", IDEAL).spec().clone();
    let VectorSpec::Lanes(lanes) = &mut spec.cores.first_mut().vector else {
        panic!("a vector unit of lanes")
    };
    lanes.lanes = u64::MAX;
    let wide = Machine::new(spec).unwrap();
    let moved = |elements| {
        let mut work = norm(elements, &[]);
        if let Work::Vector(tile) = &mut work.work {
            tile.operand = Some(tile.source);
        }
        work
    };
    let too_long = |scripts: Vec<Instruction>| {
        let result = run(&wide, vec![scripts]).map(|_| ());
        assert!(matches!(result, Err(MachineError::TooLong)), "{result:?}");
    };
    too_long(vec![moved(u64::MAX)]);
    // Each alone can be counted, and their sum cannot.
    assert!(run(&wide, vec![vec![moved(1 << 57)]]).is_ok());
    too_long((0..16).map(|_| moved(1 << 57)).collect());
}

/// A program whose stream waits for what nobody gives.
struct Hopeless(Option<Script>);

impl Program for Hopeless {
    fn next_pass(&mut self) -> Option<Pass> {
        let pass = self.0.take()?.next_pass()?;
        let streams: Vec<tile_program::InstructionStream> =
            vec![Box::new(std::iter::repeat_with(|| Poll::Pending))];
        Some(Pass { streams, ..pass })
    }

    fn passes(&self) -> u64 {
        1
    }
}

#[test]
fn a_program_that_gives_nothing_more_before_its_end_is_an_error() {
    let machine = machine("MHz(1000)", IDEAL);
    let script = Script(vec![Vec::new()].into_iter(), 64, 0);
    let options = RunOptions {
        cycle_limit: None,
        progress: &mut |_| (),
    };
    let outcome = machine.run(&mut Hopeless(Some(script)), NoObserver, options);
    let error = outcome.map(|_| ()).unwrap_err();
    assert!(matches!(error, MachineError::Stalled), "{error}");
}

/// A program in which every wait is for an instruction that stands earlier.
fn programs() -> impl Strategy<Value = Vec<Vec<Instruction>>> {
    let instruction = (
        0usize..4,
        1u64..40,
        0u64..1 << 20,
        prop::collection::vec(0u64..12, 4),
    );
    let pass = prop::collection::vec(instruction, 1..60);
    prop::collection::vec(pass, 1..4).prop_map(|passes| {
        let mut issued = [0u64; 4];
        let mut write = |(unit, size, address, back): (usize, u64, u64, Vec<u64>)| {
            let waits: Vec<_> = (0..4)
                .filter(|&other| other != unit && back[other] < 6)
                .filter_map(|other| {
                    let completed = issued[other].checked_sub(back[other])?;
                    (completed > 0).then(|| after(UnitId(other as u16), completed))
                })
                .collect();
            issued[unit] += 1;
            match unit {
                0 => gemm(size % 9 + 1, size % 7 + 1, size, &waits),
                1 => norm(size * 3, &waits),
                _ => transfer(UnitId(unit as u16), address, size * 50, &waits),
            }
        };
        passes
            .into_iter()
            .map(|pass| pass.into_iter().map(&mut write).collect())
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The ledger asserts every join and both sums; here beside: the machine is deterministic, and
    /// who watches changes nothing.
    #[test]
    fn the_books_of_any_run_balance(script in programs(), clock in 1usize..4, real: bool, narrow: bool) {
        let clock = ["MHz(1000)", "MHz(700)", "MHz(1300)"][clock - 1];
        let memory = if real { DRAM } else { IDEAL };
        let pad = if narrow { NARROW } else { "capacity: KiB(4)" };
        let machine = ported(clock, memory, pad, "Unlimited");
        let (outcome, summary) = run(&machine, script.clone()).unwrap();
        prop_assert_eq!(outcome.total, summary.total);
        // Neither side of a scratchpad ever carried more than its ports do.
        let side = if narrow { 4 } else { 256 };
        for pad in &outcome.scratchpads[0][..2] {
            let most = side * outcome.total.get();
            prop_assert!(pad.accesses.get() <= most, "{pad:?}: at most {most}");
            prop_assert!(pad.filled.get() + pad.drained.get() <= most, "{pad:?}: at most {most}");
        }
        let channels: Vec<_> =
            outcome.channels.iter().map(|channel| channel.cycles.total()).collect();
        prop_assert!(channels.iter().all(|&cycles| cycles == channels[0]), "{channels:?}");
        let busy: u64 = summary.units.iter().map(|unit| unit.busy.get()).sum();
        let waiting: u64 = summary.makespan.iter()
            .filter(|cell| matches!(cell.cause, Cause::Dependency | Cause::Idle))
            .map(|cell| cell.cycles.get()).sum();
        prop_assert!(busy + waiting >= summary.total.get(), "somebody works whenever time goes on");
        let (again, _) = run(&machine, script.clone()).unwrap();
        prop_assert_eq!(&again, &outcome);
        let options = RunOptions { cycle_limit: None, progress: &mut |_| () };
        let mut program = Script(script.into_iter(), 64, 0);
        let (unwatched, _) = machine.run(&mut program, NoObserver, options).unwrap();
        prop_assert_eq!(unwatched, outcome);
    }
}
