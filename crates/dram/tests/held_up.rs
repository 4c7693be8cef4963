//! A policy that is held up for ever is told of.

use dram::replica::ReplicaConfig;
use dram::replica::config::ReplicaError;
use dram::replica::driver::{RunOptions, run};
use dram::request::Request;

#[test]
fn writes_that_wait_for_reads_that_wait_for_them_are_an_error() {
    for name in ["d3_ddr4_3200_1ch1rk", "d3_hbm2_8ch"] {
        let config = ReplicaConfig::named(name).unwrap();
        let bytes = config.number("request_bytes").unwrap();
        // Each round reads 40 rows of a bank, then writes them: more than the queues hold.
        let requests = (0..3200u64).map(|number| Request {
            address: (number % 40 * 65_536 + number / 80) * bytes,
            write: number / 40 % 2 == 1,
            arrival: 0,
        });
        for plain in [false, true] {
            let options = RunOptions {
                plain,
                ..RunOptions::default()
            };
            let error = run(&config, requests.clone(), options).unwrap_err();
            assert!(matches!(error, ReplicaError::Stuck(_)), "{name}: {error}");
        }
    }
}
