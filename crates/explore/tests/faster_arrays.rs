//! What reports say that faster arrays buy, beside the machines built so and simulated again.

use accelerator::{Machine, MachineFile, MachineSpec};
use attribution::{FasterArrays, Peaks, Speedup, Summary};
use config::Document;
use explore::what_if::{Means, Part, faster};
use explore::{Measured, Point, measure_all};
use workload_compiler::{Run, Workload, WorkloadFile};

/// How far the estimate along the critical path may be from the machine simulated again: the compiler
/// cuts work anew for each machine, and requests meet other rows.
const TOLERANCE: f64 = 0.05;

fn read(path: &str) -> Document {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    let name = format!("{root}{path}.ron");
    let text = std::fs::read_to_string(&name).unwrap();
    Document::parse(name, text).unwrap()
}

fn machine(name: &str) -> MachineSpec {
    let file: MachineFile = read(&format!("hw-configs/{name}")).read().unwrap();
    accelerator::resolve(&file).unwrap()
}

fn workload(name: &str) -> Workload {
    let file: WorkloadFile = read(&format!("workloads/{name}")).read().unwrap();
    let mut workload = workload_compiler::resolve(&file, |path| Err(path.to_owned())).unwrap();
    if let Run::Generate { tokens, .. } = &mut workload.run {
        // A few of many tokens are enough: only the context differs.
        *tokens = 3;
    }
    workload
}

/// Shipped machines with shipped workloads, some bound by memory, some by their arrays, some by work
/// that faster arrays do not reach; with one array for all, with an array for each, and with several.
const PAIRS: [(&str, &str); 7] = [
    ("edge-hybrid", "bitnet-b1.58-2b-4t-decode"),
    ("edge-tpu", "gpt2-124m-prefill-int8"),
    ("edge-tpu", "gpt2-124m-generate-binary"),
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

/// The bound of a report holds for the machine simulated again at every S, and the estimate along the
/// critical path is not beaten by more than the tolerance; where memory has most of the makespan it is
/// met within the tolerance.
#[test]
fn a_machine_with_faster_arrays_gains_no_more_than_its_report_says() {
    let speedups = [1.0, 4.0, f64::INFINITY].map(|s| Speedup::new(s).unwrap());
    let mut said = String::new();
    let mut wrong = 0;
    for (name, work) in PAIRS {
        let (spec, workload) = (machine(name), workload(work));
        let mut machines = vec![Machine::new(spec.clone()).unwrap()];
        for s in speedups {
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
        let runs: Result<Vec<Measured>, _> = measure_all(&points).into_iter().collect();
        let runs = runs.unwrap();
        let total = |run: &Measured| run.summary.total.get() as f64;
        let base = &runs[0];
        let estimate = FasterArrays::of(&base.summary);
        let bound = FasterArrays::bound(&base.summary, &peaks(&machines[0]));
        // An array that serves others too is split: what that brings by overlap is not the law's.
        let split = total(base) / total(&runs[1]);
        let memory = memory_share(&base.summary);
        for (s, run) in speedups.iter().zip(&runs[1..]) {
            let machine = total(base) / total(run);
            let expected = estimate.estimate(*s);
            let ratio = machine / split / expected;
            let holds = machine <= bound.speedup * (1.0 + 1e-9) && ratio <= 1.0 + TOLERANCE;
            let near = memory < 0.5 || ratio >= 1.0 - TOLERANCE;
            wrong += u32::from(!(holds && near));
            said += &format!(
                "{name} {work} memory {memory:.3} S {} machine {machine:.4} split {split:.4} \
                 estimate {expected:.4} bound {:.3}: {}\n",
                s.get(),
                bound.speedup,
                if holds && near { "ok" } else { "WRONG" }
            );
        }
    }
    assert_eq!(wrong, 0, "{said}");
}
