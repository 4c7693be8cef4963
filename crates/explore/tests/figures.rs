//! Figures hold what they are given, and equal data give equal bytes.

use explore::figure::{
    AtInfinity, Axis, BarChart, Figure, Group, HeatMap, HeatScale, Line, LineChart, Panel,
    SharesChart, XAxis, png, svg,
};

fn heat() -> HeatMap {
    HeatMap {
        title: "F".into(),
        x_label: "context".into(),
        columns: vec!["128".into(), "256".into()],
        rows: vec![
            ("a".into(), vec![Some(0.0), Some(1.0)]),
            ("b".into(), vec![None, Some(0.123)]),
        ],
        scale: HeatScale::Share,
    }
}

fn lines() -> LineChart {
    LineChart {
        title: "Speedup".into(),
        x_label: "S".into(),
        y_label: "speedup".into(),
        x: XAxis::Doubling,
        y: Axis::Times,
        lines: vec![Line {
            name: "model".into(),
            points: vec![(1.0, 1.0), (2.0, 1.5), (1024.0, 2.0)],
            marks: vec![(2.0, 1.5)],
            ..Line::default()
        }],
    }
}

fn shares() -> SharesChart {
    SharesChart {
        title: "Shares".into(),
        parts: vec!["one".into(), "other".into()],
        bars: vec!["model".into()],
        panels: vec![Panel {
            title: "cycles".into(),
            shares: vec![vec![0.25, 0.75]],
        }],
    }
}

fn bars() -> BarChart {
    BarChart {
        title: "Formats".into(),
        x_label: "speedup over BF16".into(),
        alternatives: vec!["bf16".into(), "binary".into()],
        groups: vec![
            Group {
                name: "one run".into(),
                factors: vec![Some(1.0), Some(3.25)],
                ceiling: Some(4.0),
            },
            Group {
                name: "another".into(),
                factors: vec![Some(1.0), None],
                ceiling: None,
            },
        ],
    }
}

fn same_bytes(figure: &impl Figure, words: &[&str]) {
    let text = svg(figure).unwrap();
    assert_eq!(text, svg(figure).unwrap());
    for words in words {
        assert!(text.contains(words), "{words}");
    }
    let picture = png(figure).unwrap();
    assert!(picture.starts_with(b"\x89PNG"));
    assert_eq!(picture, png(figure).unwrap());
}

#[test]
fn equal_data_give_equal_bytes_with_all_labels() {
    same_bytes(&heat(), &["context", "128", "0.123", "0.75"]);
    let factors = HeatMap {
        rows: vec![("a".into(), vec![Some(4.0), Some(0.9)])],
        scale: HeatScale::Times,
        ..heat()
    };
    same_bytes(&factors, &["4.00x", "▼ 0.90x", "1.00x", "blue: faster"]);
    same_bytes(
        &bars(),
        &[
            "one run",
            "3.25x",
            "cannot be run",
            "ceiling 4.00x",
            "speedup over BF16",
        ],
    );
    same_bytes(&lines(), &["speedup", "model", "1024"]);
    same_bytes(&shares(), &["cycles", "25.0 %", "other"]);
}

#[test]
fn infinity_stands_apart_from_every_number() {
    let mut chart = lines();
    assert!(!svg(&chart).unwrap().contains('∞'));
    chart.lines[0].at_infinity = AtInfinity {
        line: Some(2.5),
        mark: Some(2.25),
    };
    let text = svg(&chart).unwrap();
    // The last number of the axis is that of the last finite point.
    assert!(text.contains("∞") && text.contains("1024"), "{text}");
    assert!(!text.contains("2048") && !text.contains("4096"), "{text}");
    same_bytes(&chart, &["∞"]);
    // A law without a limit is an arrow, and the axis ends all the same.
    chart.lines[0].at_infinity.line = Some(f64::INFINITY);
    assert!(svg(&chart).unwrap().contains('∞'));
    // On its own, behind an axis that has no number of its own.
    chart.lines[0].points.truncate(1);
    chart.lines[0].marks.clear();
    assert!(svg(&chart).unwrap().contains('∞'));
}
