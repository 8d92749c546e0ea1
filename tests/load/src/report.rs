//! The one table that benchmarks end with: what was measured, the figure, the aim, and by how much it is met or missed.

use std::fmt::Write as _;
use std::time::Duration;

/// What an aim asks of a figure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

/// A line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) bench: &'static str,
    pub(crate) what: String,
    pub(crate) figure: f64,
    pub(crate) unit: &'static str,
    pub(crate) aim: Option<Aim>,
    /// What stops it, where the aim is missed.
    limit: &'static str,
}

impl Row {
    /// One without an aim.
    pub(crate) fn plain(
        bench: &'static str,
        what: impl Into<String>,
        figure: f64,
        unit: &'static str,
    ) -> Self {
        Self { bench, what: what.into(), figure, unit, aim: None, limit: "" }
    }

    /// The same with one.
    pub(crate) fn aimed(self, aim: Aim) -> Self {
        Self { aim: Some(aim), ..self }
    }

    /// What stops it, as far as profiles have shown (`docs/performance.md`).
    pub(crate) fn limited_by(self, limit: &'static str) -> Self {
        Self { limit, ..self }
    }
}

/// The table, as Markdown.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from("| benchmark | what | figure | aim | |\n|---|---|---|---|---|\n");
    for row in rows {
        let (aim, verdict) = match row.aim {
            None => (String::new(), String::new()),
            Some(aim @ Aim::AtMost(limit)) => {
                (format!("at most {}", figure(limit, row.unit)), verdict(row.figure, aim))
            }
            Some(aim @ Aim::AtLeast(limit)) => {
                (format!("at least {}", figure(limit, row.unit)), verdict(row.figure, aim))
            }
        };
        let limit = match row.limit {
            limit if verdict.starts_with("missed") && !limit.is_empty() => format!("; {limit}"),
            _ => String::new(),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {aim} | {verdict}{limit} |",
            row.bench,
            row.what,
            figure(row.figure, row.unit)
        );
    }
    text
}

fn verdict(figure: f64, aim: Aim) -> String {
    match aim {
        Aim::AtMost(limit) if figure > limit => {
            format!("missed: {:.0} % over", (figure / limit - 1.0) * 100.0)
        }
        Aim::AtLeast(limit) if figure < limit => {
            format!("missed: {:.0} % under", (1.0 - figure / limit) * 100.0)
        }
        _ if figure.is_nan() => "not measured".to_owned(),
        Aim::AtMost(_) | Aim::AtLeast(_) => "met".to_owned(),
    }
}

fn figure(value: f64, unit: &str) -> String {
    let digits = match value.abs() {
        value if value == value.trunc() => 0,
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        _ => 2,
    };
    let space = if unit.is_empty() { "" } else { " " };
    format!("{value:.digits$}{space}{unit}")
}

/// Milliseconds.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// A percentile of times, by rank; zero of none.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_aim_says_by_how_much() {
        let rows = [
            Row::plain("steady", "cores", 0.25, "").aimed(Aim::AtMost(0.2)),
            Row::plain("steady", "reads", 50.0, "").aimed(Aim::AtMost(50.0)).limited_by("nothing"),
            Row::plain("initial-sync", "ratio", 0.72, "")
                .aimed(Aim::AtLeast(0.8))
                .limited_by("the API server"),
            Row::plain("growth", "each", f64::NAN, "KiB").aimed(Aim::AtMost(4.0)),
            Row::plain("storm", "all", 12.34, "s"),
        ];
        assert_eq!(
            table(&rows),
            "| benchmark | what | figure | aim | |\n|---|---|---|---|---|\n\
             | steady | cores | 0.25 | at most 0.20 | missed: 25 % over |\n\
             | steady | reads | 50 | at most 50 | met |\n\
             | initial-sync | ratio | 0.72 | at least 0.80 | missed: 10 % under; the API server |\n\
             | growth | each | NaN KiB | at most 4 KiB | not measured |\n\
             | storm | all | 12.3 s |  |  |\n"
        );
    }

    #[test]
    fn percentiles_are_ranks() {
        let mut times: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut times, 50), Duration::from_millis(50));
        assert_eq!(percentile(&mut times, 99), Duration::from_millis(99));
        assert_eq!(percentile(&mut times, 100), Duration::from_millis(100));
        assert_eq!(percentile(&mut [], 99), Duration::ZERO);
    }
}
