//! Formats and the arrays that compute them: every combination is either exact or refused at its
//! field.

use crate::support::{compile, edge, model, single, with_arrays, workload};
use quantities::Bits;
use tile_program::{ArrayTarget, Numbers, Target};
use workload_compiler::{
    CompileError, Concern, Format, Operators, Packing, Precision, Run, Workload,
};

const FORMATS: [Format; 7] = [
    Format::Binary,
    Format::Ternary {
        packing: Packing::FiveTritsPerByte,
    },
    Format::Ternary {
        packing: Packing::TwoBits,
    },
    Format::Int4,
    Format::Int8,
    Format::Bf16,
    Format::Fp16,
];

/// The operands of every kind of PE that a machine file can name: numbers, bits of activations and
/// of weights.
const ELEMENTS: [(Numbers, u64, u64); 9] = [
    (Numbers::Integers, 8, 1),
    (Numbers::Integers, 8, 2),
    (Numbers::Integers, 4, 4),
    (Numbers::Integers, 8, 8),
    (Numbers::Integers, 16, 8),
    (Numbers::Integers, 8, 16),
    (Numbers::Integers, 16, 16),
    (Numbers::Bf16, 16, 16),
    (Numbers::Fp16, 16, 16),
];

/// Whether a register of a PE holds every value of a format: worked out from the values, not from
/// the rule under test.
fn holds(numbers: Numbers, bits: u64, format: Format) -> bool {
    // An integer format needs so many bits in two's complement; ternary and binary have codes of
    // their own.
    let (integer_bits, floating) = match format {
        Format::Binary => (1, None),
        Format::Ternary { .. } => (2, None),
        Format::Int4 => (4, None),
        Format::Int8 => (8, None),
        Format::Bf16 => (0, Some(Numbers::Bf16)),
        Format::Fp16 => (0, Some(Numbers::Fp16)),
    };
    match (numbers, floating) {
        (Numbers::Integers, Some(_)) => false,
        (Numbers::Integers, None) => integer_bits <= bits,
        (_, Some(floating)) => floating == numbers,
        // -128 to 127 fit 8 significant bits, of which BF16 has 8 and FP16 11.
        (_, None) => integer_bits <= 8,
    }
}

fn array_of(target: &Target, (numbers, activation, weight): (Numbers, u64, u64)) -> ArrayTarget {
    ArrayTarget {
        numbers,
        activation: Bits(activation),
        weight: Bits(weight),
        ..target.arrays[0].clone()
    }
}

/// A block of a small model, all operators on the vector unit or none.
fn block(precision: Precision, operators: Operators) -> Workload {
    let mut model = model("gpt2-124m");
    (model.layers, model.vocab) = (1, 1000);
    Workload {
        precision,
        operators,
        ..workload(model, Run::decode(8), precision.projection)
    }
}

/// What becomes of vectors of a format on their way into a PE: as they are, or quantised to an
/// integer of so many bits.
fn reaches(
    element: (Numbers, u64, u64),
    operand: Format,
    vectors: Format,
    attention: bool,
) -> bool {
    let (numbers, bits, _) = element;
    let quantised = match operand {
        Format::Binary | Format::Ternary { .. } => true,
        Format::Int4 | Format::Int8 => attention || numbers == Numbers::Integers,
        Format::Bf16 | Format::Fp16 => false,
    };
    match vectors {
        // They are integers already, and nothing makes them narrower.
        Format::Int8 => holds(numbers, bits, Format::Int8),
        _ if quantised => true,
        _ => holds(numbers, bits, vectors),
    }
}

fn refused(workload: Workload, target: &Target) -> Option<String> {
    match compile(workload, target) {
        Ok(_) => None,
        Err(error @ CompileError::NotComputed { .. }) => {
            let (concern, field) = error.field();
            assert_eq!(concern, Concern::Workload);
            assert!(field.help.is_some());
            Some(field.path)
        }
        Err(error) => panic!("{error}"),
    }
}

/// Every format of weights, of attention and of vectors on every kind of PE, with work of the
/// vector unit and without.
#[test]
fn an_array_computes_a_format_or_the_field_is_refused() {
    let base = single(16, [256, 512, 128], 16);
    let (mut run, mut refusals) = (0, 0);
    for element in ELEMENTS {
        let target = with_arrays(&base, vec![array_of(&base, element)]);
        for operand in FORMATS {
            for activation in [Format::Int8, Format::Bf16, Format::Fp16] {
                for operators in [Operators::All, Operators::BlockGemms] {
                    let precision = Precision {
                        projection: operand,
                        // What every array takes.
                        attention: Format::Int4,
                        lm_head: Format::Binary,
                        kv_cache: Format::Int4,
                        activation,
                    };
                    let all = operators == Operators::All;
                    let attends = element.2 >= 4;
                    let weights = holds(element.0, element.2, operand);
                    let vectors = !all || reaches(element, operand, activation, false);
                    let right = attends && weights && vectors;
                    let found = refused(block(precision, operators), &target);
                    let of = format!("{element:?} {precision:?} {operators:?}: {found:?}");
                    match found.as_deref() {
                        None => {
                            assert!(right, "{of}");
                            run += 1;
                        }
                        Some("precision.projection") => assert!(!weights, "{of}"),
                        Some("precision.attention") => assert!(!attends, "{of}"),
                        Some("precision.activation") => assert!(!vectors, "{of}"),
                        Some(_) => panic!("{of}"),
                    }
                    refusals += u64::from(found.is_some());
                    assert!(right || found.is_some(), "{of}");
                }
            }
        }
    }
    assert!(run > 50 && refusals > 50, "{run} {refusals}");
}

/// Attention in every format, on every kind of PE.
#[test]
fn attention_runs_in_a_format_that_its_array_computes() {
    let base = edge();
    for element in ELEMENTS {
        let mut arrays = base.arrays.clone();
        for array in &mut arrays[1..] {
            *array = ArrayTarget {
                serves: array.serves.clone(),
                unit: array.unit,
                name: array.name.clone(),
                ..array_of(&base, element)
            };
        }
        let target = with_arrays(&base, arrays);
        for attention in [Format::Int4, Format::Int8, Format::Bf16, Format::Fp16] {
            for activation in [Format::Int8, Format::Bf16, Format::Fp16] {
                let precision = Precision {
                    projection: Format::Binary,
                    attention,
                    lm_head: Format::Binary,
                    kv_cache: attention,
                    activation,
                };
                let (numbers, a, b) = element;
                let right = holds(numbers, a.min(b), attention)
                    && reaches(element, attention, activation, true);
                let found = refused(block(precision, Operators::All), &target);
                let of = format!("{element:?} {precision:?}: {found:?}");
                if right {
                    assert_eq!(found, None, "{of}");
                } else {
                    assert!(found.is_some(), "{of}");
                }
            }
        }
    }
}

/// Where several arrays serve a family, the first that computes the format does the work, and no
/// array that does not compute it helps.
#[test]
fn the_array_that_computes_a_format_is_found_among_those_that_serve() {
    let base = single(16, [256, 512, 128], 16);
    let elements = [
        (Numbers::Bf16, 16, 16),
        (Numbers::Fp16, 16, 16),
        (Numbers::Integers, 8, 8),
    ];
    let arrays = elements.map(|element| array_of(&base, element));
    let target = with_arrays(&base, arrays.into());
    for (format, place) in [(Format::Bf16, 0), (Format::Fp16, 1)] {
        let precision = Precision {
            projection: format,
            attention: format,
            lm_head: format,
            kv_cache: format,
            activation: format,
        };
        let mut program = compile(block(precision, Operators::All), &target).unwrap();
        let pass = tile_program::Program::next_pass(&mut program).unwrap();
        let unit = target.arrays[place].unit;
        for operation in pass.operations.iter().filter(|each| each.macs > 0) {
            assert_eq!(operation.unit, unit, "{format}: {}", operation.name);
        }
        let work = tile_program::in_turn(pass.streams);
        for instruction in work {
            let array = target
                .arrays
                .iter()
                .find(|array| array.unit == instruction.unit);
            assert!(array.is_none_or(|array| array.unit == unit), "{format}");
        }
    }
    let mut only = block(
        Precision {
            projection: Format::Int8,
            attention: Format::Int8,
            lm_head: Format::Int8,
            kv_cache: Format::Int8,
            activation: Format::Fp16,
        },
        Operators::All,
    );
    assert!(compile(only.clone(), &target).is_ok());
    only.precision.attention = Format::Fp16;
    let error = compile(only, &with_arrays(&base, vec![target.arrays[0].clone()])).unwrap_err();
    let (_, field) = error.field();
    assert_eq!(field.path, "precision.activation");
    let help = field.help.unwrap();
    assert!(
        help.contains("`Int8`, `Bf16`") && !help.contains("Fp16"),
        "{help}"
    );
}

/// A cache in one floating-point format is not what attention in the other multiplies.
#[test]
fn a_cache_in_another_floating_format_is_refused() {
    for (attention, kv_cache, right) in [
        ("Bf16", "Fp16", false),
        ("Fp16", "Bf16", false),
        ("Fp16", "Fp16", true),
        ("Bf16", "Int8", true),
        ("Fp16", "Int4", true),
    ] {
        let text = format!(
            "Workload(model: \"gpt2\", run: Decode(context: 8), \
             precision: (attention: {attention}, kv_cache: {kv_cache}))"
        );
        let document = config::Document::parse("w.ron", text.as_str()).unwrap();
        let file: workload_compiler::WorkloadFile = document.read().unwrap();
        let resolved = workload_compiler::resolve(&file, |path| Err(path.to_owned()));
        match resolved {
            Ok(_) => assert!(right, "{text}"),
            Err(error) => {
                assert!(!right, "{text}: {error}");
                assert_eq!(error.path, "precision.kv_cache");
            }
        }
    }
}
