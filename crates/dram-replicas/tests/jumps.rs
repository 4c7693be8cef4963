//! A replica jumps over ticks in which nothing happens; here it is held against one that visits
//! each.

use dram_replicas::config::{ReplicaConfig, shipped};
use dram_replicas::driver::{Recording, RunOptions, Stepping, run};
use dram_replicas::request::{Request, generate};
use proptest::prelude::*;

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let family = prop_oneof![
        Just(("seq_rd", "base=0".to_owned())),
        (1u64..9).prop_map(|seed| ("rand_rd", format!("seed={seed};span=65536"))),
        // Writes to bursts that are being read can hold DRAMsim3's policy up for ever (its drain
        // begins and ends again each tick), so small spans are read only.
        (1u64..9).prop_map(|seed| ("rand_rd", format!("seed={seed};span=8192"))),
        (1u64..9).prop_map(|seed| ("mix_2r1w", format!("seed={seed};span=1073741824"))),
        Just(("two_rdwr", "base=0;offset=16785408".to_owned())),
        Just((
            "tile_rdwr",
            "base=0;rows=8;width=256;pitch=4096;offset=268435456".to_owned()
        )),
    ];
    (
        family,
        1u64..500,
        prop_oneof![Just(0u64), 1u64..70, Just(900)],
    )
        .prop_map(|((family, parameters), count, interval)| {
            generate(family, count, 64, interval, &parameters).unwrap()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_replica_that_jumps_gives_the_same_commands_as_one_that_ticks(
        name in prop::sample::select(shipped().into_keys().collect::<Vec<_>>()),
        requests in requests(),
    ) {
        let config = ReplicaConfig::named(&name).unwrap();
        let options = |stepping| RunOptions {
            recording: Recording::Commands,
            stepping,
            ..RunOptions::default() };
        let jumps = run(&config, requests.iter().copied(), options(Stepping::Events)).unwrap();
        let ticks = run(&config, requests.iter().copied(), options(Stepping::EveryTick)).unwrap();
        prop_assert_eq!(&jumps.commands, &ticks.commands);
        prop_assert_eq!(jumps.cycles, ticks.cycles);
        prop_assert_eq!(&jumps.channels, &ticks.channels);
    }
}
