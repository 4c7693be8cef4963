//! Workload files: the shipped ones, their defaults, and what is answered to mistakes.

use crate::support::{check, cloud, compile, edge, hybrid, model, single, workload};
use config::FieldError;
use quantities::Bytes;
use tile_program::{Family, in_turn};
use workload_compiler::{
    CompileError, Concern, Format, ModelChoice, Operators, Overrides, Packing, Run, Workload,
    WorkloadFile, from_hugging_face, resolve,
};

fn parse(text: &str) -> WorkloadFile {
    let document = config::Document::parse("workload.ron", text).unwrap();
    document.read().unwrap_or_else(|error| panic!("{error}"))
}

fn resolved(text: &str) -> Result<Workload, FieldError> {
    resolve(&parse(text), |path| Err(format!("{path} is not there")))
}

#[test]
fn every_shipped_workload_compiles() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../workloads");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "ron") {
            continue;
        }
        let mut workload = resolved(&std::fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // Layers repeat; two of them show what the model does.
        workload.model.layers = 2;
        if let Run::Generate { tokens, .. } = &mut workload.run {
            *tokens = 2;
        }
        let target = if workload.precision.projection == Format::Int8 {
            single(128, [512, 512, 256], 16)
        } else {
            edge()
        };
        let mut program = compile(workload, &target)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        check(&mut program, false);
        count += 1;
    }
    assert!(count >= 15, "{count} workloads");
}

#[test]
fn dense_layers_are_a_workload_of_their_own() {
    let text = r#"Workload(
        model: Dense([(count: 2, inputs: 300, outputs: 200), (inputs: 200, outputs: 50, activation: Relu)]),
        run: Prefill(tokens: 7), batch: 3, precision: (projection: Int8, activation: Int8),
    )"#;
    let workload = resolved(text).unwrap();
    assert_eq!(workload.model.weights(), Some(2 * 300 * 200 + 200 * 50));
    for whole in [false, true] {
        let mut target = single(128, [64, 64, 64], 16);
        target.arrays[0].whole_tiles = whole;
        target.arrays[0].dataflow = tile_program::Dataflow::WeightStationary;
        let mut program = compile(workload.clone(), &target).unwrap();
        check(&mut program, false);
        let mut program = compile(workload.clone(), &target).unwrap();
        let pass = tile_program::Program::next_pass(&mut program).unwrap();
        let macs: u64 = pass.operations.iter().map(|operation| operation.macs).sum();
        assert_eq!(macs, 21 * (2 * 300 * 200 + 200 * 50));
        let (rows, columns) = (target.arrays[0].rows, target.arrays[0].columns);
        for instruction in in_turn(pass.streams) {
            let tile_program::Work::Gemm(tile) = instruction.work else {
                continue;
            };
            // Whole tiles come one by one.
            assert!(!whole || tile.k <= rows && tile.n <= columns, "{tile:?}");
        }
    }
    let refused = |layers: &str| {
        let text = format!("(model: Dense({layers}), run: Prefill(tokens: 7))");
        resolved(&text).unwrap_err().path
    };
    assert_eq!(refused("[]"), "model");
    assert_eq!(refused("[(inputs: 0, outputs: 5)]"), "model[0].inputs");
    assert_eq!(
        refused("[(inputs: 1, outputs: 5), (count: 99999999, inputs: 1, outputs: 5)]"),
        "model[1].count"
    );
}

#[test]
fn what_is_left_out_is_what_the_model_was_published_in() {
    let ternary = Format::Ternary {
        packing: Packing::TwoBits,
    };
    let workload = resolved(r#"Workload(model: "bitnet", run: Decode(context: 9))"#).unwrap();
    assert_eq!(workload.precision.projection, ternary);
    assert_eq!(workload.precision.lm_head, Format::Bf16);
    assert_eq!((workload.batch, workload.operators), (1, Operators::All));
    let text = r#"(model: "GPT-2 124M", run: Prefill(tokens: 4), precision: (attention: Int8))"#;
    let workload = resolved(text).unwrap();
    assert_eq!(workload.precision.projection, Format::Bf16);
    assert_eq!(workload.precision.kv_cache, Format::Int8);
}

#[test]
fn a_variant_changes_what_it_names_and_keeps_the_rest() {
    let text = r#"(model: Variant(of: "llama-7b", d_ff: 4096, feed_forward: Plain, activation: Relu),
                   run: Decode(context: 5))"#;
    let workload = resolved(text).unwrap();
    let base = model("llama-7b");
    assert_eq!(workload.model.d_ff, 4096);
    assert_eq!(workload.model.d_model, base.d_model);
    let block = 4 * 4096 * 4096 + 2 * 4096 * 4096;
    assert_eq!(workload.model.block_weights(), Some(32 * block));
}

#[test]
fn mistakes_are_answered_at_their_field_with_a_remedy() {
    let cases = [
        (
            r#"(model: "lama-2-7b", run: Decode(context: 1))"#,
            "model",
            "llama-2-7b",
        ),
        (
            r#"(model: "gpt2", run: Decode(context: 0))"#,
            "run.context",
            "at least 1",
        ),
        (
            r#"(model: "gpt2", run: Prefill(tokens: 0))"#,
            "run.tokens",
            "at least 1",
        ),
        (
            r#"(model: "gpt2", run: Generate(prompt: 0, tokens: 1))"#,
            "run.prompt",
            "at least 1",
        ),
        (
            r#"(model: "gpt2", run: Decode(context: 1), batch: 0)"#,
            "batch",
            "at least 1",
        ),
        (
            r#"(model: "gpt2", run: Decode(context: 2048))"#,
            "run",
            "beyond_max_context: true",
        ),
        (
            r#"(model: "gpt2", run: Decode(context: 99999999999999), beyond_max_context: true)"#,
            "run.context",
            "at most",
        ),
        (
            r#"(model: Variant(of: "llama-3-8b", n_kv_heads: 5), run: Decode(context: 1))"#,
            "model.n_kv_heads",
            "divisor",
        ),
        (
            r#"(model: Variant(of: "gpt2", n_heads: 7), run: Decode(context: 1))"#,
            "model.n_heads",
            "divides",
        ),
        (
            r#"(model: HuggingFace("nowhere.json"), run: Decode(context: 1))"#,
            "model",
            "config.json",
        ),
        (
            r#"(model: "gpt2", run: Decode(context: 1), precision: (attention: Binary))"#,
            "precision.attention",
            "Int8",
        ),
        (
            r#"(model: "gpt2", run: Decode(context: 1), precision: (attention: Int8, kv_cache: Bf16))"#,
            "precision.kv_cache",
            "precision.attention",
        ),
    ];
    for (text, path, remedy) in cases {
        let error = resolved(text).unwrap_err();
        assert_eq!(error.path, path, "{text}: {error}");
        let help = error.help.unwrap_or_default();
        assert!(help.contains(remedy), "{text}: {help}");
    }
    let beyond = r#"(model: "gpt2", run: Decode(context: 2048), beyond_max_context: true)"#;
    assert!(resolved(beyond).is_ok());
}

#[test]
fn what_a_machine_cannot_run_names_the_file_the_field_and_the_remedy() {
    let decode = Run::decode(64);
    let bf16 = workload(model("gpt2-124m"), decode, Format::Bf16);
    let error = compile(bf16.clone(), &edge()).unwrap_err();
    let (concern, field) = error.field();
    assert_eq!(
        (concern, field.path.as_str()),
        (Concern::Workload, "precision.projection")
    );
    assert!(field.help.unwrap().contains("`Ternary`"));

    let mut target = single(32, [64, 64, 64], 16);
    target.arrays[0].serves = vec![Family::Projection, Family::LmHead];
    let error = compile(bf16.clone(), &target).unwrap_err();
    assert_eq!(
        error,
        CompileError::NoArray {
            family: Family::Attention
        }
    );
    assert_eq!(error.field().1.path, "arrays");

    for (kib, scratchpad) in [
        ([1, 64, 64], "activations"),
        ([64, 1, 64], "weights"),
        ([64, 64, 1], "outputs"),
    ] {
        let target = single(512, kib, 16);
        let (concern, field) = compile(bf16.clone(), &target).unwrap_err().field();
        assert_eq!(concern, Concern::Machine);
        assert_eq!(
            field.path,
            format!("scratchpads.{scratchpad}.capacity"),
            "{field}"
        );
    }

    let mut target = single(32, [64, 64, 64], 16);
    target.memory.capacity = Some(Bytes(100 << 20));
    let error = compile(bf16, &target).unwrap_err();
    assert!(
        matches!(error, CompileError::MemoryTooSmall { .. }),
        "{error}"
    );
    assert_eq!(error.field().1.path, "memory");
}

#[test]
fn sizes_that_leave_64_bits_are_an_error() {
    let mut big = model("llama-2-70b");
    big.d_ff = 1 << 24;
    big.d_model = 1 << 24;
    big.layers = 1 << 24;
    assert!(big.check().is_err());
    let text = r#"(model: "llama-2-70b", run: Prefill(tokens: 16777216), batch: 16777216,
                   beyond_max_context: true)"#;
    let error = resolved(text).unwrap_err();
    assert_eq!(error.path, "run", "{error}");
    // A caller that asks nobody is told so, too.
    let run = Run::prefill(16_777_216);
    let mut workload = workload(model("llama-2-70b"), run, Format::Int8);
    workload.batch = 16_777_216;
    let error = compile(workload, &single(64, [1 << 20; 3], 16)).unwrap_err();
    assert!(matches!(error, CompileError::Overflow { .. }), "{error}");
}

/// Files as they lie on Hugging Face, cut down to what shapes need.
#[test]
fn hugging_face_files_give_the_shapes_of_the_presets() {
    let cases = [
        (
            "llama-3-8b",
            r#"{"model_type":"llama","hidden_size":4096,"intermediate_size":14336,"num_hidden_layers":32,
                "num_attention_heads":32,"num_key_value_heads":8,"vocab_size":128256,"hidden_act":"silu",
                "max_position_embeddings":8192,"tie_word_embeddings":false,"attention_bias":false,
                "torch_dtype":"bfloat16","rope_theta":500000.0}"#,
        ),
        (
            "gpt2-124m",
            r#"{"model_type":"gpt2","n_embd":768,"n_layer":12,"n_head":12,"n_positions":1024,"n_ctx":1024,
                "vocab_size":50257,"activation_function":"gelu_new","torch_dtype":"float32"}"#,
        ),
        (
            "opt-350m",
            r#"{"model_type":"opt","hidden_size":1024,"ffn_dim":4096,"num_hidden_layers":24,
                "num_attention_heads":16,"vocab_size":50272,"activation_function":"relu",
                "max_position_embeddings":2048,"word_embed_proj_dim":512,"do_layer_norm_before":false,
                "torch_dtype":"float16"}"#,
        ),
        (
            "qwen2.5-0.5b",
            r#"{"model_type":"qwen2","hidden_size":896,"intermediate_size":4864,"num_hidden_layers":24,
                "num_attention_heads":14,"num_key_value_heads":2,"vocab_size":151936,"hidden_act":"silu",
                "max_position_embeddings":32768,"sliding_window":32768,"use_sliding_window":false,
                "tie_word_embeddings":true,"torch_dtype":"bfloat16"}"#,
        ),
        (
            "qwen3-0.6b",
            r#"{"model_type":"qwen3","hidden_size":1024,"intermediate_size":3072,"num_hidden_layers":28,
                "num_attention_heads":16,"num_key_value_heads":8,"head_dim":128,"vocab_size":151936,
                "hidden_act":"silu","max_position_embeddings":40960,"sliding_window":null,
                "use_sliding_window":false,"tie_word_embeddings":true,"attention_bias":false}"#,
        ),
        (
            "phi-2",
            r#"{"model_type":"phi","hidden_size":2560,"intermediate_size":10240,"num_hidden_layers":32,
                "num_attention_heads":32,"num_key_value_heads":32,"vocab_size":51200,
                "hidden_act":"gelu_new","max_position_embeddings":2048,"partial_rotary_factor":0.4,
                "tie_word_embeddings":false,"torch_dtype":"float16"}"#,
        ),
        (
            "gemma-2-2b",
            r#"{"model_type":"gemma2","hidden_size":2304,"intermediate_size":9216,"num_hidden_layers":26,
                "num_attention_heads":8,"num_key_value_heads":4,"head_dim":256,"vocab_size":256000,
                "hidden_act":"gelu_pytorch_tanh","hidden_activation":"gelu_pytorch_tanh",
                "max_position_embeddings":8192,"sliding_window":4096}"#,
        ),
        (
            "bitnet-b1.58-2b-4t",
            r#"{"model_type":"bitnet","hidden_size":2560,"intermediate_size":6912,"num_hidden_layers":30,
                "num_attention_heads":20,"num_key_value_heads":5,"vocab_size":128256,"hidden_act":"relu2",
                "max_position_embeddings":4096,"tie_word_embeddings":true,"torch_dtype":"bfloat16",
                "quantization_config":{"quant_method":"bitnet"}}"#,
        ),
        (
            "matmul-free-lm-370m",
            r#"{"model_type":"hgrn_bit","hidden_size":1024,"num_hidden_layers":24,"num_heads":1,
                "hidden_ratio":4,"intermediate_size":null,"vocab_size":32000,"hidden_act":"swish",
                "max_position_embeddings":2048,"tie_word_embeddings":false}"#,
        ),
    ];
    for (preset, text) in cases {
        let mut found = from_hugging_face(text, "config.json").unwrap().model;
        let expected = model(preset);
        found.name.clone_from(&expected.name);
        found.family.clone_from(&expected.family);
        assert_eq!(found, expected, "{preset}");
    }
}

#[test]
fn a_workload_may_name_a_hugging_face_file() {
    let file = parse(r#"(model: HuggingFace("mine/config.json"), run: Decode(context: 7))"#);
    let text = r#"{"model_type":"mistral","hidden_size":64,"num_attention_heads":4,"vocab_size":9,
        "num_key_value_heads":2,"num_hidden_layers":1,"intermediate_size":9,"sliding_window":5}"#;
    let workload = resolve(&file, |path| {
        assert_eq!(path, "mine/config.json");
        Ok(text.to_owned())
    });
    let model = workload.unwrap().model;
    assert_eq!(
        (model.name.as_str(), model.group()),
        ("mine/config.json", 2)
    );
    assert_eq!(model.window(0), Some(5));
    let error = resolve(&file, |_| Ok(text.replace("64", "63"))).unwrap_err();
    assert_eq!(error.path, "model");
    assert!(
        error
            .message
            .contains("mine/config.json: num_attention_heads"),
        "{error}"
    );
}

#[test]
fn hugging_face_files_that_make_no_sense_are_answered_at_their_field() {
    let cases = [
        ("not json", "", "config.json"),
        (r#"{"model_type":"mamba"}"#, "model_type", "known are"),
        (r#"{"model_type":"llama"}"#, "hidden_size", "shape"),
        (
            r#"{"model_type":"llama","hidden_size":100,"num_attention_heads":7}"#,
            "num_attention_heads",
            "divides",
        ),
        (
            r#"{"model_type":"llama","hidden_size":64,"num_attention_heads":4,"hidden_act":"elu"}"#,
            "hidden_act",
            "relu",
        ),
        (
            r#"{"model_type":"llama","hidden_size":64,"num_attention_heads":4,"num_key_value_heads":3,
                "num_hidden_layers":1,"vocab_size":9,"intermediate_size":9}"#,
            "num_key_value_heads",
            "divisor",
        ),
    ];
    for (text, path, remedy) in cases {
        let error = from_hugging_face(text, "x").unwrap_err();
        assert_eq!(error.path, path, "{error}");
        assert!(error.help.unwrap().contains(remedy), "{text}");
    }
}

#[test]
fn a_workload_file_is_written_as_it_is_read() {
    let choice = ModelChoice::Variant(Box::new(Overrides {
        of: "gpt2".to_owned(),
        d_ff: Some(768),
        ..Overrides::default()
    }));
    let mut file = parse(r#"(model: "gpt2", run: Decode(context: 8), heads: Separate)"#);
    for model in [
        file.model.clone(),
        choice,
        ModelChoice::HuggingFace("a/b.json".to_owned()),
    ] {
        file.model = model;
        let text = ron::to_string(&file).unwrap();
        assert_eq!(parse(&text), file, "{text}");
    }
}

#[test]
fn a_bigger_machine_never_moves_more_bytes() {
    let run = Run::prefill(200);
    let mut small = model("llama-2-7b");
    small.layers = 1;
    let bytes = |target| {
        let workload = workload(small.clone(), run.clone(), crate::support::TERNARY);
        let found = check(&mut compile(workload, &target).unwrap(), false);
        found.loaded + found.stored
    };
    let sizes = [
        [64, 128, 64],
        [256, 512, 128],
        [1024, 1024, 512],
        [8192, 8192, 2048],
    ];
    let moved: Vec<u64> = sizes
        .into_iter()
        .map(|kib| bytes(hybrid(64, kib)))
        .collect();
    assert!(moved.is_sorted_by(|a, b| a >= b), "{moved:?}");
    assert!(bytes(cloud()) < moved[1]);
}
