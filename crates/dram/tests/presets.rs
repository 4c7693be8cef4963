//! The shipped presets beside a table that was copied independently of theirs.

use dram::preset;

#[test]
fn the_shipped_presets_have_the_numbers_of_the_reference_table() {
    let text: String = include_str!("presets.csv")
        .split_inclusive('\n')
        .filter(|line| !line.starts_with('#'))
        .collect();
    let numbers = preset::numbers();
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let header = rows.headers().unwrap().clone();
    let mut compared = 0;
    for row in rows.records() {
        let row = row.unwrap();
        for (column, value) in header.iter().zip(&row) {
            let (column, value) = match column {
                "tCK_ns" => (
                    "tCK_fs",
                    format!("{:.0}", value.parse::<f64>().unwrap() * 1e6),
                ),
                "tREFI" => ("tREFI", value.trim_end_matches(".0").to_owned()),
                "ranks" => continue,
                column => (column, value.to_owned()),
            };
            let ours = numbers
                .iter()
                .find(|n| n.preset == row[0] && n.parameter == column);
            if let Some(ours) = ours
                && !value.is_empty()
            {
                assert_eq!(ours.value, value, "{} {column}", &row[0]);
                compared += 1;
            }
        }
    }
    assert!(compared > 450, "{compared} numbers compared");
}
