//! How many GEMMs stand side by side in an array, as a compiler asks it.

use accelerator::{Machine, MachineFile, resolve};
use config::Document;
use tile_program::{GemmTile, Target};

/// A core with one array of 8 x 8 PEs.
fn target(element: &str, dataflow: &str) -> Target {
    let text = format!(
        r#"Machine(
            name: "test", clock: MHz(1000),
            arrays: [(name: "array", element: {element}, rows: 8, columns: 8,
                      dataflow: {dataflow})],
            vector: (lanes: 4, startup_cycles: 2),
            scratchpads: (activations: (capacity: KiB(4)), weights: (capacity: KiB(4)),
                          outputs: Unlimited),
            dma: (requests_in_flight: 4, request: Bytes(64)),
            memory: Ideal(bandwidth: GBps(32), latency: Ns(100)),
        )"#
    );
    let document = Document::parse("test.ron", text).unwrap();
    let file: MachineFile = document.read().unwrap();
    let machine = Machine::new(resolve(&file).unwrap()).unwrap();
    machine.platform().cores[0].clone()
}

/// A PE that takes a group of products a step needs fewer rows for the same k.
#[test]
fn dot_and_lookup_arrays_hold_as_many_side_by_side_as_their_groups_leave_room_for() {
    let elements = [
        ("Ternary()", 1),
        ("Ternary(variant: Dot(lanes: 4))", 4),
        ("Ternary(variant: Lookup(group: 3))", 3),
    ];
    for (element, group) in elements {
        for dataflow in ["OutputStationary", "WeightStationary", "InputStationary"] {
            let target = target(element, dataflow);
            for (m, n, k) in [(2, 2, 8), (1, 4, 12), (3, 1, 5), (2, 2, 2)] {
                let rows = match dataflow {
                    "OutputStationary" => m,
                    _ => u64::div_ceil(k, group),
                };
                let columns = match dataflow {
                    "InputStationary" => m,
                    _ => n,
                };
                let expected = (8 / rows).min(8 / columns);
                let most = target.laws.side_by_side(0, &GemmTile::one(m, n, k));
                assert_eq!(most, expected, "{element}, {dataflow}: {m} x {n} x {k}");
                // The array runs so many at once, and no more.
                let runs = |side_by_side: u64| {
                    let tile = GemmTile {
                        repeat: side_by_side,
                        side_by_side,
                        ..GemmTile::one(m, n, k)
                    };
                    target.laws.array(0, &tile).is_some()
                };
                assert!(runs(most.max(1)), "{element}, {dataflow}: {m} x {n} x {k}");
                assert!(
                    !runs(most.max(1) + 1),
                    "{element}, {dataflow}: {m} x {n} x {k}"
                );
            }
        }
    }
}
