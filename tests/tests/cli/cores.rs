//! Several cores and chips, as their users meet them.

use crate::support::Folder;

/// A machine of several chips, to be split wrongly.
const POD: &str = r#"Machine(
    name: "pod",
    clock: MHz(500),
    arrays: [
        (name: "bf16", element: Bf16(accumulator: Fp32), rows: 16, columns: 16, dataflow: WeightStationary),
    ],
    vector: (lanes: 16),
    scratchpads: (
        activations: (capacity: KiB(256)),
        weights: (capacity: KiB(256)),
        outputs: (capacity: KiB(256)),
    ),
    memory: Dram(standard: "LPDDR5-6400", channels: 2),
    chips: 4,
    link: (bandwidth: GBps(10), latency: Ns(200), topology: Ring),
)
"#;

const DECODE: &str = r#"Workload(
    model: "gpt2-124m",
    run: Decode(context: 16),
    batch: 2,
)
"#;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("pod.ron", POD);
    folder.write("decode.ron", DECODE);
    folder
}

const RUN: [&str; 5] = ["simulate", "--hw", "pod.ron", "--workload", "decode.ron"];

/// The error of a run with a change, which must be one error, and leave nothing behind.
fn refused(folder: &Folder, change: &str) -> String {
    let run = folder.run(&[&RUN[..], &["--json", "facts.json", "--set", change]].concat());
    assert_eq!(run.code, 2, "{change}: {}{}", run.stdout, run.stderr);
    assert_eq!(run.stdout, "", "{change}");
    assert_eq!(run.stderr.matches("error: ").count(), 1, "{}", run.stderr);
    assert_eq!(folder.files(), ["decode.ron", "pod.ron"]);
    format!("--set {change}\n{}", run.stderr)
}

#[test]
fn what_cannot_be_split_or_joined_is_refused_with_what_would_do() {
    let folder = folder();
    for (name, change) in [
        ("heads", "hw.chips=5"),
        ("cores", "hw.cores=[(count: 300)]"),
        ("no_cores", "hw.cores=[]"),
        ("zero_cores", "hw.cores=[(count: 0)]"),
        ("zero_chips", "hw.chips=0"),
        ("no_link", "hw.link=None"),
        ("unreachable", "hw.link.topology=Links([(0, 1), (2, 3)])"),
        ("no_such_chip", "hw.link.topology=Links([(0, 1), (1, 4)])"),
        ("mesh", "hw.link.topology=Mesh(3)"),
        ("topology", "hw.link.topology=Rong"),
        ("no_bandwidth", "hw.link.bandwidth=GBps(0)"),
        ("too_many", "workload.split=(tensor: 4, pipeline: 2)"),
        ("layers", "workload.split=(tensor: 1, pipeline: 0)"),
        (
            "microbatches",
            "workload.split=(pipeline: 2, microbatches: 3)",
        ),
        ("unknown", "workload.split=(tensors: 4)"),
        ("collectives", "workload.split=(collectives: Star)"),
        ("no_vector", "workload.operators=Gemms"),
        ("recurrent", "workload.model=\"matmul-free-lm-370m\""),
        (
            "no_room",
            "hw.memory=Ideal(bandwidth: GBps(10), capacity: MiB(8))",
        ),
    ] {
        insta::assert_snapshot!(name, refused(&folder, change));
    }
}

#[test]
fn a_chip_that_stands_for_others_says_what_each_of_them_would() {
    let folder = folder();
    let facts = |arguments: &[&str]| {
        let json = ["--json", "facts.json", "--quiet"];
        folder.run(&[&RUN[..], &json, arguments].concat()).ok();
        serde_json::from_str::<serde_json::Value>(&folder.read("facts.json")).expect("JSON")
    };
    let (one, all) = (facts(&[]), facts(&["--every-chip"]));
    assert_eq!(one["system"]["replicas"], 4);
    assert_eq!(all["system"]["replicas"], 1);
    assert_eq!(one["total_cycles"], all["total_cycles"]);
    assert_eq!(one["makespan"], all["makespan"]);
    assert_eq!(one["units"][0], all["units"][0]);
    assert_eq!(all["system"]["links"].as_array().map(Vec::len), Some(4));
}

#[test]
fn operations_a_joule_are_the_same_whether_or_not_every_chip_is_simulated() {
    let folder = folder();
    let rate = |chips: &[&str]| {
        let priced = ["--set", "hw.technology=\"7nm\"", "--json", "facts.json"];
        folder.run(&[&RUN[..], &priced, chips].concat()).ok();
        let facts: serde_json::Value =
            serde_json::from_str(&folder.read("facts.json")).expect("JSON");
        let rate = facts["energy"]["tops_per_watt"].as_f64();
        rate.expect("the run spends energy")
    };
    let (one, every) = (rate(&[]), rate(&["--every-chip"]));
    assert!((one / every - 1.0).abs() < 1e-9, "{one} and {every}");
}

#[test]
fn links_cost_by_their_reach_whether_or_not_every_chip_is_simulated() {
    let folder = folder();
    let links = |reach: &str, more: &[&str]| {
        let reach = format!("hw.link.reach={reach}");
        let set = [
            "--set",
            &reach,
            "--set",
            "hw.technology=\"7nm\"",
            "--json",
            "facts.json",
        ];
        folder.run(&[&RUN[..], &set, more].concat()).ok();
        let facts: serde_json::Value =
            serde_json::from_str(&folder.read("facts.json")).expect("JSON");
        let components = facts["energy"]["components"]
            .as_array()
            .expect("components");
        let mut links = components.iter().filter(|one| one["component"] == "links");
        links
            .next()
            .and_then(|one| one["joules"].as_f64())
            .expect("links spend energy")
    };
    let board = links("Board", &[]);
    assert!((links("System", &[]) / board - 25.0).abs() < 1e-9);
    assert!((links("Board", &["--every-chip"]) / board - 1.0).abs() < 1e-9);
}

#[test]
fn unlike_cores_on_one_chip_share_its_memory_and_each_has_its_energy() {
    let folder = folder();
    let cores = "hw.cores=[(count: 1), (count: 1, arrays: [(name: \"wide\", element: Bf16(), \
                 rows: 16, columns: 64, dataflow: WeightStationary)])]";
    let run = |arguments: &[&str]| {
        let set = [
            "--json",
            "facts.json",
            "--set",
            "hw.chips=1",
            "--set",
            "hw.technology=\"7nm\"",
        ];
        folder.run(&[&RUN[..], &set, arguments].concat()).ok();
        serde_json::from_str::<serde_json::Value>(&folder.read("facts.json")).expect("JSON")
    };
    let (one, two) = (run(&[]), run(&["--set", cores]));
    assert!(two["total_cycles"].as_u64() < one["total_cycles"].as_u64());
    let names: Vec<_> = two["arrays"].as_array().expect("arrays").iter().collect();
    assert_eq!(names[0]["name"], "core0.bf16");
    assert_eq!(names[1]["name"], "core1.wide");
    let area = |facts: &serde_json::Value| facts["area"]["square_micrometres"].as_f64();
    assert!(area(&two) > area(&one).map(|area| 2.0 * area));
}
