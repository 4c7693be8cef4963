//! What the steps of a simulation guarantee, on a small machine.

// The example is a program of its own; here its sweep is run.
#[path = "../examples/sweep.rs"]
mod sweep;

use quantities::Cycle;
use simulator::{
    Chips, MachineError, MachineSpec, Simulation, Workload, read_machine, read_workload,
};
use tile_program::{Observer, Role};

fn small() -> MachineSpec {
    read_machine("small.ron", include_str!("../examples/small.ron")).unwrap()
}

/// The small machine with further fields.
fn small_with(fields: &str) -> MachineSpec {
    let text = include_str!("../examples/small.ron").trim_end();
    let text = text.strip_suffix(')').unwrap();
    read_machine("small.ron", format!("{text}    {fields}\n)")).unwrap()
}

fn layer() -> Workload {
    read_workload("layer.ron", include_str!("../examples/layer.ron")).unwrap()
}

/// Two blocks of a small transformer, every operator of them.
fn blocks() -> Workload {
    let text = "Workload(model: Variant(of: \"gpt2-124m\", layers: 2), run: Prefill(tokens: 8), \
                operators: Blocks, precision: (projection: Ternary(packing: TwoBits), \
                attention: Int8, kv_cache: Int8))";
    read_workload("blocks", text).unwrap()
}

/// Sees nothing but the ends of runs.
#[derive(Default)]
struct Ends(Vec<Cycle>);

impl Observer for Ends {
    fn end(&mut self, end: Cycle) {
        self.0.push(end);
    }
}

#[test]
fn a_wider_array_takes_fewer_cycles_in_the_sweep() {
    let rows = sweep::sweep().unwrap();
    assert_eq!(rows.len(), 4);
    for pair in rows.windows(2) {
        assert!(pair[0].0 < pair[1].0 && pair[0].1 > pair[1].1, "{rows:?}");
    }
    assert!(rows.iter().all(|&(.., share)| share > 0.0 && share <= 1.0));
}

#[test]
fn an_observer_of_the_caller_sees_the_run_that_the_ledger_accounts_for() {
    let mut ends = Ends::default();
    let compiled = Simulation::new(small()).unwrap().workload(layer()).unwrap();
    let record = compiled.observe(&mut ends).run().unwrap();
    assert_eq!(ends.0, [Cycle::ZERO + record.summary.total]);
    assert_eq!(record.outcome.total, record.summary.total);
    let layers = Simulation::new(small()).unwrap().workload(layer()).unwrap();
    let alone = layers.run().unwrap();
    assert_eq!(alone.summary, record.summary);
    assert_eq!(alone.outcome, record.outcome);
}

#[test]
fn a_run_past_its_cycle_limit_is_given_up_and_one_within_it_is_not() {
    let compiled = || Simulation::new(small()).unwrap().workload(layer()).unwrap();
    let total = compiled().run().unwrap().summary.total;
    let within = compiled().cycle_limit(Cycle::ZERO + total).run().unwrap();
    assert_eq!(within.summary.total, total);
    let beyond = compiled().cycle_limit(Cycle(total.get() / 2)).run();
    assert!(matches!(beyond, Err(MachineError::Run(_))), "{beyond:?}");
}

#[test]
fn progress_is_told_and_never_beyond_the_passes_of_the_run() {
    let mut last = None;
    let mut listener = |progress| last = Some(progress);
    let compiled = Simulation::new(small()).unwrap().workload(layer()).unwrap();
    let record = compiled.progress(&mut listener).run().unwrap();
    let last = last.expect("a run tells of its progress");
    assert_eq!(last.passes, record.summary.passes);
    assert!(last.passes_done <= last.passes && last.cycles <= record.summary.total.get());
}

#[test]
fn energy_is_told_where_a_technology_is_given_and_its_account_includes_the_memory() {
    let technology = energy::Technology::shipped("7nm").unwrap();
    let simulation = || Simulation::new(small()).unwrap();
    let plain = simulation().workload(layer()).unwrap().run().unwrap();
    let priced = simulation().technology(&technology).unwrap();
    let priced = priced.workload(layer()).unwrap().run().unwrap();
    assert!(plain.energy.is_none());
    assert_eq!(plain.summary, priced.summary);
    let energy = priced.energy.as_ref().unwrap();
    assert!(energy.area().square_millimetres() > 0.0);
    assert!(energy.account.knows_memory);
    // Both sums of the memory's energy agree but for the rounding to whole attojoules.
    let memory = priced.dram_energy.unwrap();
    assert!((memory.by_command.total_pj() - memory.total_pj).abs() < 1e-9 * memory.total_pj);
    let components = energy.account.components.iter();
    let dram = components.filter(|each| each.component.name().starts_with("dram_"));
    let joules: f64 = dram.map(|each| each.total().joules()).sum();
    assert!((joules - 1e-12 * memory.total_pj).abs() < 1e-6 * joules);
}

#[test]
fn one_chip_of_equal_ones_and_every_chip_take_the_same_time() {
    let ring =
        || small_with("chips: 4, link: (bandwidth: GBps(8), latency: Ns(100), topology: Ring),");
    let run = |chips| {
        let simulation = Simulation::new(ring()).unwrap().chips(chips);
        simulation.workload(blocks()).unwrap().run().unwrap()
    };
    let (one, every) = (run(Chips::OneOfEqual), run(Chips::Every));
    assert_eq!(one.summary.total, every.summary.total);
    assert_eq!(one.platform().replicas, 4);
    assert_eq!(every.platform().replicas, 1);
}

#[test]
fn the_vector_units_of_two_cores_are_busy() {
    let run = |spec| {
        let compiled = Simulation::new(spec).unwrap().workload(blocks()).unwrap();
        compiled.run().unwrap()
    };
    let (single, double) = (run(small()), run(small_with("cores: [(count: 2)],")));
    let busy = |name: &str| {
        let units = double.summary.units.iter();
        let unit = units.clone().find(|unit| unit.name == name).unwrap();
        unit.busy.get() as f64 / double.summary.total.get() as f64
    };
    let mean = (busy("core0.vector") + busy("core1.vector")) / 2.0;
    assert!((double.busy_of(Role::Vector) - mean).abs() < 1e-12);
    assert!(double.busy_of(Role::Vector) > 0.0);
    assert!(single.busy_of(Role::Vector) > 0.0);
}
