//! Each line of each constraint table is dropped from, then shortened in, the controller; the
//! checker, which keeps the whole table, must name that line.

use std::collections::BTreeSet;

use super::tests::{Request, run};
use crate::checker::{Checker, Protocol};
use crate::config::{Device, DramConfig, Page, Policy, RefreshPolicy};
use crate::standard::{BankRefresh, Rule, Standard};

/// Configurations whose traffic, together, makes every line of a table bind that can.
fn configs(preset: &str, per_bank: bool) -> Vec<DramConfig> {
    let mut configs = Vec::new();
    for page in [Page::Open { row_hits: 4 }, Page::Closed] {
        for refresh in [RefreshPolicy::AllBank, RefreshPolicy::PerBank] {
            if refresh == RefreshPolicy::PerBank && !per_bank {
                continue;
            }
            for (ranks, map) in [
                (2, "rocobarabgch"),
                (1, "rocobarabgch"),
                (1, "rorabacochbg"),
            ] {
                let mut config = DramConfig::preset(preset, 1);
                config.organisation.ranks = Some(ranks);
                config.map = map.to_owned();
                config.policy = Policy {
                    page,
                    refresh,
                    // Refreshes that are owed follow one another as closely as they can.
                    postpone: 4,
                    batch: 3,
                    queue: 4096,
                    write_high: 1,
                    write_low: 0,
                    ..Policy::default()
                };
                configs.push(config);
            }
        }
    }
    configs
}

/// Bursts near and far, reads and writes, busy and idle, over a few refreshes.
fn traffic(access_interval: u64) -> Vec<Request> {
    let mut state = 7u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    };
    (0..900)
        .map(|i| {
            let idle = match i % 150 {
                // Long enough for all before and for the refreshes that they put off.
                149 => 40 * access_interval,
                place if place % 30 < 20 => 0,
                _ => random(3 * access_interval / 30),
            };
            let far = random(3) == 0;
            let first = if far { random(1 << 18) } else { random(256) };
            (idle, first, 1 + random(6), random(2) == 0)
        })
        .collect()
}

/// The lines of the table that the checker finds broken when the controller has other rules.
fn broken_lines(device: &Device, rules: Vec<Rule>, requests: &[Request]) -> BTreeSet<usize> {
    let mut mutant = device.clone();
    mutant.rules = rules;
    let (commands, _, _) = run(&mutant, requests, false);
    let mut checker = Checker::new(Protocol::of(device));
    let mut lines = BTreeSet::new();
    for issued in &commands {
        checker.check(issued, &mut |violation| lines.extend(violation.line));
    }
    lines
}

/// Lines of a table that the checker never finds broken, dropped or shortened by a cycle.
fn unnoticed(preset: &str, shorten: bool) -> Vec<String> {
    let name = crate::preset::named(preset).unwrap().standard;
    let standard = Standard::named(&name).unwrap();
    let devices: Vec<Device> = configs(preset, standard.refresh.per_bank != BankRefresh::Never)
        .iter()
        .map(|config| Device::new(config).unwrap())
        .collect();
    let requests = traffic(devices[0].timing("tREFI") / 8);
    let lines = 0..standard.constraints.len();
    let missed = lines.filter(|&line| {
        !devices.iter().any(|device| {
            let mut rules = device.rules.clone();
            if shorten {
                for rule in rules.iter_mut().filter(|rule| rule.line == line) {
                    rule.cycles = rule.cycles.saturating_sub(1);
                }
            } else {
                rules.retain(|rule| rule.line != line);
            }
            broken_lines(device, rules, &requests).contains(&line)
        })
    });
    missed
        .map(|line| {
            let constraint = &standard.constraints[line];
            let name = |command: &crate::command::Command| command.name();
            format!(
                "{:?} {} -> {}: {}",
                constraint.scope,
                constraint
                    .from
                    .iter()
                    .map(name)
                    .collect::<Vec<_>>()
                    .join("/"),
                constraint.to.iter().map(name).collect::<Vec<_>>().join("/"),
                constraint.latency
            )
        })
        .collect()
}

/// Lines that this controller never reaches, because something else always keeps it longer: its
/// own view of the data bus (bursts of one direction or of two ranks), or what a refresh of all
/// banks waits for and is followed by; and it never refreshes all banks and single ones by turns.
/// The checker's own tests break each of them by hand.
fn reached(line: &str) -> bool {
    let bus = line.contains("max(tCCD_S") || line.starts_with("OtherRank");
    let refresh = line.contains("REFab") || line.contains("PREab");
    // Four activates take as long as tFAW in LPDDR5 and GDDR6, and their tRRD_L is their tRRD_S.
    let equal = line.contains("ACT -> ACT") && (line.ends_with("tFAW") || line.ends_with("tRRD_L"));
    !bus && !refresh && !equal
}

fn assert_noticed(preset: &str, shorten: bool) {
    let missed: Vec<String> = unnoticed(preset, shorten)
        .into_iter()
        .filter(|line| reached(line))
        .collect();
    assert_eq!(missed, Vec::<String>::new(), "{preset}");
}

#[test]
fn each_line_dropped_from_the_controller_is_named_by_the_checker() {
    for preset in [
        "DDR4-3200AA",
        "DDR5-4800BN",
        "LPDDR5-6400",
        "HBM3-6400",
        "GDDR6-14000",
    ] {
        assert_noticed(preset, false);
    }
}

#[test]
fn each_line_shortened_by_a_cycle_is_named_by_the_checker() {
    for preset in ["DDR4-3200AA", "DDR5-4800BN", "LPDDR4-3200", "GDDR6-14000"] {
        assert_noticed(preset, true);
    }
}
