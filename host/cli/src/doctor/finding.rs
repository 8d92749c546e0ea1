//! What was found, and how it is shown. Pure.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use crate::text::line;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Something does not work as it could.
    Warning,
    /// It could not be looked at.
    NotLooked,
    /// It stands in the way.
    Problem,
}

impl Level {
    fn shown(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::NotLooked => "not looked",
            Self::Problem => "PROBLEM",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finding {
    /// What was looked at.
    pub(super) check: &'static str,
    pub(super) level: Level,
    /// What was found.
    pub(super) message: String,
    /// Names, one a line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) details: Vec<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<String>,
    /// Where more is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) see: Option<String>,
    /// What the remedy applies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) manifests: Vec<Value>,
}

impl Finding {
    pub(super) fn new(check: &'static str, level: Level, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { check, level, message, details: Vec::new(), remedy: None, see: None, manifests: Vec::new() }
    }

    /// As it should be.
    pub(super) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Level::Ok, message)
    }

    /// Something that does not work as it could.
    pub(super) fn warning(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Level::Warning, message)
    }

    /// Something that stands in the way.
    pub(super) fn problem(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Level::Problem, message)
    }

    /// It could not be looked at, and why.
    pub(super) fn not_looked(check: &'static str, why: &anyhow::Error) -> Self {
        let refused = why.chain().any(|cause| {
            matches!(cause.downcast_ref::<kube::Error>(), Some(kube::Error::Api(status)) if status.code == 403)
        });
        let finding = Self::new(check, Level::NotLooked, format!("{why:#}"));
        let remedy =
            "run this with a kubeconfig that may read it; what the operator itself may is another question";
        if refused { finding.with_remedy(remedy) } else { finding }
    }

    pub(super) fn with_details(self, details: Vec<String>) -> Self {
        Self { details, ..self }
    }

    pub(super) fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    pub(super) fn with_see(self, see: impl Into<String>) -> Self {
        Self { see: Some(see.into()), ..self }
    }
}

/// The worst of them.
pub(super) fn worst(findings: &[Finding]) -> Level {
    findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok)
}

/// For people: the findings, how many there are of each, and manifests at the end, so that they can be cut out.
pub(super) fn text(findings: &[Finding]) -> String {
    let mut out = String::new();
    for finding in findings {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{:<11} {}: {}", finding.level.shown(), finding.check, line(&finding.message));
        for detail in &finding.details {
            let _ = writeln!(out, "              {}", line(detail));
        }
        for (label, text) in [("do", &finding.remedy), ("see", &finding.see)] {
            if let Some(text) = text {
                let _ = writeln!(out, "            {label}: {}", line(text));
            }
        }
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let [problems, warnings, blind] = [Level::Problem, Level::Warning, Level::NotLooked].map(count);
    let s = |count: usize| if count == 1 { "" } else { "s" };
    let _ = writeln!(
        out,
        "\n{problems} problem{}, {warnings} warning{}, {blind} not looked at",
        s(problems),
        s(warnings)
    );
    let manifests: Vec<&Value> = findings.iter().flat_map(|finding| &finding.manifests).collect();
    if !manifests.is_empty() {
        let _ = write!(out, "\n# What is missing, for kubectl apply -f -\n{}", yaml(manifests));
    }
    out
}

/// YAML documents.
pub(super) fn yaml<'a>(manifests: impl IntoIterator<Item = &'a Value>) -> String {
    let documents = manifests.into_iter().map(|manifest| {
        // A manifest of ours is plain data.
        let text = serde_saphyr::to_string(manifest).unwrap_or_default();
        format!("---\n{}\n", text.trim_end())
    });
    documents.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn findings() -> Vec<Finding> {
        let mut rights = Finding::problem("rights", "2 of 90 are missing")
            .with_details(vec!["get things".to_owned()])
            .with_remedy("apply the roles below");
        rights.manifests = vec![json!({"kind": "ClusterRole", "rules": [{"verbs": ["get"]}]})];
        vec![
            Finding::ok("API server", "v1.36.4"),
            rights,
            Finding::warning("ExternalSecrets", "1 of 3 is RemoteKeyNotFound").with_see("docs/x.md#y"),
            Finding::not_looked("lease", &anyhow::anyhow!("no answer")),
        ]
    }

    #[test]
    fn people_read_what_to_do_and_cut_out_what_to_apply() {
        let expected = "\
ok          API server: v1.36.4
PROBLEM     rights: 2 of 90 are missing
              get things
            do: apply the roles below
warning     ExternalSecrets: 1 of 3 is RemoteKeyNotFound
            see: docs/x.md#y
not looked  lease: no answer

1 problem, 1 warning, 1 not looked at

# What is missing, for kubectl apply -f -
---
kind: ClusterRole
rules:
- verbs:
  - get
";
        assert_eq!(text(&findings()), expected);
        assert_eq!(worst(&findings()), Level::Problem);
        assert_eq!(worst(&findings()[2..]), Level::NotLooked);
        assert_eq!(worst(&[]), Level::Ok);
    }

    /// Reasons and names stand in statuses, where others write them.
    #[test]
    fn no_status_moves_the_cursor_or_makes_a_finding() {
        let reason = "x\u{1b}]0;t\u{7}\nok          lease: held";
        let finding = Finding::warning("ExternalSecrets", format!("1 of 3 is {reason}"))
            .with_details(vec![reason.to_owned()])
            .with_remedy(reason)
            .with_see(reason);
        let text = text(&[finding]);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert_eq!(
            (text.lines().count(), text.matches("x\\u001b]0;t\\u0007\\nok").count()),
            (6, 4),
            "{text}"
        );
    }

    #[test]
    fn machines_read_a_list() {
        let list = serde_json::to_value(findings()).unwrap();
        assert_eq!(list[0], json!({"check": "API server", "level": "ok", "message": "v1.36.4"}));
        assert_eq!(list[3]["level"], "notLooked");
        assert_eq!(list[1]["manifests"][0]["kind"], "ClusterRole");
    }

    #[test]
    fn who_may_not_look_is_told_what_it_takes() {
        let status =
            |code| kube::core::Status::failure("leases is forbidden", "Forbidden").with_code(code).boxed();
        let finding = |code| {
            let error = anyhow::Error::new(kube::Error::Api(status(code))).context("leases cannot be listed");
            Finding::not_looked("lease", &error)
        };
        assert!(finding(403).message.starts_with("leases cannot be listed: "));
        assert!(finding(403).remedy.is_some() && finding(500).remedy.is_none());
    }
}
