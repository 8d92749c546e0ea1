//! Whether the API server can be reached, and is recent enough.

use std::time::Duration;

use kube::Client;

use super::finding::Finding;

const CHECK: &str = "API server";
/// The first minor version of 1 that has everything that is asked of it: who it is that asks (SelfSubjectReview) is there
/// since then.
const OLDEST: u32 = 28;

/// Looks.
pub(super) async fn look(client: &Client, address: &str, patience: Duration) -> Finding {
    let answer = tokio::time::timeout(patience, client.apiserver_version()).await;
    match answer {
        Ok(Ok(version)) => judge(address, &version.git_version, &version.major, &version.minor),
        Ok(Err(kube::Error::Api(status))) if status.code == 401 => {
            Finding::problem(CHECK, format!("{address} does not take the credentials"))
                .with_remedy("log in again, or use another kubeconfig (--kubeconfig)")
        }
        Ok(Err(error)) => {
            let error = anyhow::Error::new(error);
            Finding::problem(CHECK, format!("{address} cannot be asked: {error:#}")).with_remedy(WAY)
        }
        Err(_) => {
            let message = format!("{address} does not answer within {} s", patience.as_secs());
            Finding::problem(CHECK, message).with_remedy(WAY)
        }
    }
}

const WAY: &str =
    "see that the address in the kubeconfig is right, that the API server runs, and what lies between";

fn judge(address: &str, shown: &str, major: &str, minor: &str) -> Finding {
    // Some say 28+.
    let digits: String = minor.chars().take_while(char::is_ascii_digit).collect();
    match (major, digits.parse::<u32>()) {
        ("1", Ok(minor)) if minor < OLDEST => {
            Finding::problem(CHECK, format!("{address} is Kubernetes {shown}, older than 1.{OLDEST}"))
                .with_remedy("upgrade the cluster")
        }
        ("1", Ok(_)) => Finding::ok(CHECK, format!("Kubernetes {shown} at {address}")),
        _ => Finding::warning(
            CHECK,
            format!("{address} says it is {shown:?}, which is no version of Kubernetes"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn versions_are_judged_by_their_numbers() {
        for (major, minor, level) in [
            ("1", "28", Level::Ok),
            ("1", "28+", Level::Ok),
            ("1", "36", Level::Ok),
            ("1", "27", Level::Problem),
            ("1", "9+", Level::Problem),
            ("2", "0", Level::Warning),
            ("1", "", Level::Warning),
        ] {
            assert_eq!(judge("https://x", "v", major, minor).level, level, "{major}.{minor}");
        }
    }
}
