//! The laws against what the RTL answered.

use validation::rtl::{Answer, Case, RECORDED, check_recorded, sweep_cases};

#[test]
fn every_recorded_answer_of_the_rtl_is_the_laws_to_the_cycle_and_the_bit() {
    match check_recorded(RECORDED) {
        Ok(lines) => assert_eq!(lines, 2000),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn the_recorded_sweep_is_the_one_that_stands_in_the_code() {
    let recorded = RECORDED
        .lines()
        .map(|line| line.split_once(" : ").unwrap().0.to_owned());
    let said = sweep_cases().into_iter().map(|case| case.to_string());
    assert!(recorded.eq(said));
}

#[test]
fn a_recorded_answer_that_differs_in_one_cycle_or_bit_is_an_error_at_its_line() {
    let mut lines: Vec<String> = RECORDED.lines().take(3).map(str::to_owned).collect();
    assert_eq!(check_recorded(&lines.join("\n")), Ok(3));
    let good = lines[1].clone();
    let last = if good.ends_with('0') { "1" } else { "0" };
    lines[1].replace_range(good.len() - 1.., last);
    assert_eq!(check_recorded(&lines.join("\n")).unwrap_err().line, 2);
    lines[1] = "1 2 3".to_owned();
    assert_eq!(check_recorded(&lines.join("\n")).unwrap_err().line, 2);
}

#[test]
fn cases_and_answers_read_back_as_they_were_written() {
    for seed in 0..200 {
        let case = Case::random(seed);
        assert_eq!(case.to_string().parse(), Ok(case));
        let answer = case.expect().unwrap();
        assert_eq!(answer.to_string().parse::<Answer>(), Ok(answer));
    }
}
