//! The real DRAMsim3 beside this crate's replica: same traces, same results, requests a second.
//!
//! `cargo run --release [REQUESTS [CONFIGURATION [FAMILY]]]` in this directory (needs cmake and a
//! C++ compiler). Both get the same requests from memory, one tick after the other; times are
//! processor time of the simulation alone, the best of three, each over enough runs for the
//! system's clock. Memory is the most that a run of ours has allocated at once, the trace left out.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use dram_replicas::driver::{RunOptions, run};
use dram_replicas::ReplicaConfig;
use dram_replicas::request::{Request, generate};
use dram::{Direction, DramConfig, Memory};
use dramsim3::MemorySystem;
use quantities::Cycle;

/// The system's allocator, and how many bytes it has given out: now, and at most.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(live, Relaxed);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most KiB that a run has allocated at once, beyond what was allocated before.
fn most_kib(run: impl FnOnce()) -> usize {
    let before = LIVE.load(Relaxed);
    MOST.store(before, Relaxed);
    run();
    (MOST.load(Relaxed) - before).div_ceil(1024)
}

/// Parameters by section of DRAMsim3's configuration file; all others are timings.
const STRUCTURE: [&str; 9] = [
    "protocol", "bankgroups", "banks_per_group", "rows", "columns", "device_width", "BL",
    "num_dies", "hbm_dual_cmd",
];
const SYSTEM: [&str; 9] = [
    "channel_size", "channels", "bus_width", "address_mapping", "queue_structure",
    "refresh_policy", "row_buf_policy", "cmd_queue_size", "trans_queue_size",
];
const TIMING: [&str; 33] = [
    "tCK", "AL", "CL", "CWL", "tRCD", "tRCDRD", "tRCDWR", "tRP", "tRAS", "tRFC", "tRFC2", "tRFC4",
    "tREFI", "tREFIb", "tRPRE", "tWPRE", "tRRD_S", "tRRD_L", "tWTR_S", "tWTR_L", "tFAW", "tWR",
    "tWR2", "tRTP", "tRTP_L", "tRTP_S", "tCCD_S", "tCCD_L", "tCKE", "tXS", "tXP", "tRTRS", "tPPD",
];

fn ini(config: &ReplicaConfig) -> String {
    let mut text = String::new();
    let mut section = |name: &str, parameters: &[&str]| {
        let _ = writeln!(text, "[{name}]");
        for parameter in parameters {
            if let Some(value) = config.text(parameter) {
                let value = value.replace("True", "true").replace("False", "false");
                let _ = writeln!(text, "{parameter} = {value}");
            }
        }
    };
    section("dram_structure", &STRUCTURE);
    section("timing", &TIMING);
    section("system", &SYSTEM);
    text + "[other]\nepoch_period = 1000000000\noutput_level = 0\n"
}

/// What both must agree on.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    reads: u64,
    latency_sum: u64,
    last_read_done: u64,
    last_accept: u64,
}

/// Processor seconds of this thread where the system tells them, else wall time.
fn seconds(start: &Instant) -> f64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .map_or_else(|| start.elapsed().as_secs_f64(), |nanoseconds| nanoseconds / 1e9)
}

fn theirs(ini: &Path, out: &Path, requests: &[Request], width: usize) -> (Outcome, f64) {
    let mut memory = MemorySystem::new(ini, out).expect("DRAMsim3 takes its configuration");
    let reads = requests.iter().filter(|request| request.direction == Direction::Read).count() as u64;
    let mut outcome = Outcome {
        reads: 0,
        latency_sum: 0,
        last_read_done: 0,
        last_accept: 0,
    };
    let start = Instant::now();
    let begin = seconds(&start);
    let mut accepted_sum = 0;
    let mut returned_sum = 0;
    let mut next = 0;
    let mut tick = 0;
    while next < requests.len() || outcome.reads < reads {
        memory.tick(|_, is_write| {
            if !is_write {
                outcome.reads += 1;
                returned_sum += tick;
                outcome.last_read_done = tick;
            }
        });
        for _ in 0..width {
            let Some(request) = requests.get(next).filter(|r| r.arrival <= tick) else {
                break;
            };
            if !memory.can_add(request.address, request.direction == Direction::Write) {
                break;
            }
            memory.add(request.address, request.direction == Direction::Write);
            if request.direction == Direction::Read {
                accepted_sum += tick;
            }
            outcome.last_accept = tick;
            next += 1;
        }
        tick += 1;
    }
    let took = seconds(&start) - begin;
    outcome.latency_sum = returned_sum - accepted_sum;
    (outcome, took)
}

fn ours(config: &ReplicaConfig, requests: &[Request]) -> (Outcome, f64) {
    let start = Instant::now();
    let begin = seconds(&start);
    let result = run(config, requests.iter().copied(), RunOptions::default())
        .expect("a shipped configuration runs");
    let took = seconds(&start) - begin;
    let outcome = Outcome {
        reads: result.sum(|channel| channel.reads_returned),
        latency_sum: result.sum(|channel| channel.latency_sum),
        last_read_done: result
            .channels
            .iter()
            .filter_map(|channel| channel.last_read_done)
            .max()
            .unwrap_or(0),
        last_accept: result.last_accept,
    };
    (outcome, took)
}

/// The accelerator's default policy with the same requests, runs of consecutive ones as ranges of
/// at most 4 KiB, 16 under way.
fn ranges_of(access: u64, requests: &[Request]) -> Vec<(u64, u64, Direction)> {
    let mut ranges: Vec<(u64, u64, Direction)> = Vec::new();
    for request in requests {
        let burst = request.address / access;
        match ranges.last_mut() {
            Some((first, bursts, same))
                if *same == request.direction && *first + *bursts == burst && *bursts < 4096 / access =>
            {
                *bursts += 1;
            }
            _ => ranges.push((burst, 1, request.direction)),
        }
    }
    ranges
}

fn default_policy(memory: &Memory, ranges: &[(u64, u64, Direction)]) -> f64 {
    let mut channel = memory.channel();
    let start = Instant::now();
    let begin = seconds(&start);
    let mut ranges = ranges.iter().copied();
    let (mut now, mut pending) = (Cycle(0), 0);
    loop {
        while pending < 32 && channel.can_accept() {
            let Some((first, bursts, direction)) = ranges.next() else {
                break;
            };
            channel.push(now, first, bursts, direction, 0);
            pending += 1;
        }
        let Some(wake) = channel.next_wake() else {
            break;
        };
        now = wake;
        channel.advance(now, &mut |_| pending -= 1);
    }
    seconds(&start) - begin
}

/// The outcome and the seconds of a run: the least of three means, each over at least a tenth of a
/// second.
fn best<T>(run: impl Fn() -> (T, f64)) -> (T, f64) {
    let mean = || {
        let (mut seconds, mut runs) = (0.0, 0.0);
        loop {
            let (outcome, took) = run();
            seconds += took;
            runs += 1.0;
            if seconds >= 0.1 {
                return (outcome, seconds / runs);
            }
        }
    };
    let [first, second, third] = [mean(), mean(), mean()];
    [second, third].into_iter().fold(first, |a, b| if b.1 < a.1 { b } else { a })
}

fn main() {
    let count: u64 = std::env::args()
        .nth(1)
        .and_then(|argument| argument.parse().ok())
        .unwrap_or(1_000_000);
    let wanted = |nth, name: &str| std::env::args().nth(nth).is_none_or(|one| one == name);
    let folder = std::env::temp_dir().join(format!("bench-dramsim3-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    println!("{count} requests a run; requests a second in millions, ns a request");
    println!("configuration, family: DRAMsim3, replica (ratio, same result), default policy (ratio)");
    let mut all_equal = true;
    for (name, preset) in [
        ("d3_ddr4_3200_1ch1rk", "DDR4-3200AA"),
        ("d3_ddr4_3200_1ch1rk_bgil", "DDR4-3200AA"),
        ("d3_hbm2_1ch", "HBM2-2000 (alt: DRAMsim3)"),
        ("d3_hbm2_8ch", "HBM2-2000 (alt: DRAMsim3)"),
    ] {
        if !wanted(2, name) {
            continue;
        }
        let memory = Memory::dram(&DramConfig::preset(preset, 1)).expect("a shipped preset");
        let config = ReplicaConfig::named(name).expect("a shipped configuration");
        let file = folder.join(format!("{name}.ini"));
        std::fs::write(&file, ini(&config)).expect("a temporary file");
        let width = config.number("channels").expect("channels") as usize;
        for (family, parameters, interval) in [
            ("seq_rd", "base=0", 0),
            ("seq_wr", "base=0", 0),
            ("rand_rd", "seed=1;span=1073741824", 0),
            ("mix_2r1w", "seed=3;span=1073741824", 0),
            ("seq_rd", "base=0", 24),
        ] {
            if !wanted(3, family) {
                continue;
            }
            let requests = generate(family, count, 64, interval, parameters).expect("a family");
            let (their_outcome, their_time) = best(|| theirs(&file, &folder, &requests, width));
            let (our_outcome, our_time) = best(|| ours(&config, &requests));
            let ranges = ranges_of(memory.access_bytes(), &requests);
            let ((), default_time) = best(|| ((), default_policy(&memory, &ranges)));
            let replica_kib = most_kib(|| {
                ours(&config, &requests);
            });
            let default_kib = most_kib(|| {
                default_policy(&memory, &ranges);
            });
            let equal = their_outcome == our_outcome;
            all_equal &= equal;
            let rate = |time: f64| count as f64 / time / 1e6;
            let each = |time: f64| time * 1e9 / count as f64;
            println!(
                "{name:26} {family:8} every {interval:2}: {:6.3} ({:5.0} ns), {:7.3} ({:5.1} ns, {:5.1}x, {}), {:7.3} ({:5.1} ns, {:6.1}x); KiB a channel: {}, {}",
                rate(their_time),
                each(their_time),
                rate(our_time),
                each(our_time),
                their_time / our_time,
                if equal { "equal" } else { "DIFFERENT" },
                rate(default_time),
                each(default_time),
                their_time / default_time,
                replica_kib.div_ceil(width),
                default_kib,
            );
            if !equal {
                println!("  theirs {their_outcome:?}\n  ours   {our_outcome:?}");
            }
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    if !all_equal {
        std::process::exit(1);
    }
}
