//! The shipped tables, and tables that cannot stand.

use config::{Document, Paint};
use energy::{Basis, Technology};
use pe_array::Element;
use quantities::Bytes;

fn kind(element: &str) -> pe_array::PeKind {
    let document = Document::parse("element", element).unwrap();
    document.read::<Element>().unwrap().kind().unwrap()
}

fn read(text: &str) -> Result<Technology, String> {
    let document = Document::parse("own.ron", text).unwrap();
    Technology::read(&document).map_err(|error| error.render(Paint::Plain))
}

#[test]
fn areas_of_pes_are_those_of_the_synthesis() {
    let table = Technology::shipped("45nm").unwrap();
    for (element, um2) in [
        ("Binary(accumulator: Int16)", 261.0),
        ("Binary(accumulator: Int24)", 364.0),
        ("Ternary(accumulator: Int24)", 391.0),
        ("Ternary(accumulator: Int32)", 489.0),
        ("Int8(accumulator: Int24)", 1065.0),
        ("Int8()", 1304.0),
        ("Bf16()", 2132.0),
    ] {
        let pe = table.pe(&kind(element)).unwrap();
        assert!(
            (pe.area.value.square_micrometres() - um2).abs() < 1e-9,
            "{element}"
        );
        assert_eq!(pe.area.source.basis, Basis::Derived, "{element}");
        let placed = table.array_area(&pe.kind, 16, 32).unwrap();
        assert!(
            (placed.square_micrometres() - 512.0 * um2 / 0.65).abs() < 1e-3,
            "{element}"
        );
    }
}

#[test]
fn operations_are_the_sums_of_the_published_ones() {
    for (table, element, picojoules) in [
        ("45nm", "Int8()", 0.30),
        ("7nm", "Int8()", 0.10),
        ("45nm", "Ternary(accumulator: Int24)", 0.075),
        ("7nm", "Ternary(accumulator: Int16)", 0.014),
        ("45nm", "Binary(accumulator: Int32)", 0.10),
        ("45nm", "Fp16()", 2.0),
        ("7nm", "Fp16()", 0.72),
        ("7nm", "Bf16()", 0.59),
    ] {
        let technology = Technology::shipped(table).unwrap();
        let pe = technology.pe(&kind(element)).unwrap();
        let shown = pe.operation.value.attojoules() as f64 * 1e-6;
        assert!(
            (shown - picojoules).abs() < 1e-9,
            "{table}: {element}: {shown}"
        );
    }
}

#[test]
fn a_scratchpad_is_as_large_as_its_banks() {
    let table = Technology::shipped("45nm").unwrap();
    let bank = table.scratchpad_area(Bytes(64 << 10), 1, Bytes(8));
    assert!((bank.square_millimetres() - 0.1837).abs() < 1e-9);
    let eight = table.scratchpad_area(Bytes(512 << 10), 8, Bytes(8));
    assert_eq!(eight, bank.times(8));
}

#[test]
fn wider_operands_of_int8_pes_use_the_same_pe() {
    let table = Technology::shipped("45nm").unwrap();
    let wide = kind("Int8(activation: Int16, accumulator: Int48)");
    let own = kind("Int8(accumulator: Int48)");
    assert_eq!(table.pe(&wide).unwrap(), table.pe(&own).unwrap());
}

#[test]
fn a_pe_that_the_table_misses_is_named_with_the_remedy() {
    let table = Technology::shipped("7nm").unwrap();
    let missing = table
        .pe(&kind("Ternary(variant: Lookup(group: 3))"))
        .unwrap_err();
    let error = missing.at("arrays[0].element");
    assert_eq!(error.path, "arrays[0].element");
    assert!(
        error
            .message
            .contains("Ternary (Int8 times Trit, Int24 sums, 3 products a step)")
    );
    assert!(error.help.unwrap().contains("base: \"7nm\""));
}

#[test]
fn a_table_of_ones_own_starts_from_a_shipped_one() {
    let own = read(
        r#"Technology(name: "mine", base: "45nm", node_nm: 45,
            sources: {"lab": (node_nm: 45, basis: Published, mark: "V", what: "our silicon")},
            pes: [(element: Ternary(variant: Lookup(group: 3)), operation: (Fj(60), "lab"), area: (Um2(500), "lab"))],
            zero_weights: (0.4, "lab"))"#,
    )
    .unwrap();
    let pe = own.pe(&kind("Ternary(variant: Lookup(group: 3))")).unwrap();
    assert_eq!(pe.operation.source.what, "our silicon");
    assert_eq!(pe.operation.source.basis, Basis::Published);
    let base = Technology::shipped("45nm").unwrap();
    assert_eq!(
        own.pe(&kind("Int8()")).unwrap(),
        base.pe(&kind("Int8()")).unwrap()
    );
    assert!((own.zero_weights.value.as_f64() - 0.4).abs() < 1e-9);
}

#[test]
fn tables_that_cannot_stand_are_refused_at_their_field() {
    let source =
        |node: u64| format!("\"x\": (node_nm: {node}, basis: Published, mark: \"V\", what: \"x\")");
    for (rest, parts) in [
        (
            format!("base: \"45nm\", node_nm: 45, sources: {{{}}}", source(7)),
            ["sources.x.node_nm", "figures of 7 nm in a table of 45 nm"],
        ),
        (
            "base: \"7nm\", node_nm: 7, sources: {\"x\": (basis: Published, mark: \"V\", what: \"x\")}, \
             pes: [(element: Int8(), operation: (Pj(0.3), \"x\"), area: (Um2(9), \"x\"))]"
                .to_owned(),
            ["pes[0].operation", "`x` does not say its node"],
        ),
        (
            "base: \"7nm\", node_nm: 7, sram: (from: \"activity\", macros: [(capacity: KiB(8), \
             width_bits: 64, read: Pj(1), write: Pj(1), leakage: Uw(1), area: Um2(9))])"
                .to_owned(),
            ["sram.from", "`activity` does not say its node"],
        ),
        (
            "base: \"45nm\", node_nm: 7".to_owned(),
            ["node_nm", "cannot start from one of 45 nm"],
        ),
        (
            "base: \"28nm\", node_nm: 28".to_owned(),
            ["base", "no shipped technology"],
        ),
        (
            format!("node_nm: 28, sources: {{{}}}", source(28)),
            ["registers", "start from a shipped table"],
        ),
        (
            "base: \"7nm\", node_nm: 7, zero_weights: (0.3, \"nobody\")".to_owned(),
            ["zero_weights", "no source is called `nobody`"],
        ),
        (
            "base: \"7nm\", node_nm: 7, zero_weights: (1.3, \"activity\")".to_owned(),
            ["zero_weights", "from 0 to 1"],
        ),
        (
            "base: \"7nm\", node_nm: 7, wire_per_mm: (Nj(2000000), \"wire\")".to_owned(),
            ["wire_per_mm", "at most a millijoule"],
        ),
        (
            "base: \"7nm\", node_nm: 7, wire_per_mm: (Fj(-3), \"wire\")".to_owned(),
            ["wire_per_mm", "-3"],
        ),
        (
            "base: \"7nm\", node_nm: 7, wire_per_mm: (3, \"wire\")".to_owned(),
            ["wire_per_mm", "no unit"],
        ),
        (
            "base: \"7nm\", node_nm: 7, sram: (from: \"wire\", macros: [(capacity: KiB(8), \
             width_bits: 64, read: Pj(1), write: Pj(1), leakage: Mw(1), area: Um2(9))])"
                .to_owned(),
            ["`Mw` is not a unit of power", "write MilliW"],
        ),
        (
            "base: \"7nm\", node_nm: 7, utilisation: (0, \"placed\")".to_owned(),
            ["utilisation", "a share above 0"],
        ),
        (
            "base: \"7nm\", node_nm: 7, sram: (from: \"tpu_v4i\", macros: [])".to_owned(),
            ["sram.macros", "at least one"],
        ),
    ] {
        let error = read(&format!("Technology(name: \"own\", {rest})")).unwrap_err();
        for part in parts {
            assert!(error.contains(part), "{rest}\n{error}");
        }
    }
}
