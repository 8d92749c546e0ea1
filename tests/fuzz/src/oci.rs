//! What registries and people say of artifacts: a reference and a `WWW-Authenticate` field in lines, and behind them a
//! manifest, or a Docker config.
//!
//! Holds: a reference is written as it is read and names one thing; a layer that would be pulled has a digest and no more
//! bytes than a component may have; few signatures are looked at.

use claviger_plugins::oci::{Login, Reference, component_layer, signature_layers, token_service};
use claviger_plugins::package::MAX_COMPONENT;

use crate::input::lines;

/// See the module.
pub fn run(data: &[u8]) {
    let ([reference, challenge], rest) = lines(data);
    let _ = token_service([challenge]);
    if let Some((digest, size)) = component_layer(rest) {
        assert!(is_digest(&digest) && size <= MAX_COMPONENT, "{digest:?}, {size} bytes");
    }
    let signatures = signature_layers(rest);
    assert!(signatures.len() <= 16 && signatures.iter().all(|(digest, _)| is_digest(digest)));
    let Ok(reference) = Reference::parse(reference) else { return };
    let written = reference.to_string();
    assert!(Reference::parse(&written).is_ok_and(|again| again == reference), "{written}");
    assert!(reference.tag().is_some() || reference.digest().is_some());
    assert!(
        !reference.registry().contains(['/', '@', '?', '#'])
            && !reference.repository().contains(['@', ':', '?', '#', '%'])
    );
    assert!(!reference.repository().split('/').any(|part| matches!(part, "" | "." | "..")));
    if let Err(error) = Login::find(rest, &reference) {
        assert!(error.to_string().len() <= 2048);
    }
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
