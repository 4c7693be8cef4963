//! Runs random cases live through Verilator: `rtl CASES SEED`. With `record`, prints the fixed
//! sweep's answers instead.

use std::path::Path;

use validation::rtl::{Simulator, Sweep, record, sweep_cases};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let simulator = Simulator::build(Path::new(&target))?;
    if arguments.first().is_some_and(|word| word == "record") {
        let mut answers = Vec::new();
        simulator.run(&sweep_cases(), |case, answer| answers.push((*case, answer)))?;
        print!(
            "{}",
            record(answers.iter().map(|(case, answer)| (case, answer)))
        );
        return Ok(());
    }
    let number = |place: usize, default| match arguments.get(place) {
        Some(text) => text.parse::<u64>(),
        None => Ok(default),
    };
    let sweep = Sweep {
        cases: number(0, 1000)?,
        seed: number(1, 1)?,
        threads: std::thread::available_parallelism()?.get(),
    };
    let report = sweep.run(&simulator, || {})?;
    println!("{report}");
    if !report.mismatches.is_empty() {
        return Err("law and RTL differ".into());
    }
    Ok(())
}
