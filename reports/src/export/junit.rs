use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use record::Outcome as Budget;

use crate::{
    compare::{Comparison, Outcome},
    failure::Failure,
    gate::{Decision, Decisions},
    report::BudgetRow,
};

/// A decision as JUnit XML: one suite, a case for the run's validity and one for each budget. A budget that an invalid
/// run leaves undecided is an error, not a failure.
///
/// # Errors
/// Never: it is written to memory.
pub fn junit(decision: &Decision) -> Result<String, Failure> {
    let mut report = Report::new("reports gate");
    report.add_test_suite(suite(decision));
    report.to_string().map_err(Failure::internal)
}

/// Several decisions as JUnit XML: a suite each, and one for the comparison of all with their baseline.
///
/// # Errors
/// Never: it is written to memory.
pub fn junits(decisions: &Decisions) -> Result<String, Failure> {
    let mut report = Report::new("reports gate");
    for (folder, decision) in &decisions.runs {
        let mut suite = suite(decision);
        suite.add_property(("record", folder.as_str()));
        report.add_test_suite(suite);
    }
    if let Some(found) = &decisions.comparison {
        let mut suite = TestSuite::new("together");
        suite.add_test_case(compared(found, "together"));
        report.add_test_suite(suite);
    }
    report.to_string().map_err(Failure::internal)
}

fn compared(found: &Comparison, class: &str) -> TestCase {
    let mut case = TestCase::new("no worse than the baseline", against(found));
    case.set_classname(class);
    case.set_system_out(found.sentence.as_str());
    case
}

fn suite(decision: &Decision) -> TestSuite {
    let mut suite = TestSuite::new(&decision.scenario);
    suite.set_time(Duration::from_secs(decision.judged_s));
    suite.add_property(("verdict", decision.word));
    let mut valid = TestCase::new("the run supports a verdict", validity(decision));
    valid.set_classname(&decision.scenario);
    suite.add_test_case(valid);
    for row in &decision.budgets {
        let mut case = TestCase::new(&row.text, budget(decision, row));
        case.set_classname(&decision.scenario);
        case.set_system_out(measured(row));
        suite.add_test_case(case);
    }
    if let Some(found) = &decision.comparison {
        suite.add_test_case(compared(found, &decision.scenario));
    }
    suite
}

fn validity(decision: &Decision) -> TestCaseStatus {
    if decision.validity.valid {
        return TestCaseStatus::success();
    }
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    let reasons: Vec<&str> = decision.validity.reasons.iter().map(|reason| reason.detail.as_str()).collect();
    status
        .set_message(decision.sentence.as_str())
        .set_type(decision.word)
        .set_description(reasons.join("\n"));
    status
}

fn budget(decision: &Decision, row: &BudgetRow) -> TestCaseStatus {
    let kind = match row.outcome {
        _ if !decision.validity.valid => NonSuccessKind::Error,
        Budget::Met => return TestCaseStatus::success(),
        Budget::Missed => NonSuccessKind::Failure,
        Budget::TooFew | Budget::NoData => NonSuccessKind::Error,
    };
    let mut status = TestCaseStatus::non_success(kind);
    let message = match kind {
        NonSuccessKind::Error => format!("no verdict: {}", measured(row)),
        NonSuccessKind::Failure => measured(row),
    };
    status.set_message(message).set_type(if kind == NonSuccessKind::Failure {
        "missed"
    } else {
        decision.word
    });
    status
}

fn against(found: &Comparison) -> TestCaseStatus {
    let kind = match found.outcome {
        Outcome::Same | Outcome::Better => return TestCaseStatus::success(),
        Outcome::Worse => NonSuccessKind::Failure,
        Outcome::Invalid => NonSuccessKind::Error,
    };
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(found.sentence.as_str()).set_type("regression");
    status
}

fn measured(row: &BudgetRow) -> String {
    let interval = match row.interval_text.as_str() {
        "" => String::new(),
        text => format!(", 95 % interval {text}"),
    };
    format!("{}: measured {}{interval}, n {}", row.text, row.measured_text, row.n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture::Fixture, gate::decide, read::Evidence};

    fn parsed(fixture: &Fixture) -> Report {
        let folder = tempfile::tempdir().unwrap();
        fixture.write(folder.path());
        let xml = junit(&decide(&Evidence::open(folder.path()).unwrap())).unwrap();
        Report::deserialize_from_str(&xml).unwrap()
    }

    #[test]
    fn a_missed_budget_is_the_one_failure_of_the_file() {
        let report = parsed(&Fixture::default());
        assert_eq!((report.tests, report.failures, report.errors), (6, 1, 0));
        let case = &report.test_suites[0].test_cases[3];
        assert_eq!(case.name.as_str(), "p95 of list tasks ≤ 20 ms");
        let TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, message, .. } = &case.status else {
            panic!("{:?}", case.status);
        };
        assert!(
            message
                .as_ref()
                .unwrap()
                .as_str()
                .contains("measured 23.9 ms, 95 % interval 23.4–24.6 ms, n 800")
        );
    }

    #[test]
    fn an_invalid_run_has_errors_and_neither_passes_nor_failures() {
        let report = parsed(&Fixture { state: record::State::Running, ..Fixture::default() });
        assert_eq!((report.tests, report.failures, report.errors), (6, 0, 6));
    }
}
