//! `cargo run --release -p dram --example validate -- FOLDER [PREFIX]`
fn main() {
    let mut args = std::env::args().skip(1);
    let folder = args.next().unwrap_or_else(|| "tests/reference/dram".into());
    let prefix = args.next().unwrap_or_default();
    let t = std::time::Instant::now();
    let report = dram::validate::run_folder(std::path::Path::new(&folder), |run, config| {
        config.starts_with(&prefix) || run == prefix
    })
    .unwrap();
    println!("{report}");
    eprintln!("{:?}", t.elapsed());
}
