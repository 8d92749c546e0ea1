//! What was run, counted from what the test programs say, and the line that sums it up.
//!
//! libtest has no stable machine-readable output, so its closing line is read: it has been the same for
//! years, and a test run whose line is not understood counts as failed and not as empty.

use std::process::ExitCode;

use crate::paths::in_ci;

/// Counts, and what to say about them at the end.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    failed: u32,
    skipped: u32,
    notes: Vec<String>,
}

impl Tally {
    /// Counts a failure that is no test's.
    pub(crate) fn fail(&mut self, what: String) {
        eprintln!("FAILED: {what}");
        self.failed += 1;
        self.notes.push(format!("FAILED: {what}"));
    }

    /// Counts a part that was left out.
    pub(crate) fn skip(&mut self, what: String) {
        eprintln!("SKIPPED: {what}");
        self.skipped += 1;
        self.notes.push(format!("SKIPPED: {what}"));
    }

    /// Whether anything failed so far.
    pub(crate) fn failures(&self) -> u32 {
        self.failed
    }

    /// Reads a line of libtest's output. `true` if it was a test program's closing line.
    pub(crate) fn read(&mut self, line: &str) -> bool {
        if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            self.notes.push(format!("FAILED: test {name}"));
        }
        let Some(rest) = line.strip_prefix("test result: ") else { return false };
        let count = |word: &str| {
            let before = rest.split(word).next().unwrap_or_default().trim();
            before.rsplit([' ', ';']).next().and_then(|number| number.parse().ok()).unwrap_or(0)
        };
        self.passed += count(" passed");
        self.failed += count(" failed");
        self.skipped += count(" ignored");
        true
    }

    /// Says everything that went wrong or was left out, then the sum, alone on its line.
    pub(crate) fn conclude(mut self) -> ExitCode {
        if self.passed + self.failed == 0 {
            self.fail("nothing ran: no test has such a name".to_owned());
        }
        if !self.notes.is_empty() {
            println!();
        }
        for note in &self.notes {
            println!("{note}");
        }
        let strict = in_ci() && self.skipped > 0;
        if strict {
            println!("CI=true: nothing may be skipped");
        }
        println!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped);
        if self.failed == 0 && !strict { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn adds_up_the_closing_lines() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test a ... ok",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s",
            "test b::c ... FAILED",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s",
        ] {
            tally.read(line);
        }
        assert_eq!((tally.passed, tally.failed, tally.skipped), (15, 2, 1));
        assert_eq!(tally.notes, ["FAILED: test b::c"]);
    }
}
