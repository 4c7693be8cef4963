//! What stands in the READMEs as an example works: files are accepted, commands are understood.
//!
//! Examples in Rust are tests of their crates; figures are held by `cargo xtask docs --check`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Folder, root};

/// Every README of the project, and ARCHITECTURE.md.
fn readmes() -> Vec<(PathBuf, String)> {
    let mut found = vec![root().join("README.md"), root().join("ARCHITECTURE.md")];
    for folder in ["crates", "tests", "traces", "workloads"] {
        collect(&root().join(folder), &mut found);
    }
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a README is text");
        (path, text)
    };
    found.into_iter().map(read).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).expect("a folder of the project");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    for path in paths {
        let is_foreign = path.ends_with("node_modules") || path.ends_with("target");
        if path.is_dir() && !is_foreign {
            collect(&path, found);
        } else if path.ends_with("README.md") {
            found.push(path);
        }
    }
}

/// The fenced blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let open = format!("\n```{language}\n");
    let parts = text.split(open.as_str()).skip(1);
    parts
        .map(|part| part.split("\n```").next().unwrap_or_default())
        .collect()
}

#[test]
fn every_file_in_a_readme_is_accepted() {
    let folder = Folder::new();
    let edge = folder.run(&["machines", "edge-hybrid"]).ok().stdout;
    let mut count = 0;
    for (path, text) in readmes() {
        for block in blocks(&text, "ron") {
            count += 1;
            // A memory by itself is part of a machine.
            let file = match block.starts_with('(') {
                false => block.to_owned(),
                true => {
                    let (before, _) = edge.split_once("memory:").expect("it has a memory");
                    format!("{before}memory: Dram{block},\n)")
                }
            };
            folder.write("example.ron", &file);
            let run = folder.run(&["check", "example.ron"]);
            assert_eq!(run.code, 0, "{}: {}{block}", path.display(), run.stderr);
        }
    }
    assert!(count >= 5, "only {count} examples were found");
}

/// The commands of the simulator that stand in code blocks, in their order.
fn commands(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("    "));
    lines.filter(|line| line.starts_with("ternion "))
}

/// Commands are run by a shell, in order and in one folder, as a reader would. Runs end at their
/// first cycle, and what takes minutes is asked for its help: its options are read all the same.
#[test]
fn every_command_in_a_readme_is_understood() {
    let folder = Folder::new();
    let edge = folder.run(&["machines", "edge-hybrid"]).ok().stdout;
    folder.write("my-board.ron", edge);
    folder.write(
        "my-layer.ron",
        "Kernels(precision: (projection: Binary, activation: Int8), kernels: [(name: \"dot\", \
         work: Gemm(m: 1, k: 64, n: 64))])",
    );
    let program = folder.command(&[]);
    let program = Path::new(program.get_program()).parent().expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", program.display());
    let mut count = 0;
    for (readme, text) in readmes() {
        for line in commands(&text) {
            count += 1;
            let (command, remark) = line.split_once(" #").unwrap_or((line, ""));
            let (more, codes): (&str, &[i32]) = match command.split(' ').nth(1) {
                Some("amdahl" | "reproduce" | "validate") => ("--help", &[0]),
                Some("simulate") if remark.contains("refused") => ("", &[2]),
                // A list of kernels takes no limit, and its kernels are small.
                Some("simulate") if command.contains("bitnet-2b-token") => ("--quiet", &[0]),
                Some("simulate") => ("--max-cycles 1", &[3]),
                _ => ("", &[0]),
            };
            let mut shell = Command::new("sh");
            let folder = folder.path("");
            let run = shell
                .arg("-c")
                .arg(format!("{command} {more}"))
                .current_dir(folder);
            let output = run.env("PATH", &path).output().expect("a shell");
            let code = output.status.code().expect("it ends by itself");
            assert!(
                codes.contains(&code),
                "{}: `{command} {more}` ends with {code}: {}",
                readme.display(),
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    assert!(count >= 15, "only {count} commands were found");
}
