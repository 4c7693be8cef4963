//! What reports say that faster arrays buy, beside the machines built so and simulated again.

use attribution::{FasterArrays, Peaks, Speedup, Summary};
use explore::what_if::{Means, Part, faster};
use simulator::{Machine, MachineSpec, Point, RunRecord, measure_all, read_machine, read_workload};
use tile_program::Tiling;
use workload_compiler::{Run, Workload};

/// How far the estimate along the critical path may be from the machine simulated again in the same
/// schedule: requests meet other rows, and instructions other ports.
const TOLERANCE: f64 = 0.05;

fn text(path: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    std::fs::read_to_string(format!("{root}{path}.ron")).unwrap()
}

fn machine(name: &str) -> MachineSpec {
    read_machine(name, text(&format!("hw-configs/{name}"))).unwrap()
}

fn workload(name: &str) -> Workload {
    let text = text(&format!("workloads/{name}"));
    let mut workload = read_workload(name, text).unwrap();
    if let Run::Generate { tokens, .. } = &mut workload.run {
        // A few of many tokens are enough: only the context differs.
        *tokens = 3;
    }
    workload
}

/// Shipped machines with shipped workloads, some bound by memory, some by their arrays, some by
/// work that faster arrays do not reach; with one array for all, with an array for each, and with
/// several.
const PAIRS: [(&str, &str); 8] = [
    ("edge-hybrid", "bitnet-b1.58-2b-4t-decode"),
    ("edge-tpu", "gpt2-124m-prefill-int8"),
    ("edge-tpu", "gpt2-124m-generate-binary"),
    ("edge-hybrid", "gpt2-124m-prefill"),
    ("cloud-hybrid", "gpt2-124m-prefill"),
    ("gemmini", "gpt2-124m-prefill-int8"),
    ("tpu-v1", "gpt2-124m-prefill-int8"),
    ("tpu-v4i", "gpt2-124m-prefill"),
];

fn peaks(machine: &Machine) -> Peaks {
    let spec = machine.spec();
    let clock = spec.clock;
    let cores = &machine.platform().cores;
    let arrays = cores.iter().flat_map(|core| {
        let specs = &machine.core_spec(core).arrays;
        core.arrays.iter().zip(specs)
    });
    let memory = machine.memory().peak_bytes_per_second();
    Peaks {
        memory_bytes_per_cycle: memory.unwrap_or(f64::INFINITY) / clock.as_hertz_f64(),
        array_macs_per_cycle: arrays
            .map(|(target, array)| (target.unit, array.peak_macs_per_cycle(clock)))
            .collect(),
    }
}

/// The share of the makespan that goes to main memory.
fn memory_share(summary: &Summary) -> f64 {
    let cells = summary.makespan.iter();
    let memory = cells.filter(|cell| cell.cause.name().starts_with("dram"));
    let cycles: u64 = memory.map(|cell| cell.cycles.get()).sum();
    cycles as f64 / summary.total.get() as f64
}

/// How the GEMMs of a run are cut, without what that costs: its schedule.
fn schedule(run: &RunRecord) -> Vec<impl PartialEq + use<>> {
    let operations = run.summary.operations.iter();
    let cut = operations.map(|operation| {
        operation.tiling.map(|tiling| {
            let Tiling {
                m,
                n,
                k,
                order,
                reuse,
                arrays,
                side_by_side,
                splits_of_k,
                ..
            } = tiling.chosen;
            (m, n, k, order, reuse, arrays, side_by_side, splits_of_k)
        })
    });
    cut.collect()
}

/// The bound of a report holds for the machine simulated again at every S, whatever the compiler
/// makes of it. Where it cuts work as before, the estimate is not beaten by more than the
/// tolerance; where memory has most of the makespan, too, it is met within the tolerance.
#[test]
fn a_machine_with_faster_arrays_gains_no_more_than_its_report_says() {
    let speedups = [1.0, 4.0, f64::INFINITY].map(|s| Speedup::new(s).unwrap());
    let mut said = String::new();
    let (mut wrong, mut in_the_same_schedule) = (0, 0);
    for (name, work) in PAIRS {
        let (machine, runs) = simulated(name, work, &speedups);
        let total = |run: &RunRecord| run.summary.total.get() as f64;
        let base = &runs[0];
        let estimate = FasterArrays::of(&base.summary, machine.port_bytes_per_cycle());
        let bound = FasterArrays::bound(&base.summary, &peaks(&machine));
        // An array that serves others too is split: what that brings by overlap is not the law's.
        let split = total(base) / total(&runs[1]);
        let memory = memory_share(&base.summary);
        for (s, run) in speedups.iter().zip(&runs[1..]) {
            let machine = total(base) / total(run);
            let expected = estimate.estimate(*s);
            let ratio = machine / split / expected;
            let same = schedule(run) == schedule(&runs[1]);
            in_the_same_schedule += u32::from(same && s.get() > 1.0);
            let holds = machine <= bound.speedup * (1.0 + 1e-9);
            let beaten = same && ratio > 1.0 + TOLERANCE;
            let far = memory > 0.5 && ratio < 1.0 - TOLERANCE;
            let right = holds && !beaten && !far;
            wrong += u32::from(!right);
            said += &format!(
                "{name} {work} memory {memory:.3} S {} machine {machine:.4} split {split:.4} \
                 same schedule {same} estimate {expected:.4} bound {:.3}: {}\n",
                s.get(),
                bound.speedup,
                if right { "ok" } else { "WRONG" }
            );
        }
    }
    assert_eq!(wrong, 0, "{said}");
    assert!(in_the_same_schedule >= 6, "{said}");
}

/// A shipped pair, and its runs: as it is, and with the arrays of projections faster.
fn simulated(name: &str, work: &str, speedups: &[Speedup]) -> (Machine, Vec<RunRecord>) {
    let (spec, workload) = (machine(name), workload(work));
    let mut machines = vec![Machine::new(spec.clone()).unwrap()];
    for &s in speedups {
        let faster = faster(&spec, Part::MatMulFree, s, Means::Clock).unwrap();
        machines.push(Machine::new(faster).unwrap());
    }
    let points: Vec<_> = machines
        .iter()
        .map(|machine| Point {
            machine,
            workload: workload.clone(),
        })
        .collect();
    let runs: Result<Vec<RunRecord>, _> = measure_all(&points).into_iter().collect();
    (machines.swap_remove(0), runs.unwrap())
}
