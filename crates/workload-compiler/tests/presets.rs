//! Every shipped model, compiled for small and big machines.

mod support;

use support::{TERNARY, check, cloud, edge, model, workload};
use workload_compiler::{Run, compile, models};

#[test]
fn one_decoded_token_of_every_model_compiles_for_every_machine() {
    for preset in models() {
        let mut small = preset.model.clone();
        small.layers = 2;
        for target in [edge(), cloud()] {
            let run = Run::Decode { context: 300 };
            let mut program = compile(workload(small.clone(), run, TERNARY), &target)
                .unwrap_or_else(|error| panic!("{}: {error}", preset.slug));
            let found = check(&mut program, &target, false);
            assert_eq!(found.tokens, 1, "{}", preset.slug);
        }
    }
}

#[test]
fn a_prefill_of_every_model_compiles_for_every_machine() {
    for preset in models() {
        let mut small = preset.model.clone();
        small.layers = 1;
        for target in [edge(), cloud()] {
            let run = Run::Prefill { tokens: 130 };
            let mut program = compile(workload(small.clone(), run, TERNARY), &target)
                .unwrap_or_else(|error| panic!("{}: {error}", preset.slug));
            check(&mut program, &target, false);
        }
    }
}

#[test]
fn a_whole_model_compiles() {
    let run = Run::Decode { context: 2048 };
    let target = edge();
    let mut program =
        compile(workload(model("bitnet-b1.58-2b-4t"), run, TERNARY), &target).unwrap();
    let found = check(&mut program, &target, false);
    println!("{found:?}");
}
