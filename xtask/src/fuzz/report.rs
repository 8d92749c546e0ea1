//! What libFuzzer says of a target, read line by line, and the table of all. Pure.

use std::fmt::Write as _;

/// One target's run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    name: String,
    /// Edges of the program's graph that the seeds, and what had grown before, reach; and that were reached at the end.
    edges: Option<(u64, u64)>,
    runs: u64,
    seconds: u64,
    /// Files with inputs that broke something.
    findings: Vec<String>,
    /// It did not come to its end.
    failed: bool,
}

impl Run {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Whether it ended by itself, and without a finding.
    pub(super) fn is_fine(&self) -> bool {
        !self.failed && self.findings.is_empty()
    }

    /// Reads a line: `#123 NEW cov: 45 ft: …`, `Done 123 runs in 60 second(s)`, where an input was left.
    pub(super) fn read(&mut self, line: &str) {
        let number = |text: &str| text.split_whitespace().next().and_then(|number| number.parse().ok());
        if let Some(rest) = line.strip_prefix('#') {
            self.runs = number(rest).unwrap_or(self.runs);
            let begins = rest.contains("INITED");
            let cov = rest.split_once("cov: ").and_then(|(_, cov)| number(cov));
            if let Some(cov) = cov {
                let first = self.edges.filter(|_| !begins).map_or(cov, |(first, _)| first);
                self.edges = Some((first, cov));
            }
        } else if let Some(rest) = line.strip_prefix("Done ") {
            self.runs = number(rest).unwrap_or(self.runs);
            let seconds = rest.split_once(" in ").and_then(|(_, seconds)| number(seconds));
            self.seconds = seconds.unwrap_or(self.seconds);
        } else if let Some((_, path)) = line.split_once("Test unit written to ") {
            // One that is only slow does not end the run.
            if !path.contains("slow-unit-") {
                self.findings.push(path.trim().to_owned());
            }
        }
    }

    /// At the end of the program.
    pub(super) fn end(&mut self, success: bool) {
        self.failed = !success;
    }
}

/// A row for each.
pub(super) fn table(runs: &[Run]) -> String {
    let wide = runs.iter().map(|run| run.name.len()).max().unwrap_or_default().max("target".len());
    let mut text = format!(
        "{:wide$}  {:>7}  {:>11}  {:>8}  {:>7}  {:>9}  findings\n",
        "target", "seconds", "runs", "runs/s", "edges", "new edges"
    );
    for run in runs {
        let (first, last) = run.edges.unwrap_or_default();
        let pace = run.runs / run.seconds.max(1);
        let found = match (run.findings.as_slice(), run.failed) {
            ([], false) => "none".to_owned(),
            ([], true) => "it did not build, or ended before its time".to_owned(),
            (files, _) => files.join(", "),
        };
        let (name, seconds, count) = (&run.name, run.seconds, run.runs);
        let new = last.saturating_sub(first);
        let _ = writeln!(
            text,
            "{name:wide$}  {seconds:>7}  {count:>11}  {pace:>8}  {last:>7}  {new:>9}  {found}"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of LLVM's libFuzzer (`FuzzerLoop.cpp`, `PrintStats` and `DumpCurrentUnit`).
    #[test]
    fn a_run_is_read() {
        let mut run = Run::new("gjson");
        for line in [
            "INFO: Running with entropic power schedule (0xFF, 100).",
            "#7\tINITED cov: 310 ft: 402 corp: 5/91b exec/s: 0 rss: 41Mb",
            "#65536\tpulse  cov: 402 ft: 900 corp: 80/2400b lim: 600 exec/s: 21845 rss: 60Mb",
            "#70001\tNEW    cov: 410 ft: 951 corp: 81/2401b lim: 600 exec/s: 21000 rss: 60Mb L: 9/80 MS: 1 EraseBytes-",
            "artifact_prefix='a/'; Test unit written to a/slow-unit-1",
            "Done 120000 runs in 6 second(s)",
        ] {
            run.read(line);
        }
        run.end(true);
        assert!(run.is_fine());
        assert_eq!((run.edges, run.runs, run.seconds), (Some((310, 410)), 120_000, 6));
        let text = table(&[run]);
        let row: Vec<&str> = text.lines().nth(1).unwrap_or_default().split_whitespace().collect();
        assert_eq!(row, ["gjson", "6", "120000", "20000", "410", "100", "none"]);
    }

    #[test]
    fn a_finding_and_what_did_not_build_are_no_success() {
        let mut found = Run::new("plan");
        found.read("artifact_prefix='a/'; Test unit written to a/crash-da39");
        found.end(false);
        let mut unbuilt = Run::new("oci");
        unbuilt.end(false);
        assert!(!found.is_fine() && !unbuilt.is_fine());
        let text = table(&[found, unbuilt]);
        assert!(
            text.contains("a/crash-da39\n") && text.ends_with("it did not build, or ended before its time\n")
        );
    }
}
