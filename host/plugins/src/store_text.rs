//! Texts with one place in them that a store fills: `https://ssm.{aws-region:/region}.amazonaws.com`.
//!
//! What a built-in may reach, and for whom its tokens may be, follows from fields of the store in its
//! provider's own way. A place says what may stand in it, so that a store cannot make another text of it.
//! Pure.

use std::collections::BTreeMap;

use serde_json::Value;

/// What metadata services said in this connect, by profile (`gcpMetadata project-id`).
pub(crate) type Surroundings = BTreeMap<String, String>;

/// What the text is for this store. `None` if nothing stands in its place, or something else than may
/// stand there.
///
/// A place is `{form:source}`: the source is a JSON pointer into the store's config, or a profile of the
/// surroundings.
pub(crate) fn fill(text: &str, config: &Value, surroundings: &Surroundings) -> Option<String> {
    let Some((before, rest)) = text.split_once('{') else { return Some(text.to_owned()) };
    let (place, after) = rest.split_once('}')?;
    let (form, source) = place.split_once(':')?;
    let value = match source.starts_with('/') {
        true => config.pointer(source)?.as_str()?,
        false => surroundings.get(source)?.as_str(),
    };
    let fits = match form {
        "aws-region" => is_aws_region(value),
        "host" => is_host(value),
        "google-location" => is_google_location(value),
        "google-project" => is_google_project(value),
        "text" => !value.is_empty(),
        _ => false,
    };
    fits.then(|| format!("{before}{value}{after}"))
}

/// `eu-central-1`, `us-gov-west-1`, `us-isob-east-1`: words, and a number at the end. Other names may be
/// somebody's in the same domain (`ssm.s3.amazonaws.com` is a bucket).
fn is_aws_region(text: &str) -> bool {
    let words: Vec<&str> = text.split('-').collect();
    let [first, middle @ .., last] = &words[..] else { return false };
    text.len() <= 40
        && first.len() >= 2
        && is_word(first)
        && !middle.is_empty()
        && middle.iter().all(|word| is_word(word))
        && is_number(last)
}

/// `kubernetes.default`, `10.0.0.1:6443`, `[fd00::1]:6443`: a host, and a port perhaps.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            ("", port)
        }
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_number);
    text.len() <= 260 && !text.is_empty() && !text.starts_with(':') && host.chars().all(plain) && is_port
}

/// `us-central1`, `northamerica-northeast2`, and the multi-regions `us`, `eu`.
fn is_google_location(text: &str) -> bool {
    let Some((area, rest)) = text.split_once('-') else { return is_word(text) && text.len() <= 20 };
    let number = rest.trim_start_matches(|c: char| c.is_ascii_lowercase());
    text.len() <= 40 && is_word(area) && rest.len() > number.len() && is_number(number)
}

/// `my-project-1`, and with the domain of an old organization in front `example.com:my-project`.
fn is_google_project(text: &str) -> bool {
    let project = text.rsplit_once(':').map_or(text, |(_, project)| project);
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() <= 100
        && text.chars().all(|c| plain(c) || matches!(c, '.' | ':'))
        && project.chars().all(plain)
        && project.starts_with(|c: char| c.is_ascii_lowercase())
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(template: &str, value: &str) -> Option<String> {
        let config = serde_json::json!({"at": value, "deep": {"at": value}, "list": [value], "number": 5});
        fill(
            template,
            &config,
            &Surroundings::from([("gcpMetadata project-id".to_owned(), value.to_owned())]),
        )
    }

    #[test]
    fn regions_of_aws() {
        let ssm = "https://ssm.{aws-region:/at}.amazonaws.com";
        assert_eq!(of(ssm, "eu-central-1").as_deref(), Some("https://ssm.eu-central-1.amazonaws.com"));
        for good in ["us-gov-west-1", "us-isob-east-1", "eusc-de-east-1", "cn-north-1", "ap-southeast-4"] {
            assert_eq!(of("{aws-region:/deep/at}.x.y", good), Some(format!("{good}.x.y")));
        }
        for bad in [
            "",
            "evil.example/",
            "eu-central-1.evil.example",
            "eu-central-1#",
            "x@eu-central-1",
            "s3",
            "s3-us-west-2",
            "eu-1",
            "eu-central",
            "eu--1",
            "-a-1",
            "EU-central-1",
            "eu-central-1x",
            "eu-central-1:1",
            "eü-central-1",
            &format!("eu-{}-1", "a".repeat(64)),
        ] {
            assert_eq!(of(ssm, bad), None, "{bad}");
        }
    }

    /// The built-in's guest refuses what this refuses, in words: its table has the same rows
    /// (`plugins/google-credentials/src/endpoint.rs`).
    #[test]
    fn locations_and_projects_of_google() {
        let regional = "https://secretmanager.{google-location:/at}.rep.googleapis.com";
        for good in ["us-central1", "europe-west12", "northamerica-northeast2", "me-central1", "us", "eu"] {
            assert_eq!(of(regional, good), Some(format!("https://secretmanager.{good}.rep.googleapis.com")));
        }
        for bad in [
            "",
            "us-",
            "us-central",
            "us-1",
            "us-central1-a",
            "europe-west3-a",
            "a.b",
            "us/x",
            "US",
            "us-central1.",
            "-a1",
            "1a",
            "evil.example/",
            "abcdefghijklmnopqrstu",
            "us-abcdefghijklmnopqrstuvwxyzabcdefghijk1",
        ] {
            assert_eq!(of(regional, bad), None, "{bad}");
        }
        let pool = "{google-project:/at}.svc.id.goog";
        for good in ["my-gcp-project", "example.com:old-project", "a1"] {
            assert_eq!(of(pool, good), Some(format!("{good}.svc.id.goog")));
        }
        for bad in [
            "",
            "1a",
            "123456789012",
            "example.com:123",
            "a/b",
            "A",
            "a b",
            "x:",
            "https://kubernetes.default.svc",
            "a.b",
            "a_b",
            ":",
        ] {
            assert_eq!(of(pool, bad), None, "{bad}");
        }
        let metadata = "{google-project:gcpMetadata project-id}.svc.id.goog";
        assert_eq!(of(metadata, "my-gcp-project").as_deref(), Some("my-gcp-project.svc.id.goog"));
    }

    #[test]
    fn hosts() {
        for good in ["kubernetes.default", "10.0.0.1:6443", "My-Host:443", "[fd00::1]:6443", "[::1]"] {
            assert_eq!(of("https://{host:/at}", good), Some(format!("https://{good}")));
        }
        for bad in [
            "",
            ":443",
            "a:",
            "a:b",
            "a/b",
            "a@b",
            "a?b",
            "a#b",
            "a b",
            "https://a",
            "a:1:2",
            "[a]:1",
            "[::1]x",
            "[::1",
            "a\\b",
            "%61",
            "ü",
            &"a".repeat(261),
        ] {
            assert_eq!(of("https://{host:/at}", bad), None, "{bad}");
        }
    }

    #[test]
    fn a_place_is_filled_by_a_text_that_is_there() {
        assert_eq!(of("https://sts.x.y", "a").as_deref(), Some("https://sts.x.y"), "no place in it");
        assert_eq!(of("{text:/at}", "//iam.googleapis.com/x").as_deref(), Some("//iam.googleapis.com/x"));
        for none in [
            "{text:/other}",
            "{text:/list}",
            "{text:/number}",
            "{other:/at}",
            "{text:/at",
            "{/at}",
            "{text:x}",
        ] {
            assert_eq!(of(none, "a"), None, "{none}");
        }
    }
}
