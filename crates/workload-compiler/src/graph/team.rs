//! Arrays that share the work of a family.

use tile_program::{Family, Target};

/// The arrays that serve a family beside its first one: they take the same operands.
pub(crate) fn team(target: &Target, first: usize, family: Option<Family>) -> Vec<usize> {
    let lead = &target.arrays[first];
    let mut team = vec![first];
    team.extend((first + 1..target.arrays.len()).filter(|&index| {
        let array = &target.arrays[index];
        family.is_some_and(|family| array.serves.contains(&family))
            && array.numbers == lead.numbers
            && array.activation == lead.activation
            && array.weight >= lead.weight
            && array.matmul_free == lead.matmul_free
            && array.whole_tiles == lead.whole_tiles
            && array.unpacks == lead.unpacks
            // Weights that lie in whole tiles fit arrays of that size alone.
            && (!lead.whole_tiles || (array.rows, array.columns) == (lead.rows, lead.columns))
    }));
    team
}
