//! Main memory and the scratchpads.

use quantities::{Cycles, grouped};
use simulator::RunRecord;

use crate::number::{bytes, bytes_per_second, percent, share, three_digits};
use crate::table::{Column, Table};
use crate::text::Page;

pub(crate) fn memory(page: &mut Page, run: &RunRecord) {
    let summary = &run.summary;
    page.heading(&format!("DRAM  {}", run.memory_name()), "");
    page.line(format_args!(
        "  read {} (at least {}), written {} (at least {})",
        bytes(summary.bytes_read.get()),
        bytes(summary.compulsory_read.get()),
        bytes(summary.bytes_written.get()),
        bytes(summary.compulsory_write.get())
    ));
    let (rate, peak) = (
        run.bytes_per_second().unwrap_or(0.0),
        run.memory_bytes_per_second(),
    );
    page.line(format_args!(
        "  {} of {} ({})",
        bytes_per_second(rate),
        bytes_per_second(peak),
        percent(rate / peak)
    ));
    bursts(page, run);
    channel_cycles(page, run);
    busiest_channel(page, run);
    if let Some(energy) = run.dram_energy {
        page.line(format_args!(
            "  {} mJ",
            three_digits(energy.total_pj * 1e-9)
        ));
    }
}

/// Bursts and rows, where the memory counts them.
fn bursts(page: &mut Page, run: &RunRecord) {
    let counters = run.memory_counters();
    let bursts = counters.row_hits + counters.row_misses;
    if bursts > 0 {
        page.line(format_args!(
            "  {} bursts, {} into open rows; {} rows opened, {} refreshes",
            grouped(bursts),
            percent(share(counters.row_hits, bursts)),
            grouped(counters.activates),
            grouped(counters.refreshes + counters.bank_refreshes)
        ));
    }
}

/// Where the time of the channels went, in percent.
fn channel_cycles(page: &mut Page, run: &RunRecord) {
    let sum = run.memory_cycles();
    let parts: [(&str, Cycles); 6] = [
        ("data", sum.bandwidth),
        ("rows", sum.row_conflict),
        ("refresh", sum.refresh),
        ("turns", sum.turnaround),
        ("latency", sum.latency),
        ("idle", sum.idle),
    ];
    let all = sum.total().get();
    if all > 0 {
        let shares =
            parts.map(|(name, cycles)| format!("{name} {}", percent(share(cycles.get(), all))));
        page.line(format_args!("  channels: {}", shares.join(", ")));
    }
}

/// The channel with the most bytes beside the mean, where there are several: what is not even costs
/// time as `dram_channel_imbalance`.
fn busiest_channel(page: &mut Page, run: &RunRecord) {
    let channels = run.memory_channels();
    let moved = run.outcome.channels.iter().map(|one| one.counters.bytes);
    let busiest = moved.enumerate();
    let busiest = busiest.max_by_key(|&(index, bytes)| (bytes, std::cmp::Reverse(index)));
    if let Some((index, bytes)) = busiest
        && channels > 1
        && bytes > 0
    {
        page.line(format_args!(
            "  channel {index} of {channels} moves most, {} of the bytes; the mean is {}",
            percent(share(bytes, run.memory_counters().bytes)),
            percent(share(1, channels))
        ));
    }
}

pub(crate) fn scratchpads(page: &mut Page, run: &RunRecord) {
    let mut table = Table::of([
        Column::words("scratchpad"),
        Column::numbers("capacity"),
        Column::numbers("held at most"),
        Column::numbers("filled by DMA"),
        Column::numbers("drained by DMA"),
        Column::numbers("read by units"),
        Column::numbers("written"),
    ]);
    for (name, pad) in run.scratchpads() {
        let capacity = pad.capacity.map(|capacity| bytes(capacity.get()));
        table.row(vec![
            name,
            capacity.unwrap_or_else(|| "unlimited".to_owned()),
            bytes(pad.peak.get()),
            bytes(pad.filled.get()),
            bytes(pad.drained.get()),
            bytes(pad.read.get()),
            bytes(pad.written.get()),
        ]);
    }
    page.heading("SRAM", "");
    page.table(&table);
}
