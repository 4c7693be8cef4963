//! How wide should the array be? Sweeps a field of a machine and prints what each width brings.

use simulator::{Machine, Point, SimulationError, measure_all, read_machine, read_workload};

/// Columns of the array, cycles of the run, and the share of the peak that the array reaches.
pub(crate) type Row = (u64, u64, f64);

/// Runs a layer on machines whose arrays are of several widths.
///
/// # Errors
/// If a file is mistaken or a machine cannot run the layer.
pub(crate) fn sweep() -> Result<Vec<Row>, Box<dyn std::error::Error>> {
    let base = read_machine("small.ron", include_str!("small.ron"))?;
    let workload = read_workload("layer.ron", include_str!("layer.ron"))?;
    let machines = [8, 16, 32, 64].map(|columns| {
        let mut spec = base.clone();
        spec.cores.first_mut().arrays[0].array.columns = columns;
        Machine::new(spec)
    });
    let machines = machines.into_iter().collect::<Result<Vec<_>, _>>()?;
    let points = machines.iter().map(|machine| Point {
        machine,
        workload: workload.clone(),
    });
    let records = measure_all(&points.collect::<Vec<_>>()).into_iter();
    let records = records.collect::<Result<Vec<_>, SimulationError>>()?;
    let rows = records.iter().flat_map(|record| {
        let arrays = record.arrays();
        let cycles = record.summary.total.get();
        arrays.map(move |array| (array.target.columns, cycles, record.utilisation(&array)))
    });
    Ok(rows.collect())
}

#[allow(dead_code)] // A test runs the sweep as a module.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    for (columns, cycles, share) in sweep()? {
        println!(
            "{columns:>4} columns: {cycles:>6} cycles, {:.0} % of peak",
            100.0 * share
        );
    }
    Ok(())
}
