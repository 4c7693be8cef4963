//! What a run costs, in host time and instructions, as models and runs grow.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs of each size; the fastest counts.
const RUNS: u32 = 3;

/// A sequence of runs, each twice the one before.
struct Series {
    title: &'static str,
    workload: &'static str,
    /// The field that grows.
    field: fn(u64) -> String,
    sizes: [u64; 4],
}

const SERIES: [Series; 3] = [
    Series {
        title: "layers: Llama-2 7B, prefill of 512 tokens",
        workload: "llama-2-7b-prefill-ternary",
        field: |layers| format!("workload.model=Variant(of: \"llama-2-7b\", layers: {layers})"),
        sizes: [4, 8, 16, 32],
    },
    Series {
        title: "prompt: Llama-2 7B, prefill",
        workload: "llama-2-7b-prefill-ternary",
        field: |tokens| format!("workload.run=Prefill(tokens: {tokens})"),
        sizes: [256, 512, 1024, 2048],
    },
    Series {
        title: "new tokens: BitNet 2B4T after a prompt of 64",
        workload: "bitnet-b1.58-2b-4t-generate",
        field: |tokens| format!("workload.run=Generate(prompt: 64, tokens: {tokens})"),
        sizes: [8, 16, 32, 64],
    },
];

/// Prints a table a series: size, instructions, seconds, and both over those of the smallest size.
pub(crate) fn cost(ternion: &Path) -> Result<(), String> {
    for series in &SERIES {
        println!("{}", series.title);
        println!("    size  instructions  seconds  times the first: size, instructions, seconds");
        let mut first = None;
        for size in series.sizes {
            let (instructions, time) = measure(ternion, series, size)?;
            let seconds = time.as_secs_f64();
            let (size_0, instructions_0, seconds_0) =
                *first.get_or_insert((size, instructions, seconds));
            println!(
                "{size:>8}  {instructions:>12}  {seconds:>7.2}  {:>21}, {:.2}, {:.2}",
                size / size_0,
                instructions as f64 / instructions_0 as f64,
                seconds / seconds_0
            );
        }
    }
    Ok(())
}

fn measure(ternion: &Path, series: &Series, size: u64) -> Result<(u64, Duration), String> {
    let facts = std::env::temp_dir().join(format!("ternion-cost-{}.json", std::process::id()));
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let mut run = Command::new(ternion);
        run.args(["simulate", "--quiet", "--hw", "cloud-hybrid", "--workload"])
            .arg(series.workload);
        if series.title.starts_with("layers") {
            run.args(["--set", "workload.run=Prefill(tokens: 512)"]);
        }
        run.arg("--set").arg((series.field)(size));
        run.arg("--json").arg(&facts);
        let begun = Instant::now();
        if !super::run(&mut run)? {
            return Err(format!("{}: the run of {size} fails", series.title));
        }
        best = best.min(begun.elapsed());
    }
    let text = std::fs::read_to_string(&facts).map_err(|error| error.to_string())?;
    let _ = std::fs::remove_file(&facts);
    Ok((instructions(&text), best))
}

/// The instructions of all units together.
fn instructions(facts: &str) -> u64 {
    let counts = facts
        .split("\"instructions\": ")
        .skip(1)
        .filter_map(|rest| {
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse::<u64>().ok()
        });
    counts.sum()
}
