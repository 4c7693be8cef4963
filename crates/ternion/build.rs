//! Lists the shipped machines and workloads, so that the program holds all of them.

use std::fmt::Write;
use std::path::Path;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut code = String::new();
    for (constant, folder) in [
        ("MACHINE_FILES", "hw-configs"),
        ("WORKLOAD_FILES", "workloads"),
        ("PUBLISHED_FILES", "hw-configs/published"),
        ("KERNEL_FILES", "workloads/kernels"),
    ] {
        let folder = root
            .join(folder)
            .canonicalize()
            .expect("the folder is shipped");
        println!("cargo::rerun-if-changed={}", folder.display());
        let entries = std::fs::read_dir(&folder).expect("the folder can be read");
        let mut paths: Vec<_> = entries
            .map(|entry| entry.expect("an entry").path())
            .collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "ron"));
        // Directory order is the file system's; ours is the alphabet's.
        paths.sort();
        writeln!(code, "static {constant}: &[Shipped] = &[").expect("text grows");
        for path in paths {
            let name = path
                .file_stem()
                .expect("a file has a name")
                .to_string_lossy();
            let path = path.display().to_string();
            writeln!(
                code,
                "    Shipped {{ name: {name:?}, text: include_str!({path:?}) }},"
            )
            .expect("text grows");
        }
        code.push_str("];\n");
    }
    let out = std::env::var("OUT_DIR").expect("cargo names a folder for what is made here");
    std::fs::write(Path::new(&out).join("shipped.rs"), code).expect("that folder can be written");
}
