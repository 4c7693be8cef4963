//! Files as they lie on Hugging Face: what is read of them, and what is not taken silently.

use std::path::{Path, PathBuf};

use config::FieldError;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tile_program::Program;
use workload_compiler::{Mixer, Model, ModelFile, NormPlacement, Position, Run, from_hugging_face};

use crate::support::{TERNARY, compile, edge, workload};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/hugging-face")
        .join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(folder(&format!("{name}.json"))).unwrap()
}

fn read(name: &str) -> ModelFile {
    from_hugging_face(&text(name), name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A model that is read without a word.
fn quiet(name: &str) -> Model {
    let file = read(name);
    assert_eq!(file.warnings, [], "{name}");
    assert_eq!(file.quantised, None, "{name}");
    file.model
}

fn refused(text: &str) -> FieldError {
    match from_hugging_face(text, "it") {
        Ok(file) => panic!("{text} is taken: {:?}", file.model),
        Err(error) => error,
    }
}

/// A row of counts made by walking the modules of the library's own classes.
#[derive(Debug, Deserialize)]
struct Counted {
    model: String,
    parameters: u64,
    embedding: u64,
    lm_head: u64,
    layers: u64,
    hidden: u64,
    heads: u64,
    kv_heads: u64,
    head_dim: u64,
    windowed_layers: u64,
    window: Option<u64>,
    vocabulary: u64,
}

#[test]
fn published_files_have_the_shape_and_the_parameters_of_the_library() {
    let mut rows = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_path(folder("published/counts.csv"))
        .unwrap();
    let mut seen = 0;
    for row in rows.deserialize() {
        let row: Counted = row.unwrap();
        let model = read(&format!("published/{}", row.model)).model;
        let name = &row.model;
        assert_eq!(model.parameters(), Some(row.parameters), "{name}");
        assert_eq!(model.embedding_weights(), Some(row.embedding), "{name}");
        assert_eq!(model.lm_head_weights(), Some(row.lm_head), "{name}");
        let shape = [
            model.layers,
            model.d_model,
            model.n_heads,
            model.n_kv_heads,
            model.head_dim,
            model.vocab,
        ];
        let expected = [
            row.layers,
            row.hidden,
            row.heads,
            row.kv_heads,
            row.head_dim,
            row.vocabulary,
        ];
        assert_eq!(shape, expected, "{name}");
        let windowed = (0..model.layers).filter(|layer| model.window(*layer).is_some());
        assert_eq!(windowed.count() as u64, row.windowed_layers, "{name}");
        assert_eq!(model.sliding_window, row.window, "{name}");
        seen += 1;
    }
    let files = std::fs::read_dir(folder("published")).unwrap().count();
    assert_eq!(seen + 1, files);
}

#[test]
fn every_key_of_published_files_is_known() {
    for entry in std::fs::read_dir(folder("published")).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path
            .file_stem()
            .filter(|_| path.extension() != Some("csv".as_ref()))
        else {
            continue;
        };
        let name = format!("published/{}", name.to_string_lossy());
        for warning in read(&name).warnings {
            // What is left out is said, and nothing else.
            assert!(warning.message.contains("encoder"), "{name}: {warning}");
        }
    }
}

#[test]
fn what_a_file_leaves_out_is_what_its_class_has() {
    let gemma = read("spoilt/gemma3-nested").model;
    assert_eq!(
        (gemma.n_heads, gemma.n_kv_heads, gemma.head_dim),
        (8, 4, 256)
    );
    assert_eq!((gemma.vocab, gemma.max_context), (262_208, 131_072));
    let gemma = read("spoilt/gemma3-nested-repaired").model;
    assert_eq!((gemma.n_kv_heads, gemma.head_dim), (4, 256));
    assert_eq!(quiet("spoilt/qwen3-no-head-dim").head_dim, 128);
    let llava = read("spoilt/llava-short").model;
    assert_eq!(
        (llava.d_model, llava.layers, llava.d_ff),
        (4096, 32, 11_008)
    );
    assert!(quiet("spoilt/smollm3-tie").tied_embeddings);
}

#[test]
fn layers_and_heads_are_those_that_the_file_says() {
    let layers = quiet("spoilt/layer-types");
    let windows: Vec<_> = (0..4).map(|layer| layers.window(layer)).collect();
    assert_eq!(windows, [Some(512), Some(512), Some(512), None]);
    assert_eq!(quiet("spoilt/multiquery-gpt2").n_kv_heads, 1);
    let sequential = quiet("spoilt/neox-sequential");
    assert_eq!(sequential.norm_placement, NormPlacement::Pre);
    assert_eq!(sequential.rotary_dim, 128);
    let parallel = quiet("spoilt/neox-rotary-pct");
    assert_eq!(parallel.norm_placement, NormPlacement::ParallelTwo);
    assert_eq!(parallel.rotary_dim, 32);
    let smollm3 = quiet("published/smollm3-3b");
    let rotates: Vec<_> = (0..4).map(|layer| smollm3.rotary(layer)).collect();
    assert_eq!(rotates, [128, 128, 128, 0]);
}

/// A file of a family with everything that it needs, and these keys.
fn with(family: &str, more: &Value) -> String {
    let mut file = json!({
        "model_type": family, "hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 4,
        "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 100,
        "max_position_embeddings": 2048,
    });
    let object = file.as_object_mut().unwrap();
    for (key, value) in more.as_object().unwrap() {
        object.remove(key);
        if !value.is_null() {
            object.insert(key.clone(), value.clone());
        }
    }
    file.to_string()
}

fn model_with(family: &str, more: &Value) -> Model {
    let text = with(family, more);
    from_hugging_face(&text, "it")
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .model
}

#[test]
fn layers_that_no_period_tells_are_listed() {
    let sees = |more| {
        let model = model_with("qwen3", &more);
        (0..4)
            .map(|layer| model.window(layer).is_none())
            .collect::<Vec<_>>()
    };
    let (full, window) = ("full_attention", "sliding_attention");
    let listed = json!({"use_sliding_window": true, "layer_types": [full, window, window, full]});
    assert_eq!(sees(listed), [true, false, false, true]);
    let first = json!({"use_sliding_window": true, "max_window_layers": 3});
    assert_eq!(sees(first), [true, true, true, false]);
    let none = json!({"use_sliding_window": true, "layer_types": [window, window, window, window]});
    assert_eq!(sees(none), [false; 4]);
    assert_eq!(sees(json!({"max_window_layers": 3})), [true; 4]);
    for (types, said) in [
        (json!([full, window]), "2 entries for 4 layers"),
        (
            json!([full, full, full, "linear_attention"]),
            "linear_attention",
        ),
        (json!([full, full, full, 1]), "a list of names"),
    ] {
        let more = json!({"use_sliding_window": true, "layer_types": types});
        let error = refused(&with("qwen3", &more));
        assert_eq!(error.path, "layer_types");
        assert!(error.message.contains(said), "{error}");
    }
    let many = json!({"use_sliding_window": true, "num_hidden_layers": 1_u64 << 60});
    assert_eq!(refused(&with("qwen3", &many)).path, "num_hidden_layers");
}

#[test]
fn falcons_differ_in_heads_norms_and_positions() {
    let base = json!({"num_key_value_heads": null, "intermediate_size": null});
    let falcon = |more: Value| {
        let mut all = base.clone();
        let object: &mut Map<String, Value> = all.as_object_mut().unwrap();
        object.extend(more.as_object().unwrap().clone());
        model_with("falcon", &all)
    };
    let small = falcon(json!({"num_kv_heads": 4}));
    assert_eq!(
        (small.n_kv_heads, small.norm_placement),
        (1, NormPlacement::Parallel)
    );
    let large = falcon(json!({"new_decoder_architecture": true, "num_kv_heads": 2}));
    assert_eq!(
        (large.n_kv_heads, large.norm_placement),
        (2, NormPlacement::ParallelTwo)
    );
    let oldest = json!({"multi_query": false, "parallel_attn": false, "alibi": true, "bias": true});
    let oldest = falcon(oldest);
    assert_eq!(
        (oldest.n_kv_heads, oldest.norm_placement),
        (4, NormPlacement::Pre)
    );
    assert_eq!((oldest.position, oldest.rotary_dim), (Position::None, 0));
    assert!(oldest.qkv_bias && oldest.linear_bias);
    assert_eq!(oldest.d_ff, 256);
    assert_eq!(oldest.mixer, Mixer::Attention);
}

#[test]
fn what_would_be_another_model_is_refused_at_its_key() {
    for (family, more, key, said) in [
        (
            "llama",
            json!({"num_kv_heads": 2}),
            "num_kv_heads",
            "num_key_value_heads",
        ),
        (
            "llama",
            json!({"n_head_kv": 2}),
            "n_head_kv",
            "num_key_value_heads",
        ),
        (
            "llama",
            json!({"multi_query": true}),
            "multi_query",
            "not read",
        ),
        (
            "llama",
            json!({"num_experts": 128}),
            "num_experts",
            "experts",
        ),
        (
            "llama",
            json!({"num_local_experts": 8}),
            "num_local_experts",
            "experts",
        ),
        (
            "qwen3",
            json!({"moe_intermediate_size": 768}),
            "moe_intermediate_size",
            "experts",
        ),
        (
            "llama",
            json!({"tie_word_embedings": true}),
            "tie_word_embedings",
            "tie_word_embeddings",
        ),
        (
            "llama",
            json!({"tieWordEmbeddings": true}),
            "tieWordEmbeddings",
            "tie_word_embeddings",
        ),
        (
            "llama",
            json!({"num_key_val_heads": 2}),
            "num_key_val_heads",
            "num_key_value_heads",
        ),
        (
            "llama",
            json!({"hiddensize": 32}),
            "hiddensize",
            "hidden_size",
        ),
        (
            "llama",
            json!({"kv_lora_rank": 512}),
            "kv_lora_rank",
            "latent",
        ),
        (
            "llama",
            json!({"mamba_d_state": 16}),
            "mamba_d_state",
            "state space",
        ),
        (
            "llama",
            json!({"time_step_limit": [0.0, 1.0]}),
            "time_step_limit",
            "state space",
        ),
        (
            "llama",
            json!({"n_layer": 8}),
            "n_layer",
            "num_hidden_layers",
        ),
        (
            "llama",
            json!({"ffn_hidden_size": 512}),
            "ffn_hidden_size",
            "intermediate_size",
        ),
        (
            "llama",
            json!({"vocab_size": null, "n_vocab": 9}),
            "n_vocab",
            "vocab_size",
        ),
        (
            "llama",
            json!({"num_hidden_layers": null, "num_hiden_layers": 9}),
            "num_hiden_layers",
            "num_hidden_layers",
        ),
        (
            "llama",
            json!({"vocab_size": null}),
            "vocab_size",
            "missing",
        ),
        (
            "llama",
            json!({"draft_vocab_size": 9}),
            "draft_vocab_size",
            "draft",
        ),
        (
            "llama",
            json!({"is_causal": false}),
            "is_causal",
            "directions",
        ),
        (
            "gpt2",
            json!({"num_key_value_heads": 2}),
            "num_key_value_heads",
            "not read",
        ),
        (
            "gpt2",
            json!({"n_inner": 128}),
            "intermediate_size",
            "n_inner",
        ),
        (
            "gpt2",
            json!({"intermediate_size": null, "num_key_value_heads": 4, "n_embd": 32}),
            "n_embd",
            "both",
        ),
        (
            "llama",
            json!({"architectures": ["LlamaForCausalLMEagle3"]}),
            "architectures",
            "draft",
        ),
        (
            "llama",
            json!({"architectures": ["LlamaForSequenceClassification"]}),
            "architectures",
            "LM head",
        ),
        (
            "llama",
            json!({"num_attention_heads": "4"}),
            "num_attention_heads",
            "whole number",
        ),
        (
            "llama",
            json!({"num_attention_heads": -4}),
            "num_attention_heads",
            "whole number",
        ),
        (
            "llama",
            json!({"num_key_value_heads": 3}),
            "num_key_value_heads",
            "divide",
        ),
    ] {
        let error = refused(&with(family, &more));
        assert_eq!(error.path, key, "{more}: {error}");
        let all = format!("{error} {}", error.help.clone().unwrap_or_default());
        assert!(all.contains(said), "{more}: {all}");
        assert!(error.place.is_some() || said == "missing", "{more}");
    }
    assert_eq!(refused(&text("spoilt/eagle3-draft")).path, "architectures");
    assert_eq!(refused(&text("spoilt/mixtral")).path, "model_type");
}

#[test]
fn what_is_not_known_is_named_and_what_changes_nothing_is_not() {
    let warnings = |family: &str, more: Value| {
        let read = from_hugging_face(&with(family, &more), "it").unwrap();
        let messages = read.warnings.iter().map(ToString::to_string);
        messages.collect::<Vec<_>>().join("\n")
    };
    for more in [
        json!({"rope_theta": 1e6, "torch_dtype": "bfloat16", "attention_dropout": 0.0}),
        json!({"num_experts": 0, "quantization_config": null, "mamba_d_state": null}),
        json!({"n_layer": 4, "n_embd": 64, "multi_query": false, "partial_rotary_factor": 1.0}),
        json!({"auto_map": {"AutoConfig": "x"}, "use_cache": true, "bos_token_id": 1}),
    ] {
        assert_eq!(warnings("llama", more.clone()), "", "{more}");
    }
    let said = warnings("llama", json!({"wibble": 1, "wobble": 2}));
    assert!(said.contains("`wibble`, `wobble`"), "{said}");
    let said = warnings("llama", json!({"sliding_window": 5}));
    assert!(said.contains("sliding_window"), "{said}");
    let said = warnings("llama", json!({"use_parallel_residual": true}));
    assert!(said.contains("use_parallel_residual"), "{said}");
    let said = warnings("llama", json!({"architectures": ["MyLlamaForCausalLM"]}));
    assert!(said.contains("MyLlamaForCausalLM"), "{said}");
    let said = warnings("llama", json!({"attention_bias": true}));
    assert!(said.contains("output projection"), "{said}");
    let many: Map<String, Value> = (0..300_000).map(|n| (format!("w{n}"), json!(n))).collect();
    let said = warnings("llama", Value::Object(many));
    assert!(
        said.contains("and 299992 more") && said.len() < 1000,
        "{said}"
    );
}

#[test]
fn encoders_are_said_to_be_left_out() {
    for (name, key) in [
        ("spoilt/audio-dropped", "audio_config"),
        ("spoilt/gemma3-nested", "vision_config"),
        ("published/mistral-small-3.1-24b", "vision_config"),
    ] {
        let warnings = read(name).warnings;
        assert_eq!(warnings.len(), 1, "{name}: {warnings:?}");
        assert_eq!(warnings[0].path, key);
    }
}

#[test]
fn quantised_weights_ask_for_the_format_of_projections() {
    for (name, format) in [("awq", "Int4"), ("fp8", "Int8"), ("w8a8", "Int8")] {
        let error = read(&format!("spoilt/{name}")).quantised.unwrap();
        assert_eq!(error.path, "quantization_config");
        let help = error.help.unwrap();
        assert!(
            help.contains(&format!("precision: (projection: {format})")),
            "{help}"
        );
    }
    let ternary = quiet("spoilt/weight-bits");
    assert!(ternary.is_ternary() && ternary.sub_norms);
    assert!(quiet("published/falcon-e-3b").is_ternary());
    let two_bits = with("llama", &json!({"weight_bits": 2}));
    let read = from_hugging_face(&two_bits, "it").unwrap();
    assert_eq!(read.quantised.unwrap().path, "weight_bits");
}

#[test]
fn files_are_read_as_python_reads_them() {
    assert_eq!(quiet("spoilt/bom").d_model, 1024);
    assert_eq!(quiet("spoilt/two-spellings-llama").layers, 4);
    for name in ["two-spellings-starcoder2", "infinity"] {
        let error = refused(&text(&format!("spoilt/{name}")));
        assert_eq!(error.path, "model_type", "{error}");
    }
    let infinite = with("llama", &json!({"rope_theta": 1})).replace(":1,", ":Infinity,");
    assert!(infinite.contains("Infinity"));
    from_hugging_face(&infinite, "it").unwrap();
    let error = refused(&infinite.replace("rope_theta", "hidden_size"));
    assert!(error.message.contains("found Infinity"), "{error}");
}

/// All keys that a file of some family gives, and a value that is not neutral.
fn structural() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "head_dim",
        "intermediate_size",
        "vocab_size",
        "tie_word_embeddings",
        "max_position_embeddings",
    ])
}

proptest! {
    #[test]
    fn a_slip_in_a_key_that_shapes_follow_from_is_never_silent(
        key in structural(), at in any::<prop::sample::Index>(), slip in 0..4_u8, letter in "[a-z]",
    ) {
        let mut letters: Vec<char> = key.chars().collect();
        let at = at.index(letters.len() - 1);
        let letter = letter.chars().next().unwrap();
        match slip {
            0 => { letters.remove(at); }
            1 => letters.insert(at, letter),
            2 => letters[at] = letter,
            _ => letters.swap(at, at + 1),
        }
        let slipped: String = letters.into_iter().collect();
        prop_assume!(slipped != key && slipped.replace('_', "") != key.replace('_', ""));
        let value = if key.starts_with("tie") { json!(true) } else { json!(2) };
        let text = with("llama", &json!({ slipped.clone(): value }));
        let error = refused(&text);
        prop_assert_eq!(error.path, slipped);
    }

    #[test]
    fn no_file_makes_the_reader_panic(
        key in structural(),
        value in prop_oneof![
            Just("null".to_owned()), Just("18446744073709551616".to_owned()), Just("-1".to_owned()),
            Just("1e999".to_owned()), Just("NaN".to_owned()), Just("[{}]".to_owned()),
            Just("\"\\ud800\"".to_owned()), any::<u64>().prop_map(|n| n.to_string()),
            (0_u64..1 << 25).prop_map(|n| n.to_string()),
        ],
        family in prop::sample::select(vec!["llama", "gemma3_text", "qwen3", "gpt2", "falcon", "hgrn_bit", "phi"]),
    ) {
        let text = with(family, &json!({ key: 1 })).replace(
            &format!("\"{key}\":1"), &format!("\"{key}\":{value}"),
        );
        if let Ok(file) = from_hugging_face(&text, "it") {
            let _ = file.model.summary();
        }
    }
}

/// The names of all operations of a decoded token.
fn operations(model: Model) -> Vec<String> {
    let workload = workload(model, Run::decode(64), TERNARY);
    let mut program = compile(workload, &edge()).unwrap();
    let pass = Program::next_pass(&mut program).unwrap();
    let operations = pass.operations.iter();
    operations
        .map(|operation| operation.name.to_string())
        .collect()
}

#[test]
fn blocks_have_the_norms_and_rotations_of_their_files() {
    let of = |operations: &[String], name: &str| {
        let ending = format!(".{name}");
        operations
            .iter()
            .filter(|own| own.ends_with(&ending))
            .count()
    };
    for (name, norms) in [("neox-rotary-pct", 4), ("neox-sequential", 4)] {
        let operations = operations(quiet(&format!("spoilt/{name}")));
        assert_eq!(of(&operations, "ffn_norm"), norms, "{name}");
        // Side by side, the way into the feed-forward network needs no attention.
        let at = |ending: &str| operations.iter().position(|own| own == ending).unwrap();
        let first = at("layers.0.up_proj") < at("layers.0.o_proj");
        assert_eq!(first, name == "neox-rotary-pct");
    }
    let smollm3 = operations(quiet("spoilt/smollm3-tie"));
    assert_eq!((of(&smollm3, "q_rotary"), of(&smollm3, "q_proj")), (3, 4));
    assert!(!smollm3.contains(&"layers.3.q_rotary".to_owned()));
}
