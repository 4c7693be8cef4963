//! `cargo run --release -p validation --example dram -- [PREFIX]`: some of the shipped results, by
//! the beginning of their configuration or by their run.

use validation::dram::{Golden, compare_some};

fn main() {
    let prefix = std::env::args().nth(1).unwrap_or_default();
    let begin = std::time::Instant::now();
    let report = compare_some(&Golden::shipped(), |run, config| {
        config.starts_with(&prefix) || run == prefix
    })
    .expect("a test reads the shipped results");
    println!("{report}");
    eprintln!("{:?}", begin.elapsed());
}
