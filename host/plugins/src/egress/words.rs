//! What TLS says when it fails, with what that means for a store. Which error the guest gets is decided in
//! `hooks`.

/// Adds to a failure's text what to look at. By text, because HTTP/2 hands on no more than that.
pub(super) fn explained(said: &str) -> String {
    let hint = if said.contains("UnknownIssuer") {
        "no authority that the store trusts has signed the server's certificate"
    } else if said.contains("KeyMismatch") {
        "the client certificate is not that key's"
    } else if said.contains("alert: CertificateRequired") {
        "the server asks for a client certificate, and the store names none"
    } else if REFUSALS.iter().any(|alert| said.ends_with(&format!("alert: {alert}"))) {
        "the server refused the client certificate"
    } else {
        return said.to_owned();
    };
    format!("{said} ({hint})")
}

/// What to say of a connection that ended without an answer. With TLS 1.3 a server refuses a client's certificate
/// after the handshake, and often closes before its words arrive.
pub(super) fn broke_off(origin: &str) -> String {
    let hint = if origin.starts_with("https://") {
        " before an answer; a server that refuses the client certificate, or misses one, does that too"
    } else {
        ""
    };
    format!("connection to {origin} broke off{hint}")
}

/// Whether an HTTP failure says that the connection ended; hyper has no other way to tell.
pub(super) fn is_broken_off(said: &str) -> bool {
    said.contains("connection closed") || said.contains("connection was not ready")
}

/// What servers answer to a certificate that they do not take (RFC 8446, section 6.2).
const REFUSALS: [&str; 8] = [
    "BadCertificate",
    "UnsupportedCertificate",
    "CertificateRevoked",
    "CertificateExpired",
    "CertificateUnknown",
    "UnknownCA",
    "AccessDenied",
    // A signature of it does not verify.
    "DecryptError",
];

#[cfg(test)]
mod tests {
    use rustls::{AlertDescription, CertificateError, Error, InconsistentKeys};

    use super::*;

    /// The texts are rustls's.
    #[test]
    fn failures_are_explained() {
        for (error, expected) in [
            (Error::InvalidCertificate(CertificateError::UnknownIssuer), Some("no authority")),
            (
                Error::AlertReceived(AlertDescription::CertificateRequired),
                Some("asks for a client certificate"),
            ),
            (Error::InconsistentKeys(InconsistentKeys::KeyMismatch), Some("not that key's")),
            (Error::AlertReceived(AlertDescription::UnknownCA), Some("refused the client certificate")),
            (Error::AlertReceived(AlertDescription::BadCertificate), Some("refused the client certificate")),
            (
                Error::AlertReceived(AlertDescription::CertificateExpired),
                Some("refused the client certificate"),
            ),
            (Error::AlertReceived(AlertDescription::ProtocolVersion), None),
            (Error::InvalidCertificate(CertificateError::Expired), None),
        ] {
            let (said, told) = (error.to_string(), explained(&error.to_string()));
            match expected {
                Some(hint) => assert!(told.starts_with(&said) && told.contains(hint), "{told}"),
                None => assert_eq!(told, said),
            }
        }
    }
}
