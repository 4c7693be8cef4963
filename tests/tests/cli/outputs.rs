//! Where outputs go: whole or not at all, never onto each other or an input, and into what is no
//! file.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::{Folder, program};

/// A run of an instant.
const SMALL: &str = "simulate --workload gpt2-124m-prefill \
    --set 'workload.model=Variant(of: \"gpt2-124m\", layers: 1, vocab: 256)' \
    --set 'workload.run=Prefill(tokens: 4)'";

/// Runs a line in a shell, `ternion` for the program and `SMALL` for the small run.
fn shell(folder: &Folder, line: &str) -> Output {
    let program = format!("'{}'", program().display());
    let line = line
        .replace("SMALL", SMALL)
        .replace("ternion ", &format!("{program} "));
    let mut bash = Command::new("bash");
    bash.args(["-c", &line]).current_dir(folder.path(""));
    bash.stdin(Stdio::null())
        .output()
        .expect("there is a shell")
}

/// The same, for a line that must succeed.
fn done(folder: &Folder, line: &str) -> (String, String) {
    let output = shell(folder, line);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{line}\n{stdout}\n{stderr}");
    (stdout, stderr)
}

/// The complaint about a line that must be refused before anything is written.
fn refused(folder: &Folder, line: &str) -> String {
    let before = folder.files();
    let output = shell(folder, line);
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{line}\n{stderr}");
    assert!(output.stdout.is_empty(), "{line}");
    assert_eq!(folder.files(), before, "{line}");
    stderr
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok()
}

#[test]
fn no_output_goes_onto_another_or_onto_an_input_by_any_name() {
    let folder = Folder::new();
    done(&folder, "ternion machines edge-tpu-paper > m.ron");
    done(&folder, "ternion workloads opt-1.3b-decode-paper > w.ron");
    folder.write("requests.txt", "0x40 READ 0\n");
    folder.write("old.json", "old");
    fs::create_dir(folder.path("d")).expect("a folder");
    for (name, to) in [
        ("soft", "m.ron"),
        ("soft.json", "new.json"),
        ("soft2", "soft"),
    ] {
        symlink(to, folder.path(name)).expect("a link");
    }
    for (name, of) in [
        ("hard", "m.ron"),
        ("hard.json", "old.json"),
        ("hard.svg", "m.ron"),
    ] {
        fs::hard_link(folder.path(of), folder.path(name)).expect("a link");
    }
    for outputs in [
        "--json new.json --trace new.json",
        "--json new.json --trace ./new.json",
        "--json new.json --trace d/../new.json",
        "--json new.json --trace soft.json",
        "--json old.json --trace hard.json",
        "--json - --trace -",
    ] {
        let error = refused(&folder, &format!("ternion simulate {outputs}"));
        assert!(error.contains("name the same file"), "{outputs}: {error}");
    }
    for output in [
        "m.ron",
        "./m.ron",
        "d/../m.ron",
        "soft",
        "soft2",
        "hard",
        "w.ron",
    ] {
        for command in [
            "simulate --hw m.ron --workload w.ron --json",
            "simulate --hw m.ron --workload w.ron --trace",
            "simulate --hw soft --workload w.ron --json",
            "simulate --hw - --workload w.ron --json",
            "compile --hw m.ron --workload w.ron --json",
            "amdahl --hw m.ron --workload w.ron --json",
        ] {
            let error = refused(&folder, &format!("ternion {command} {output} < m.ron"));
            assert!(
                error.contains("would overwrite"),
                "{command} {output}: {error}"
            );
        }
    }
    for line in [
        "dram --config DDR4-3200AA --trace requests.txt --json requests.txt",
        "dram --config DDR4-3200AA --trace requests.txt --commands ./requests.txt",
        "amdahl --hw m.ron --workload w.ron --figure hard.svg",
    ] {
        let error = refused(&folder, &format!("ternion {line}"));
        assert!(error.contains("would overwrite"), "{line}: {error}");
    }
    for line in [
        "dram --config DDR4-3200AA --trace requests.txt --commands a --json a",
        "amdahl --hw m.ron --workload w.ron --json a.svg --figure a.svg",
    ] {
        let error = refused(&folder, &format!("ternion {line}"));
        assert!(error.contains("name the same file"), "{line}: {error}");
    }
    assert_eq!(folder.read("old.json"), "old");
}

#[test]
fn files_that_a_file_names_are_inputs_too() {
    let folder = Folder::new();
    done(
        &folder,
        "ternion machines edge-tpu | sed 's/^Machine(/&technology: \"t.ron\",/' > m.ron",
    );
    folder.write("t.ron", "not read as far as that");
    folder.write("c.json", "{}");
    folder.write(
        "w.ron",
        "Workload(model: HuggingFace(\"c.json\"), run: Decode(context: 4))",
    );
    // Both are broken, and told before any output is looked at.
    refused(&folder, "ternion simulate --hw m.ron --json t.ron");
    refused(&folder, "ternion simulate --workload w.ron --json c.json");
    assert_eq!(folder.read("c.json"), "{}");
    let config = r#"{"model_type": "llama", "architectures": ["LlamaForCausalLM"],
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1,
        "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 256,
        "max_position_embeddings": 128, "hidden_act": "silu", "tie_word_embeddings": false,
        "rms_norm_eps": 1e-5, "torch_dtype": "bfloat16"}"#;
    folder.write("c.json", config);
    let error = refused(
        &folder,
        "ternion simulate --hw tpu-v4i --workload w.ron --json c.json",
    );
    assert!(error.contains("would overwrite `c.json`"), "{error}");
    assert_eq!(folder.read("c.json"), config);
}

#[test]
fn a_file_is_replaced_through_links_and_keeps_its_permissions() {
    let folder = Folder::new();
    folder.write("real.json", "old");
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(folder.path("real.json"), private).expect("permissions");
    symlink("real.json", folder.path("a")).expect("a link");
    symlink("a", folder.path("b")).expect("a link");
    symlink("absent.json", folder.path("c")).expect("a link");
    done(&folder, "ternion SMALL -q --json b --trace c");
    assert!(is_json(&folder.read("real.json")));
    let mode = fs::metadata(folder.path("real.json"))
        .expect("it is there")
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(folder.read("absent.json").starts_with('['));
    for link in ["a", "b", "c"] {
        let metadata = folder.path(link).symlink_metadata().expect("it is there");
        assert!(metadata.is_symlink(), "{link}");
    }
    assert_eq!(folder.files(), ["a", "absent.json", "b", "c", "real.json"]);
    symlink("loop", folder.path("loop")).expect("a link");
    let error = refused(&folder, "ternion SMALL --json loop");
    assert!(error.contains("cannot write `loop`"), "{error}");
}

#[test]
fn what_is_no_file_is_written_as_it_is() {
    let folder = Folder::new();
    let made = shell(&folder, "mkfifo fifo && mknod null c 1 3");
    let has_device = made.status.success();
    let (stdout, _) = done(&folder, "ternion SMALL -q --json fifo & cat fifo; wait $!");
    assert!(is_json(&stdout), "{stdout}");
    let is_fifo = |name: &str| {
        let metadata = folder.path(name).symlink_metadata().expect("it is there");
        metadata.file_type().is_fifo()
    };
    assert!(is_fifo("fifo"));
    if has_device {
        done(&folder, "ternion SMALL -q --json null --trace null");
        let metadata = folder.path("null").symlink_metadata().expect("it is there");
        assert!(metadata.file_type().is_char_device());
    }
    // A descriptor that the shell opened: what is written joins what it holds.
    folder.write("log", "first\n");
    done(&folder, "ternion SMALL -q --json /dev/fd/3 3>> log");
    let log = folder.read("log");
    assert!(
        is_json(log.strip_prefix("first\n").expect("it is kept")),
        "{log}"
    );
    let output = shell(
        &folder,
        "ternion SMALL -q --json fifo & sleep 0 < fifo; wait $!",
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "nobody took it: {stderr}");
    assert!(stderr.contains("cannot write `fifo`"), "{stderr}");
}

#[test]
fn standard_output_takes_one_output_and_the_report_makes_way() {
    let folder = Folder::new();
    folder.write("requests.txt", "0x40 READ 0\n");
    let paper = "--hw edge-tpu-paper --workload opt-1.3b-decode-paper";
    for (line, report) in [
        ("SMALL --json -", "makespan"),
        ("SMALL --json /dev/stdout", "makespan"),
        ("SMALL --trace -", "makespan"),
        ("compile --json -", "main memory"),
        (
            "dram --config DDR4-3200AA --trace requests.txt --json -",
            "GB/s",
        ),
        (
            "dram --config DDR4-3200AA --trace - --json - < requests.txt",
            "GB/s",
        ),
    ] {
        // Into a pipe, and into a file.
        let (stdout, stderr) = done(&folder, &format!("ternion {line}"));
        assert!(is_json(&stdout), "{line}: {stdout}");
        assert!(stderr.contains(report), "{line}: {stderr}");
        let (nothing, stderr) = done(&folder, &format!("ternion {line} > out"));
        assert_eq!(nothing, "");
        assert!(is_json(&folder.read("out")), "{line}");
        assert!(stderr.contains(report), "{line}: {stderr}");
    }
    let (stdout, _) = done(
        &folder,
        &format!("ternion amdahl {paper} --speedups 2 --figure -"),
    );
    assert!(stdout.starts_with("<svg"), "{stdout}");
    let trace = "dram --config DDR4-3200AA --trace requests.txt";
    let (stdout, _) = done(
        &folder,
        &format!("ternion {trace} --commands - | ternion dram check -"),
    );
    assert!(stdout.contains("0 violations"), "{stdout}");
    // A complaint on standard error is not cut off by an output there.
    done(&folder, "ternion SMALL --json /dev/stderr 2> log >out");
    assert!(is_json(&folder.read("log")));
}

#[test]
fn inputs_are_read_once_so_that_pipes_will_do() {
    let folder = Folder::new();
    let run = "--set 'workload.run=Prefill(tokens: 4)' -q --json";
    let workload = "gpt2-124m-prefill-int8";
    done(
        &folder,
        &format!("ternion simulate --hw gemmini --workload {workload} {run} direct"),
    );
    let same = |line: &str| {
        let (_, stderr) = done(&folder, &format!("{line} {run} piped"));
        assert_eq!(stderr, "");
        let facts = |name: &str| -> Value {
            serde_json::from_str(&folder.read(name)).expect("the facts are JSON")
        };
        assert_eq!(
            facts("piped")["total_cycles"],
            facts("direct")["total_cycles"]
        );
    };
    same(&format!(
        "ternion machines gemmini | ternion simulate --hw - --workload {workload}"
    ));
    same(&format!(
        "ternion workloads {workload} | ternion simulate --hw gemmini --workload -"
    ));
    same(&format!(
        "ternion simulate --hw <(ternion machines gemmini) --workload <(ternion workloads {workload})"
    ));
    same(&format!(
        "ternion workloads {workload} | ternion simulate --hw gemmini --workload /dev/stdin"
    ));
    folder.write(
        "kernels.ron",
        "Kernels(precision: (projection: Int8, attention: Int8, lm_head: Int8, activation: Int8), kernels: [(name: \"one\", work: Gemm(m: 8, n: 16, k: 16))])",
    );
    let kernels = shell(
        &folder,
        "cat kernels.ron | ternion simulate --hw gemmini --workload -",
    );
    let file = shell(
        &folder,
        "ternion simulate --hw gemmini --workload kernels.ron",
    );
    let lines = |output: &Output| -> Vec<String> {
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().skip(1).map(str::to_owned).collect()
    };
    assert!(kernels.status.success() && file.status.success());
    assert_eq!(lines(&kernels), lines(&file));
    let (checked, _) = done(&folder, "ternion machines gemmini | ternion check -");
    assert!(checked.contains("in order"), "{checked}");
    for line in [
        "ternion simulate --hw - --workload -",
        "ternion compile --hw - --workload -",
        "ternion amdahl --hw - --workload -",
        "ternion dram --config - --trace -",
    ] {
        let error = refused(&folder, line);
        assert!(error.contains("standard input"), "{line}: {error}");
    }
}

#[test]
fn an_error_of_the_disk_names_the_file_that_was_asked_for() {
    let folder = Folder::new();
    let paper = "--hw edge-tpu-paper --workload opt-1.3b-decode-paper";
    folder.write("requests.txt", "0x40 READ 0\n".repeat(2000));
    for (line, name) in [
        ("SMALL -q --json /dev/full", "/dev/full"),
        ("SMALL -q --trace /dev/full", "/dev/full"),
        ("SMALL -q --json run.json", "run.json"),
        ("SMALL -q --trace run.json.gz", "run.json.gz"),
        ("compile -q --json run.json", "run.json"),
        (&format!("amdahl {paper} --figure run.svg"), "run.svg"),
        (
            "dram --config DDR4-3200AA --trace requests.txt --commands run.csv",
            "run.csv",
        ),
    ] {
        let limited = format!("ulimit -f 4; ternion {line} > /dev/null");
        let output = shell(&folder, &limited);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{line}: {stderr}");
        assert!(
            stderr.contains(&format!("cannot write `{name}`")),
            "{line}: {stderr}"
        );
        assert!(!stderr.contains("partial"), "{line}: {stderr}");
        assert_eq!(folder.files(), ["requests.txt"], "{line}");
    }
}

#[test]
fn an_output_that_fails_does_not_take_the_others_with_it() {
    let folder = Folder::new();
    let output = shell(&folder, "ternion SMALL --trace /dev/full --json run.json");
    assert_eq!(output.status.code(), Some(1));
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        report.contains("makespan") && report.contains("wrote run.json"),
        "{report}"
    );
    assert!(is_json(&folder.read("run.json")));
}

#[test]
fn names_that_no_file_can_take_are_refused_before_the_run() {
    let folder = Folder::new();
    folder.write("file", "");
    for name in ["file/x", "nowhere/", "new/", "..", "x.partial", "nowhere/x"] {
        let error = refused(&folder, &format!("ternion SMALL --json {name}"));
        assert!(error.contains("cannot write"), "{name}: {error}");
    }
    let long = "n".repeat(255);
    done(&folder, &format!("ternion SMALL -q --json {long}"));
    assert_eq!(folder.files(), ["file", &long]);
}

#[test]
fn every_command_tells_what_it_wrote() {
    let folder = Folder::new();
    folder.write("requests.txt", "0x40 READ 0\n");
    let paper = "--hw edge-tpu-paper --workload opt-1.3b-decode-paper --speedups 2";
    for (line, names) in [
        ("SMALL --json a --trace b", &["a", "b"][..]),
        ("compile --json a", &["a"]),
        (
            &format!("amdahl {paper} --json a --figure b.svg"),
            &["a", "b.svg"],
        ),
        (
            "dram --config DDR4-3200AA --trace requests.txt --json a --commands b",
            &["a", "b"],
        ),
    ] {
        let (stdout, _) = done(&folder, &format!("ternion {line}"));
        for name in names {
            assert!(
                stdout.contains(&format!("wrote {name}\n")),
                "{line}: {stdout}"
            );
        }
    }
    let (stdout, _) = done(&folder, "ternion SMALL --trace b --trace-budget 500");
    assert!(stdout.contains("; left out: "), "{stdout}");
    let (stdout, _) = done(&folder, "ternion SMALL --trace b");
    assert!(
        stdout.contains(" events\n") && !stdout.contains("left out"),
        "{stdout}"
    );
}
