//! Host time of streaming: `cargo run --release -p dram --example stream`.
use dram::*;
use event_kernel::Cycle;
fn main() {
    for name in dram::preset::names() {
        for map in ["rorabacochbg", "rorabachbgco", "rorabgbachco"] {
            let mut config = DramConfig::preset(&name, 1);
            config.map = map.into();
            let memory = Memory::dram(&config).unwrap();
            let mut channel = memory.channel();
            let total = 1u64 << 28;
            let bursts = total / memory.access_bytes();
            let chunk = 4096 / memory.access_bytes();
            let start = std::time::Instant::now();
            let mut next = 0;
            let mut now = Cycle(0);
            let mut last = 0;
            let mut wakes = 0u64;
            let mut pending = 0;
            while next < bursts || pending > 0 {
                while pending < 16 && next < bursts {
                    channel.push(now, next, chunk, Direction::Read, next);
                    next += chunk;
                    pending += 1;
                }
                now = channel.next_wake().unwrap();
                wakes += 1;
                channel.advance(now, &mut |done| {
                    last = done.last_data.get();
                    pending -= 1;
                });
            }
            let host = start.elapsed().as_secs_f64();
            let c = channel.counters();
            let seconds = last as f64 / memory.frequency().as_hertz_f64();
            println!(
                "{name:26} {map} {:5.1}% of peak, {:4} B/ACT, {:6.1} ns/ACT {:5.2} ns/burst {:.1} s for 10 GB, wakes/range {:.2}",
                100.0 * c.bytes as f64 / seconds / memory.peak_bytes_per_second().unwrap(),
                c.bytes / c.activates,
                host * 1e9 / c.activates as f64,
                host * 1e9 / bursts as f64,
                host * 10e9 / c.bytes as f64,
                wakes as f64 / (bursts / chunk) as f64
            );
        }
    }
}
