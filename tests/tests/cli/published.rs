//! `ternion validate published`, and energy and area in `ternion simulate`.

use serde_json::Value;

use crate::support::{Folder, UNIT};

const HEAD: &str = "machine,workload,set,quantity,of,published,unit,tolerance_percent,mark,note\n";

/// Runs a golden file of these lines.
fn golden(folder: &Folder, lines: &str) -> crate::support::Run {
    folder.write("golden.csv", format!("{HEAD}{lines}"));
    folder.run(&["validate", "published", "--golden", "golden.csv"])
}

#[test]
fn measured_units_are_predicted_within_their_tolerance() {
    let folder = Folder::new();
    let run = golden(
        &folder,
        "arty-gemv,gemv-63x63-tiles,,cycles,,3974,cycles,5,V,\n\
         arty-attention,attention-t64-d128,,cycles,,16456,cycles,5,V,\n",
    )
    .ok();
    assert!(
        run.stdout.contains("2 of 2 predictions within"),
        "{}",
        run.stdout
    );
}

/// A plan of other tiles reaches less: the board's rates hold the compiler, too.
#[test]
fn the_rates_of_a_measured_board_are_predicted_within_their_tolerance() {
    let folder = Folder::new();
    let run = golden(
        &folder,
        "kv260-ternary,ternary-6912x2560,hw.dma.ports=1; hw.arrays[0].columns=1,\
         read_rate,,3.956,GB/s,5,V,\n\
         kv260-ternary,ternary-6912x2560,,read_rate,,13.326,GB/s,5,V,\n",
    )
    .ok();
    assert!(
        run.stdout.contains("2 of 2 predictions within"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_prediction_beyond_its_tolerance_ends_with_1() {
    let folder = Folder::new();
    let run = golden(
        &folder,
        "arty-gemv,gemv-63x63-tiles,,cycles,,7000,cycles,5,V,\n",
    );
    assert_eq!(run.code, 1, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("BEYOND 5 %"), "{}", run.stdout);
}

#[test]
fn machines_and_workloads_of_ones_own_stand_beside_the_results() {
    let folder = Folder::new();
    folder.write("unit.ron", UNIT);
    folder.write(
        "work.ron",
        "Kernels(tokens: 1, precision: (projection: Int8, activation: Int8), kernels: [\
         (name: \"dot\", times: 3, work: Gemm(m: 1, k: 4000, n: 10)), \
         (name: \"sum\", work: AllReduce(bytes: 1000, machines: 2))])",
    );
    let run = golden(
        &folder,
        "unit.ron,work.ron,,machine_time,dot,300,us,2,D,3 x 10 x 1000 cycles\n\
         unit.ron,work.ron,,serial_time,,35,us,0.01,D,3 starts and a token\n\
         unit.ron,work.ron,,serial_time,start,30,us,0.01,D,\n\
         unit.ron,work.ron,,machine_time,sum,1,us,0.01,D,2 / 2 of 1000 bytes\n\
         unit.ron,work.ron,,time,,336,us,2,D,all of it\n\
         unit.ron,work.ron,hw.arrays[0].element=Int8(variant: Dot(lanes: 8)),machine_time,dot,150,us,3,D,\n",
    )
    .ok();
    assert!(
        run.stdout.contains("6 of 6 predictions within"),
        "{}",
        run.stdout
    );
}

#[test]
fn results_that_a_machine_was_made_to_meet_are_no_predictions() {
    let folder = Folder::new();
    let head = "machine,workload,quantity,published,unit,tolerance_percent,kind,basis\n";
    let row = "arty-gemv,gemv-63x63-tiles,cycles";
    let run = |rows: &[String]| {
        folder.write("golden.csv", format!("{head}{}", rows.join("\n")));
        folder.run(&["validate", "published", "--golden", "golden.csv"])
    };
    let rows = [
        format!("{row},3974,cycles,5,,"),
        format!("{row},4000,cycles,5,prediction,"),
        format!("{row},4000,cycles,5,calibrated,latency by this row"),
        format!("{row},7000,cycles,5,by construction,the row above"),
    ];
    let mixed = run(&rows);
    // A result beyond its tolerance fails, whatever its kind.
    assert_eq!(mixed.code, 1, "{}{}", mixed.stdout, mixed.stderr);
    for words in [
        "2 of 2 predictions within their tolerance, at most 0.7 % off",
        "1 calibrated, not counted as predictions: at most 0.7 % off",
        "1 by construction, not counted as predictions: at most 43.2 % off, 1 beyond",
    ] {
        assert!(mixed.stdout.contains(words), "{words}: {}", mixed.stdout);
    }
    let markdown = [
        "validate",
        "published",
        "--golden",
        "golden.csv",
        "--markdown",
    ];
    let markdown = folder.run(&markdown).stdout;
    for words in [
        "| BEYOND 5 % | by construction: the row above |",
        "| within 5 % | prediction |",
    ] {
        assert!(markdown.contains(words), "{words}: {markdown}");
    }
    for (kind, words) in [
        ("fitted,by hand", "no kind of result is called `fitted`"),
        ("calibrated,", "calibrated, but not by what"),
        ("by construction,", "by construction, but not by what"),
        (
            "prediction,the row above",
            "rests on nothing that was chosen for it",
        ),
    ] {
        let refused = run(&[format!("{row},3974,cycles,5,{kind}")]);
        assert_eq!(refused.code, 2, "{kind}: {}", refused.stdout);
        assert!(
            refused.stderr.contains("golden.csv:2:"),
            "{}",
            refused.stderr
        );
        assert!(
            refused.stderr.contains(words),
            "{words}: {}",
            refused.stderr
        );
    }
}

#[test]
fn the_counters_of_a_tpu_are_held_no_further_than_they_are_known() {
    let folder = Folder::new();
    let run = folder.run(&["validate", "tpu-v1"]).ok();
    let lines = |app: &str| {
        let lines = run.stdout.lines().filter(|line| line.contains("within: "));
        let own = lines.filter(|line| line.starts_with(app));
        own.map(|line| line.split("within: ").last().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    // The shipped machine, each field that was chosen at another value, and all of them. With the
    // usual address map MLP0's stall by itself leaves its bound, which is told.
    let mlp = vec!["shift, active + stall, active, stall".to_owned(); 3];
    assert_eq!(lines("MLP0 "), mlp, "{}", run.stdout);
    let out_of_bounds = run.stdout.lines();
    let out_of_bounds = out_of_bounds.filter(|line| line.contains("OUT OF BOUNDS"));
    assert_eq!(out_of_bounds.count(), 2, "{}", run.stdout);
    assert_eq!(lines("LSTM0 "), vec!["shift, active + stall".to_owned(); 5]);
    assert!(
        run.stdout.contains("memory.policy.window=12"),
        "{}",
        run.stdout
    );
    let markdown = folder.run(&["validate", "tpu-v1", "--markdown"]).ok();
    assert!(
        markdown.stdout.starts_with("| app | layers |"),
        "{}",
        markdown.stdout
    );
}

#[test]
fn a_golden_file_that_is_wrong_is_refused_at_its_place() {
    let folder = Folder::new();
    let row = "arty-gemv,gemv-63x63-tiles,,cycles,,3974,cycles,5,V,";
    for (text, parts) in [
        (String::new(), ["golden.csv:1:1", "empty"]),
        (HEAD.to_owned(), ["golden.csv:1:1", "no results"]),
        (
            HEAD.replace("quantity", "amount") + row,
            ["golden.csv:1:22", "a column `amount` is not known"],
        ),
        (
            "machine,workload,quantity,unit\narty-gemv,gemv-63x63-tiles,cycles,cycles\n".to_owned(),
            ["golden.csv:1:1", "there is no column `published`"],
        ),
        (
            format!(
                "{HEAD}{}\n",
                row.replace(",,cycles", ",\"hw.clock=MHz(1),cycles")
            ),
            ["golden.csv:2:28", "a quoted cell does not end"],
        ),
        (
            format!("{HEAD}{row},extra\n"),
            ["golden.csv:2:1", "11 cells under 10 heads"],
        ),
        (
            format!("{HEAD}{}\n", row.replace("3974", "many")),
            ["golden.csv:2:37", "`many` is not a published value"],
        ),
        (
            format!("{HEAD}{}\n", row.replace(",5,", ",-5,")),
            ["golden.csv:2:49", "tolerance"],
        ),
        (
            format!("{HEAD}{}\n", row.replace(",cycles,,", ",joules,,")),
            ["golden.csv:2:29", "no quantity is called `joules`"],
        ),
        (
            format!("{HEAD}{}\n", row.replace(",cycles,5", ",furlongs,5")),
            ["golden.csv:2:42", "no unit of cycles"],
        ),
        (
            format!("{HEAD}{row}\n{}\n", row.replace("arty-gemv", "arty-gem")),
            ["golden.csv:3:1", "did you mean `arty-gemv`?"],
        ),
        (
            format!("{HEAD}{}\n", row.replace("gemv-63x63-tiles", "nothing.ron")),
            ["golden.csv:2:11", "nothing.ron"],
        ),
        (
            format!("{HEAD}{}\n", row.replace("cycles,,", "cycles,norm,")),
            ["golden.csv:2:36", "no cycles of `norm`"],
        ),
    ] {
        folder.write("golden.csv", &text);
        let run = folder.run(&["validate", "published", "--golden", "golden.csv"]);
        assert_eq!(run.code, 2, "{text}\n{}{}", run.stdout, run.stderr);
        assert_eq!(run.stdout, "", "{text}");
        for part in parts {
            assert!(run.stderr.contains(part), "{text}\n{}", run.stderr);
        }
    }
}

#[test]
fn columns_stand_in_any_order_and_those_that_say_nothing_may_be_left_out() {
    let folder = Folder::new();
    folder.write(
        "golden.csv",
        "unit,published,quantity,workload,machine\n\
         cycles,3974,cycles,gemv-63x63-tiles,arty-gemv\n",
    );
    let golden = ["validate", "published", "--golden", "golden.csv"];
    let run = folder.run(&golden).ok();
    assert!(run.stdout.contains("1 of 1 predictions"), "{}", run.stdout);
    // Without a tolerance that of whole tokens holds.
    assert!(run.stdout.contains("10 %"), "{}", run.stdout);
    folder.write(
        "golden.csv",
        "machine,workload,set,quantity,published,unit,tolerance_percent\n\
         arty-gemv,gemv-63x63-tiles,\"hw.arrays[0].element=Ternary(accumulator: Int32, variant: \
         Dot(lanes: 8))\",cycles,3974,cycles,5\n",
    );
    let run = folder.run(&golden).ok();
    assert!(run.stdout.contains("1 of 1 predictions"), "{}", run.stdout);
}

#[test]
fn a_machine_is_checked_together_with_its_technology() {
    let folder = Folder::new();
    let edge = folder.run(&["machines", "edge-tpu"]).ok().stdout;
    let named = |technology: &str| {
        let name = "name: \"edge-tpu\",";
        assert!(edge.contains(name));
        edge.replace(name, &format!("{name} technology: \"{technology}\","))
    };
    folder.write(
        "good.ron",
        "Technology(name: \"good\", base: \"45nm\", node_nm: 45, zero_weights: (0.4, \"bitnet\"))",
    );
    folder.write(
        "mixed.ron",
        "Technology(name: \"mixed\", base: \"45nm\", node_nm: 45, sources: {\"x\": (node_nm: 7, \
         basis: Published, mark: \"V\", what: \"x\")})",
    );
    for technology in ["45nm", "7nm", "good.ron"] {
        folder.write("mine.ron", named(technology));
        folder.run(&["check", "mine.ron"]).ok();
    }
    folder.run(&["check", "good.ron"]).ok();
    folder.write("mine.ron", named("mixed.ron"));
    for file in ["mine.ron", "mixed.ron"] {
        let run = folder.run(&["check", file]);
        assert_eq!(run.code, 2, "{}", run.stdout);
        assert!(run.stderr.contains("figures of 7 nm"), "{}", run.stderr);
    }
    let element = "element: Int8(accumulator: Int32)";
    let machine = named("45nm");
    assert!(machine.contains(element), "{machine}");
    let unknown = "element: Int8(accumulator: Int32, variant: Dot(lanes: 4))";
    folder.write("mine.ron", machine.replace(element, unknown));
    let run = folder.run(&["check", "mine.ron"]);
    assert_eq!(run.code, 2, "{}", run.stdout);
    for words in ["arrays[0].element", "no figures of Int8", "a row of `pes`"] {
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
}

#[test]
fn work_outside_the_machine_stands_beside_a_run_and_in_no_ledger() {
    let folder = Folder::new();
    let facts = |set: &[&str]| -> Value {
        let run = [&SMALL[..], &["--json", "facts.json"], set].concat();
        folder.run(&run).ok();
        serde_json::from_str(&folder.read("facts.json")).expect("JSON")
    };
    let alone = facts(&[]);
    let host = "hw.serial=[(what: \"host\", each: Layer, time: Ms(3)), (what: \"start\", each: Gemm, time: Us(1))]";
    let beside = facts(&["--set", host]);
    assert_eq!(alone["makespan"], beside["makespan"]);
    assert!(alone.get("serial").is_none() && alone.get("with_serial").is_none());
    // One layer, one pass.
    assert_eq!(beside["serial"][0]["times"], 1);
    let number = |value: &Value| value.as_f64().expect("a number");
    let starts = number(&beside["serial"][1]["times"]);
    assert!(starts >= 6.0, "{starts}");
    let (whole, machine) = (&beside["with_serial"], number(&alone["seconds"]));
    let seconds = machine + 3e-3 + starts * 1e-6;
    assert!((number(&whole["seconds"]) - seconds).abs() < 1e-12);
    let fraction = number(&alone["amdahl"]["fraction"]) * machine / seconds;
    assert!((number(&whole["fraction"]) - fraction).abs() < 1e-9);
}

/// A run that takes little time.
const SMALL: [&str; 8] = [
    "simulate",
    "--quiet",
    "--workload",
    "gpt2-124m-prefill-int8",
    "--set",
    "workload.model=Variant(of: \"gpt2-124m\", layers: 1, vocab: 1000)",
    "--hw",
    "edge-tpu",
];

#[test]
fn energy_and_area_are_told_where_the_machine_names_a_technology() {
    let folder = Folder::new();
    folder
        .run(&[&SMALL[..], &["--json", "plain.json"]].concat())
        .ok();
    let priced = ["--json", "priced.json", "--set", "hw.technology=\"45nm\""];
    folder.run(&[&SMALL[..], &priced].concat()).ok();
    let facts = |name: &str| serde_json::from_str::<Value>(&folder.read(name)).expect("JSON");
    let (plain, priced) = (facts("plain.json"), facts("priced.json"));
    assert!(plain.get("energy").is_none() && plain.get("area").is_none());
    // Counting changes nothing of the run.
    assert_eq!(plain["total_cycles"], priced["total_cycles"]);
    assert_eq!(plain["makespan"], priced["makespan"]);
    let joules = |value: &Value| value.as_f64().expect("joules");
    let energy = &priced["energy"];
    let sum = |list: &Value| -> f64 {
        let list = list.as_array().expect("a list");
        list.iter().map(|entry| joules(&entry["joules"])).sum()
    };
    let total = joules(&energy["joules"]);
    assert!((sum(&energy["components"]) / total - 1.0).abs() < 1e-9);
    assert!((sum(&energy["classes"]) / total - 1.0).abs() < 1e-9);
    for component in energy["components"].as_array().expect("a list") {
        assert!(
            ["published", "derived", "assumed"].contains(&component["basis"].as_str().unwrap())
        );
        assert!(!component["sources"].as_array().expect("a list").is_empty());
    }
    // 1024 INT8 PEs of 1304 um2, placed at 65 %.
    let array = &priced["area"]["units"][0];
    let area = joules(&array["square_micrometres"]);
    assert!((area - 1024.0 * 1304.0 / 0.65).abs() < 1.0, "{area}");
}

#[test]
fn a_technology_that_does_not_do_is_refused_with_the_remedy() {
    let folder = Folder::new();
    folder.write(
        "mixed.ron",
        "Technology(name: \"mixed\", base: \"45nm\", node_nm: 45, sources: {\"x\": (node_nm: 7, \
         basis: Published, mark: \"V\", what: \"x\")})",
    );
    folder.write(
        "mine.ron",
        folder.run(&["machines", "edge-tpu"]).ok().stdout,
    );
    for (changes, parts) in [
        (
            &["hw.technology=\"28nm\""][..],
            ["technology", "no technology is called `28nm`"],
        ),
        (
            &["hw.technology=\"mixed.ron\""],
            ["sources.x.node_nm", "figures of 7 nm in a table of 45 nm"],
        ),
        (
            &[
                "hw.technology=\"45nm\"",
                "hw.arrays[0].element=Int8(variant: Dot(lanes: 4))",
            ],
            ["arrays[0].element", "a row of `pes`"],
        ),
    ] {
        let mut arguments = vec!["simulate", "--hw", "mine.ron", "--workload", SMALL[3]];
        for change in changes {
            arguments.extend(["--set", change]);
        }
        let run = folder.run(&arguments);
        assert_eq!(run.code, 2, "{changes:?}\n{}{}", run.stdout, run.stderr);
        for part in parts {
            assert!(run.stderr.contains(part), "{changes:?}\n{}", run.stderr);
        }
    }
}
