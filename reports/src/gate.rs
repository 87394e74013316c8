//! Whether a run passes.

use record::{State, Validity, Verdict};
use serde::Serialize;

use crate::{
    compare::{self, Comparison},
    read::Evidence,
    report::{BudgetRow, Tone, budget_rows, word},
};

/// The schema name of a decision's JSON.
pub const SCHEMA: &str = "headroom.gate/1";

/// Whether a run passes, and why.
#[derive(Debug, Clone, Serialize)]
pub struct Decision {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The scenario's name.
    pub scenario: String,
    /// First instant of load, RFC 3339 UTC.
    pub start: String,
    /// How far the run came.
    pub state: State,
    /// Length of the judged window, seconds.
    pub judged_s: u64,
    /// The verdict.
    pub verdict: Verdict,
    /// The exit code of this command.
    pub exit: u8,
    /// The verdict in a word.
    pub word: &'static str,
    /// How it should look.
    #[serde(skip)]
    pub tone: Tone,
    /// The verdict in one sentence.
    pub sentence: String,
    /// Each budget with what was measured.
    pub budgets: Vec<BudgetRow>,
    /// Whether the run supports a verdict, and if not, why.
    pub validity: Validity,
    /// What came of holding it against a baseline, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

impl Decision {
    /// The same with a comparison with its baseline. A run that passed and is worse becomes a regression; one that missed a
    /// budget, or supports no verdict, stays what it is.
    pub fn held_against(mut self, comparison: Comparison) -> Self {
        if self.verdict == Verdict::Pass && comparison.outcome == compare::Outcome::Worse {
            self.verdict = Verdict::Regression;
            self.exit = self.verdict.exit().code();
            (self.word, self.tone) = word(self.verdict);
            self.sentence =
                format!("{} Yet it is worse than its baseline. {}", self.sentence, comparison.sentence);
        }
        self.comparison = Some(comparison);
        self
    }

    /// The reasons against the run's validity that its sentence does not say already.
    pub fn other_reasons(&self) -> impl Iterator<Item = &str> {
        let reasons = self.validity.reasons.iter().map(|reason| reason.detail.as_str());
        reasons.filter(|detail| !self.sentence.contains(detail))
    }
}

/// The schema name of the JSON of several decisions.
pub const SEVERAL: &str = "headroom.gates/1";

/// Whether several runs pass together: the worst of their verdicts, and what came of holding all of them against a baseline.
#[derive(Debug, Clone, Serialize)]
pub struct Decisions {
    /// Always [`SEVERAL`].
    pub schema: &'static str,
    /// The worst verdict.
    pub verdict: Verdict,
    /// The exit code of this command.
    pub exit: u8,
    /// The verdict in a word.
    pub word: &'static str,
    /// It in one sentence.
    pub sentence: String,
    /// Each run's, with its folder.
    pub runs: Vec<(String, Decision)>,
    /// What came of holding them against a baseline together, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

/// Verdicts, the worst first: what was not measured comes before what was missed.
const WORST: [Verdict; 6] = [
    Verdict::Interrupted,
    Verdict::NoData,
    Verdict::Invalid,
    Verdict::Missed,
    Verdict::Regression,
    Verdict::Pass,
];

impl Decisions {
    /// Of several runs, by folder, and of the comparison of all with their baseline.
    pub fn of(runs: Vec<(String, Decision)>, comparison: Option<Comparison>) -> Self {
        let of = |verdict: Verdict| runs.iter().filter(move |(_, decision)| decision.verdict == verdict);
        let worst =
            WORST.into_iter().find(|verdict| of(*verdict).next().is_some()).unwrap_or(Verdict::NoData);
        let passed = of(Verdict::Pass).count();
        let mut sentence = format!("{passed} of {} runs passed.", runs.len());
        if let Some((folder, decision)) = of(worst).next().filter(|_| worst != Verdict::Pass) {
            sentence += &format!(" {folder}: {}", decision.sentence);
        }
        let mut verdict = worst;
        if let Some(found) = &comparison
            && worst == Verdict::Pass
            && found.outcome == compare::Outcome::Worse
        {
            verdict = Verdict::Regression;
            sentence += &format!(" Yet they are worse than their baseline. {}", found.sentence);
        }
        let (word, _) = word(verdict);
        Self { schema: SEVERAL, verdict, exit: verdict.exit().code(), word, sentence, runs, comparison }
    }
}

/// Decides by the budgets of the record, or by those it was given since.
pub fn decide(evidence: &Evidence) -> Decision {
    let (run, judgement) = (&evidence.record.run, &evidence.judgement);
    let (word, tone) = word(judgement.verdict);
    Decision {
        schema: SCHEMA,
        scenario: run.scenario.name.clone(),
        start: run.start.clone(),
        state: run.state,
        judged_s: evidence.summary.seconds,
        verdict: judgement.verdict,
        exit: judgement.exit,
        word,
        tone,
        sentence: judgement.sentence.clone(),
        budgets: budget_rows(evidence),
        validity: judgement.validity.clone(),
        comparison: None,
    }
}
