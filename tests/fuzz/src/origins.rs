//! Where a plugin may send requests: an origin as a plugin names it, in the first line, and a grant behind it.
//!
//! Holds: an origin is written as it is read, has neither path nor user, and is the origin of every URL below it; a grant
//! with a star covers names below its domain alone, and one that can never cover anything covers nothing.

use claviger_plugins::egress::Origin;

use crate::input::{lines, text};

/// See the module.
pub fn run(data: &[u8]) {
    let ([said], rest) = lines(data);
    let grant = text(rest);
    let Ok(origin) = Origin::parse(said) else { return };
    let written = origin.to_string();
    assert_eq!(Origin::parse(&written).as_ref(), Ok(&origin), "{written}");
    assert_eq!(Origin::of_url(&format!("{written}/a?b#c")).as_ref(), Some(&origin), "{written}");
    assert!(
        !origin.host().is_empty() && !origin.host().contains(['/', '@', '*', '?', '#', ' ']),
        "{written}"
    );
    for built_in in [false, true] {
        if !origin.matches_grant(grant, built_in) {
            continue;
        }
        assert!(Origin::check_grant(grant, built_in).is_ok(), "{grant:?} covers {written}");
        match grant.strip_prefix("https://*.") {
            Some(suffix) => {
                let below = origin.host().strip_suffix(&suffix.to_ascii_lowercase());
                assert!(!built_in && origin.is_tls() && origin.port() == 443);
                assert!(below.is_some_and(|below| below.ends_with('.')), "{grant:?} covers {written}");
            }
            None => assert_eq!(Origin::parse(grant).as_ref(), Ok(&origin)),
        }
    }
}
