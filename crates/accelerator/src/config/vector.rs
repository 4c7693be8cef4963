//! From the costs of the vector unit as written to costs that make sense.

use config::FieldError;
use tile_program::VectorKind;

use super::costs::{Costs, MOST};
use super::spec::VectorCost;

/// Checks all costs; the result is indexed by `VectorKind as usize`.
pub(super) fn costs(file: &Costs) -> Result<Vec<VectorCost>, FieldError> {
    VectorKind::ALL
        .iter()
        .map(|&kind| {
            let cost = file.of(kind);
            for (field, value) in [("operations", cost.operations), ("passes", cost.passes)] {
                if value == 0 {
                    let path = format!("{}.{field}", kind.name());
                    return Err(
                        FieldError::new(path, format!("{value} {field}")).help(format!(
                            "from 1 to {MOST}; for no cost at all: `vector: Free`"
                        )),
                    );
                }
            }
            Ok(VectorCost {
                kind,
                operations: cost.operations,
                passes: cost.passes,
            })
        })
        .collect()
}
