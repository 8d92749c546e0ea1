//! What came of each case, and how it is shown. Texts in it are clean already.

use std::fmt;

use crate::case::Case;

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it has to.
    Passed,
    /// Otherwise.
    Failed {
        /// What had to come; never a value.
        expected: String,
        /// What came; never a value.
        seen: String,
    },
    /// The bench says that the provider cannot do that, and the plugin says nothing else.
    NotSupported {
        /// Why, in the bench's words.
        reason: String,
    },
    /// The run is about a recording, and the case has no part in one.
    NotRecorded {
        /// Why.
        reason: String,
    },
}

/// One case's row.
#[derive(Clone, Debug)]
pub struct CaseReport {
    /// Which.
    pub case: Case,
    /// How it ended.
    pub outcome: Outcome,
    /// What the plugin logged meanwhile.
    pub log: Vec<String>,
}

/// The longest name, and two spaces.
const NAME: usize = 23;
/// `not supported`, and two spaces.
const RESULT: usize = 15;

impl fmt::Display for CaseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |result: &str, what: &str| {
            format!("{:NAME$}{result:RESULT$}{what}", self.case.name()).trim_end().to_owned()
        };
        match &self.outcome {
            Outcome::Passed => f.write_str(&row("passed", "")),
            Outcome::NotSupported { reason } => f.write_str(&row("not supported", reason)),
            Outcome::NotRecorded { reason } => f.write_str(&row("not recorded", reason)),
            Outcome::Failed { expected, seen } => {
                writeln!(f, "{}", row("failed", &format!("expected: {expected}")))?;
                write!(f, "{:width$}seen:     {seen}", "", width = NAME + RESULT)?;
                for line in &self.log {
                    write!(f, "\n{:width$}log:      {line}", "", width = NAME + RESULT)?;
                }
                Ok(())
            }
        }
    }
}

/// All rows.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// In the order in which they ran.
    pub cases: Vec<CaseReport>,
}

impl Report {
    /// Whether no case failed.
    pub fn passed(&self) -> bool {
        self.count(|outcome| matches!(outcome, Outcome::Failed { .. })) == 0
    }

    /// `N passed, N failed, N not supported`, and what was not recorded, if there is a recording.
    pub fn summary(&self) -> String {
        let mut summary = format!(
            "{} passed, {} failed, {} not supported",
            self.count(|outcome| *outcome == Outcome::Passed),
            self.count(|outcome| matches!(outcome, Outcome::Failed { .. })),
            self.count(|outcome| matches!(outcome, Outcome::NotSupported { .. })),
        );
        let left_out = self.count(|outcome| matches!(outcome, Outcome::NotRecorded { .. }));
        if left_out > 0 {
            summary.push_str(&format!(", {left_out} not recorded"));
        }
        summary
    }

    fn count(&self, which: impl Fn(&Outcome) -> bool) -> usize {
        self.cases.iter().filter(|row| which(&row.outcome)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_line_up_and_are_counted() {
        let row = |case, outcome| CaseReport { case, outcome, log: vec!["it says".to_owned()] };
        let failed = Outcome::Failed { expected: "denied".to_owned(), seen: "not-found".to_owned() };
        let report = Report {
            cases: vec![
                row(Case::Value, Outcome::Passed),
                row(Case::Denied, failed),
                row(Case::ValidateBadCredential, Outcome::NotSupported { reason: "no login".to_owned() }),
                row(Case::ThousandKeys, Outcome::NotRecorded { reason: "too many".to_owned() }),
            ],
        };
        let shown: Vec<String> = report.cases.iter().map(ToString::to_string).collect();
        let expected = "\
value                  passed
denied                 failed         expected: denied
                                      seen:     not-found
                                      log:      it says
validateBadCredential  not supported  no login
thousandKeys           not recorded   too many";
        assert_eq!(shown.join("\n"), expected);
        assert_eq!(report.summary(), "1 passed, 1 failed, 1 not supported, 1 not recorded");
        assert!(!report.passed());
    }
}
