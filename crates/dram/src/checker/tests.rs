use super::*;
use crate::config::{Device, DramConfig, RefreshPolicy};
use crate::preset;

fn protocol(preset: &str) -> Protocol {
    let mut config = DramConfig::preset(preset, 1);
    config.organisation.ranks = Some(2);
    Protocol::of(&Device::new(&config).unwrap())
}

fn place(rank: u8, group: u8, bank: u8) -> Place {
    Place {
        rank,
        group,
        bank,
        ..Place::default()
    }
}

/// Whether a command `gap` cycles after those that a rule counts from breaks its line.
fn breaks(protocol: &Protocol, rule: &Rule, gap: u64) -> bool {
    let (from, to) = match rule.scope {
        Scope::Bank => (place(0, 0, 0), place(0, 0, 0)),
        Scope::Group => (place(0, 0, 0), place(0, 0, 1)),
        Scope::Rank => (place(0, 0, 0), place(0, 0, 2)),
        Scope::Unit | Scope::OtherRank => (place(0, 0, 0), place(1, 0, 0)),
    };
    let mut checker = Checker::new(protocol.clone());
    let mut lines = Vec::new();
    let begin = 10_000;
    for repeat in 0..u64::from(rule.window) {
        let (cycle, command) = (begin + repeat, rule.from);
        checker.check(
            &Issued {
                cycle,
                command,
                place: from,
            },
            &mut |_| {},
        );
    }
    let (cycle, command) = (begin + gap, rule.to);
    checker.check(
        &Issued {
            cycle,
            command,
            place: to,
        },
        &mut |violation| {
            lines.extend(violation.line);
        },
    );
    lines.contains(&rule.line)
}

#[test]
fn each_rule_of_each_table_is_broken_one_cycle_early_and_not_on_time() {
    let mut tried = 0;
    for name in preset::names() {
        let protocol = protocol(&name);
        for rule in protocol.rules.iter().filter(|rule| rule.cycles > 0) {
            if rule.cycles > u64::from(rule.window) {
                assert!(breaks(&protocol, rule, rule.cycles - 1), "{name}: {rule:?}");
            }
            assert!(!breaks(&protocol, rule, rule.cycles), "{name}: {rule:?}");
            tried += 1;
        }
    }
    assert!(tried > 1000, "{tried} rules");
}

fn rules_broken(preset: &str, commands: &[(u64, Command, Place)]) -> Vec<String> {
    found(&protocol(preset), commands)
}

fn found(protocol: &Protocol, commands: &[(u64, Command, Place)]) -> Vec<String> {
    let mut checker = Checker::new(protocol.clone());
    let mut found = Vec::new();
    for &(cycle, command, place) in commands {
        checker.check(
            &Issued {
                cycle,
                command,
                place,
            },
            &mut |violation| {
                found.push(violation.rule);
            },
        );
    }
    found
}

#[test]
fn wrong_states_are_named() {
    use Command::{Activate, Activate2, Read, RefreshAll};
    let bank = place(0, 0, 0);
    let row = |row| Place { row, ..bank };
    let broken = rules_broken("DDR4-3200AA", &[(10, Read, bank)]);
    assert_eq!(broken, ["no row is open"]);
    let broken = rules_broken("DDR4-3200AA", &[(10, Activate, row(1)), (99, Read, row(2))]);
    assert_eq!(broken, ["row 1 is open"]);
    let broken = rules_broken(
        "DDR4-3200AA",
        &[(10, Activate, row(1)), (99, Activate, row(2))],
    );
    assert_eq!(broken, ["row 1 is open"]);
    let broken = rules_broken(
        "DDR4-3200AA",
        &[(10, Activate, row(1)), (999, RefreshAll, bank)],
    );
    assert_eq!(broken, ["bank 0 is open"]);
    let broken = rules_broken(
        "DDR4-3200AA",
        &[(10, Activate, bank), (10, Activate, place(1, 0, 0))],
    );
    assert_eq!(broken, ["the command bus is taken until cycle 11"]);
    let broken = rules_broken(
        "LPDDR5-6400",
        &[(10, Activate, bank), (19, Activate2, bank)],
    );
    assert_eq!(broken, ["9 cycles after ACT1, at most 8"]);
    let broken = rules_broken(
        "LPDDR5-6400",
        &[
            (10, Activate, bank),
            (11, Activate2, bank),
            (60, Read, bank),
        ],
    );
    assert!(broken[0].starts_with("the data clock stands"), "{broken:?}");
}

#[test]
fn a_place_beyond_the_device_is_named_by_its_level() {
    use Command::{Activate, Precharge, Read};
    let bank = place(0, 0, 0);
    let row = |row| Place { row, ..bank };
    let column = |column| Place { column, ..bank };
    let broken = |commands: &[(u64, Command, Place)]| rules_broken("DDR4-3200AA", commands);
    assert_eq!(
        broken(&[(10, Activate, place(2, 0, 0))]),
        ["there is no rank 2: the device has 2"]
    );
    assert_eq!(
        broken(&[(10, Precharge, place(0, 4, 0))]),
        ["there is no bank group 4: the device has 4"]
    );
    assert_eq!(
        broken(&[(10, Precharge, place(0, 0, 4))]),
        ["there is no bank 4: the device has 4"]
    );
    assert_eq!(broken(&[(10, Activate, row(65_535))]), Vec::<String>::new());
    assert_eq!(
        broken(&[(10, Activate, row(65_536))]),
        ["there is no row 65536: the device has 65536"]
    );
    let read = |at| broken(&[(10, Activate, bank), (99, Read, column(at))]);
    assert_eq!(read(127), Vec::<String>::new());
    assert_eq!(read(128), ["there is no column 128: the device has 128"]);
}

#[test]
fn a_forgotten_refresh_is_named_after_nine_intervals() {
    let late = 9 * 12_480 + 1;
    let on_time = rules_broken(
        "DDR4-3200AA",
        &[(late - 1, Command::Activate, place(0, 0, 0))],
    );
    assert_eq!(on_time, Vec::<String>::new());
    let broken = rules_broken("DDR4-3200AA", &[(late, Command::Activate, place(0, 0, 0))]);
    assert!(broken[0].contains("since the last refresh"), "{broken:?}");
}

/// The protocol of a preset that refreshes single banks.
fn single(preset: &str) -> Protocol {
    let mut config = DramConfig::preset(preset, 1);
    config.organisation.ranks = Some(2);
    config.policy.refresh = RefreshPolicy::PerBank;
    Protocol::of(&Device::new(&config).unwrap())
}

#[test]
fn a_refresh_of_some_banks_needs_each_of_them_closed_and_waits_for_each() {
    use Command::{Activate, Precharge, RefreshBank};
    // In DDR5 bank 2 of all eight groups; in GDDR6 bank 2 of the second group and of the fourth.
    for (preset, other, apart) in [("DDR5-4800BN", 7, 6), ("GDDR6-14000", 3, 2)] {
        let protocol = single(preset);
        let of = |group, bank| place(0, group, bank);
        let broken = |commands: &[(u64, Command, Place)]| found(&protocol, commands);
        let open = broken(&[(10, Activate, of(other, 2)), (500, RefreshBank, of(1, 2))]);
        let number = u64::from(other) * 4 + 2;
        assert_eq!(open, [format!("bank {number} is open")], "{preset}");
        // Other banks may be open.
        let open = broken(&[(10, Activate, of(other, 1)), (500, RefreshBank, of(1, 2))]);
        assert_eq!(open, Vec::<String>::new(), "{preset}");
        let open = broken(&[(10, Activate, of(apart, 2)), (500, RefreshBank, of(1, 2))]);
        assert_eq!(open.len(), usize::from(preset == "DDR5-4800BN"), "{preset}");
        // Each bank's precharge counts, and each bank is busy until the refresh is over.
        let early = broken(&[
            (10, Activate, of(other, 2)),
            (500, Precharge, of(other, 2)),
            (501, RefreshBank, of(1, 2)),
        ]);
        assert!(early[0].starts_with("1 cycles after PRE"), "{early:?}");
        let early = broken(&[(10, RefreshBank, of(1, 2)), (112, Activate, of(other, 2))]);
        assert!(early[0].starts_with("102 cycles after REFpb"), "{early:?}");
        let free = broken(&[(10, RefreshBank, of(1, 2)), (112, Activate, of(other, 1))]);
        assert_eq!(free, Vec::<String>::new(), "{preset}");
    }
}

#[test]
fn a_bank_whose_refresh_is_forgotten_is_named() {
    for (preset, turns) in [("DDR5-4800BN", 4u64), ("GDDR6-14000", 8)] {
        let protocol = single(preset);
        let interval = protocol.refresh.unwrap().interval;
        let postpone = protocol.refresh.unwrap().postpone;
        let round = |skipped: Option<u64>, rounds: u64| {
            let refreshes = (0..rounds * turns).filter(|turn| Some(turn % turns) != skipped);
            let bank = |turn| match preset {
                "DDR5-4800BN" => place(0, 3, (turn % 4) as u8),
                _ => place(0, (turn % 8 / 4) as u8, (turn % 4) as u8),
            };
            let command = |turn| {
                (
                    (turn + 1) * interval,
                    Command::RefreshBank,
                    bank(turn % turns),
                )
            };
            let commands: Vec<_> = refreshes.map(command).collect();
            found(&protocol, &commands)
        };
        let rounds = 3 + postpone.div_ceil(turns);
        assert_eq!(round(None, rounds), Vec::<String>::new(), "{preset}");
        let forgotten = round(Some(1), rounds);
        assert!(
            forgotten[0].contains("since bank 1's last refresh"),
            "{forgotten:?}"
        );
    }
}
