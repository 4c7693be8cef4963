//! Host time of the replicas: `cargo run --release -p dram-replicas --example replica -- CONFIG
//! FAMILY PARAMETERS COUNT INTERVAL`.
use dram_replicas::request::generate;
use dram_replicas::{ReplicaConfig, driver::RunOptions, run};
use std::time::Instant;

/// Processor time of this thread in seconds where the system tells it, else wall time.
fn seconds(start: &Instant) -> f64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .map_or_else(
            || start.elapsed().as_secs_f64(),
            |nanoseconds| nanoseconds / 1e9,
        )
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = |default: &str| arguments.next().unwrap_or_else(|| default.to_owned());
    let config = ReplicaConfig::named(&next("d3_ddr4_3200_1ch1rk")).expect("a configuration");
    let (family, parameters) = (next("seq_rd"), next("base=0"));
    let count = next("2000000").parse().expect("a number of requests");
    let bytes = 64;
    let interval = next("0").parse().expect("cycles between arrivals");
    let requests = generate(&family, count, bytes, interval, &parameters).expect("a family");
    let start = Instant::now();
    let begin = seconds(&start);
    let result = run(&config, requests, RunOptions::default()).expect("it runs");
    let host = seconds(&start) - begin;
    println!(
        "{} {family}: {} ticks, {:.1} ns a request",
        config.name,
        result.cycles,
        host * 1e9 / count as f64
    );
}
