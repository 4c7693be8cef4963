//! Ctrl-C and its kin: what is under way is removed, and the exit code tells the signal, as shells
//! do.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::partial;

/// Begins to wait for signals, in a thread of its own.
pub(crate) fn watch() -> io::Result<()> {
    // A file that may not grow (`ulimit -f`) is then an error of writing, which names the file.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    let ignored = ignored();
    // What whoever started us ignores, as `nohup` does, stays ignored.
    let heeded = [SIGINT, SIGTERM, SIGHUP].map(|signal| (signal, ignored >> (signal - 1) & 1 == 0));
    let heeded = heeded.iter().filter(|(_, is_heeded)| *is_heeded);
    let mut signals = Signals::new(heeded.map(|(signal, _)| signal))?;
    let wait = move || {
        if let Some(signal) = signals.forever().next() {
            partial::abandon_all();
            std::process::exit(128 + signal);
        }
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(wait)?;
    Ok(())
}

/// The signals that this process ignores, a bit each from the lowest for signal 1, where the system
/// tells: Linux does.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
