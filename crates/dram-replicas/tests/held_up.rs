//! A policy that is held up for ever is told of.

use dram::Direction;
use dram_replicas::ReplicaConfig;
use dram_replicas::config::ReplicaError;
use dram_replicas::driver::{RunOptions, Stepping, run};
use dram_replicas::request::Request;

#[test]
fn writes_that_wait_for_reads_that_wait_for_them_are_an_error() {
    for name in ["d3_ddr4_3200_1ch1rk", "d3_hbm2_8ch"] {
        let config = ReplicaConfig::named(name).unwrap();
        let bytes = config.number("request_bytes").unwrap();
        // Each round reads 40 rows of a bank, then writes them: more than the queues hold.
        let requests = (0..3200u64).map(|number| Request {
            address: (number % 40 * 65_536 + number / 80) * bytes,
            direction: if number / 40 % 2 == 1 {
                Direction::Write
            } else {
                Direction::Read
            },
            arrival: 0,
        });
        for stepping in [Stepping::Events, Stepping::EveryTick] {
            let options = RunOptions {
                stepping,
                ..RunOptions::default()
            };
            let error = run(&config, requests.clone(), options).unwrap_err();
            assert!(matches!(error, ReplicaError::Stuck(_)), "{name}: {error}");
        }
    }
}

#[test]
fn requests_that_are_far_apart_are_not_taken_for_ones_that_are_held_up() {
    for name in ["d3_ddr4_3200_1ch1rk", "r2_ddr4_3200_1ch1rk"] {
        let config = ReplicaConfig::named(name).unwrap();
        // Some millions of refreshes lie between them.
        let requests = [0, 40_000_000_000].map(|arrival| Request {
            address: 0,
            direction: Direction::Read,
            arrival,
        });
        let statistics = run(&config, requests, RunOptions::default()).unwrap();
        assert!(statistics.cycles > 40_000_000_000, "{name}");
    }
}
