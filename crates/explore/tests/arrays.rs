//! Arrays that serve the same operators share the work.

use simulator::{Machine, MachineSpec, Point, RunRecord, Workload, read_machine, read_workload};

/// TPU v4i, its memory as shipped or without limits.
fn tpu_v4i(ideal: bool) -> MachineSpec {
    let mut text = include_str!("../../../hw-configs/tpu-v4i.ron").to_owned();
    if ideal {
        let memory = text.find("memory:").unwrap();
        text.truncate(memory);
        text += "memory: Ideal(bandwidth: Unlimited, latency: Ns(0)),\n)\n";
    }
    read_machine("tpu-v4i", text).unwrap()
}

fn workload(run: &str) -> Workload {
    let text =
        format!("Workload(model: Variant(of: \"gpt2-124m\", layers: 2), run: {run}, batch: 2)");
    read_workload("workload", text).unwrap()
}

fn measure(spec: MachineSpec, run: &str) -> RunRecord {
    let machine = Machine::new(spec).unwrap();
    let workload = workload(run);
    let point = Point {
        machine: &machine,
        workload,
    };
    point.measure().unwrap()
}

const RUNS: [&str; 3] = [
    "Prefill(tokens: 256)",
    "Decode(context: 512)",
    "Decode(context: 100)",
];

#[test]
fn all_four_arrays_of_tpu_v4i_work() {
    for run in RUNS {
        let measured = measure(tpu_v4i(false), run);
        let macs: Vec<u64> = measured.summary.units[..4]
            .iter()
            .map(|unit| unit.macs)
            .collect();
        let all: u64 = macs.iter().sum();
        assert_eq!(all, measured.summary.macs);
        for macs in macs {
            assert!(
                macs * 6 > all,
                "{run}: {macs} of {all} on one of four arrays"
            );
        }
    }
}

#[test]
fn more_arrays_never_make_a_run_from_ideal_memory_slower() {
    for run in RUNS {
        let totals: Vec<u64> = (1..=4)
            .map(|arrays| {
                let mut spec = tpu_v4i(true);
                spec.cores.first_mut().arrays.truncate(arrays);
                measure(spec, run).summary.total.get()
            })
            .collect();
        assert!(
            totals.windows(2).all(|pair| pair[1] <= pair[0]),
            "{run}: {totals:?}"
        );
        assert!(totals[3] * 2 < totals[0], "{run}: {totals:?}");
    }
}
