//! Host time of streaming: `cargo run --release -p dram --example stream [PRESET]`.
use dram::{Direction, DramConfig, Memory, preset};
use quantities::Cycle;
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
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for name in preset::names()
        .iter()
        .filter(|name| name.starts_with(&wanted))
    {
        let memory = Memory::dram(&DramConfig::preset(name, 1)).expect("a shipped preset");
        let mut channel = memory.channel();
        let bursts = (1u64 << 28) / memory.access_bytes();
        let chunk = 4096 / memory.access_bytes();
        let (start, mut now, mut last) = (Instant::now(), Cycle(0), 0);
        let begin = seconds(&start);
        let (mut next, mut pending, mut wakes) = (0, 0, 0u64);
        while next < bursts || pending > 0 {
            while pending < 16 && next < bursts {
                channel.push(now, next, chunk, Direction::Read, next);
                next += chunk;
                pending += 1;
            }
            now = channel.next_wake().expect("something is pending");
            wakes += 1;
            channel.advance(now, &mut |done| {
                last = done.last_data.get();
                pending -= 1;
            });
        }
        let host = seconds(&start) - begin;
        let counters = channel.counters();
        let time = last as f64 / memory.frequency().as_hertz_f64();
        let peak = memory.peak_bytes_per_second().unwrap_or(f64::INFINITY);
        println!(
            "{name:26} {:5.1} % of peak, {:4} bytes an activate, {:6.1} ns an activate, {:5.2} ns a burst, {:4.1} s for 10 GB, {:.2} wakes a range",
            100.0 * counters.bytes as f64 / time / peak,
            counters.bytes / counters.activates,
            host * 1e9 / counters.activates as f64,
            host * 1e9 / bursts as f64,
            host * 10e9 / counters.bytes as f64,
            wakes as f64 / (bursts / chunk) as f64
        );
    }
}
