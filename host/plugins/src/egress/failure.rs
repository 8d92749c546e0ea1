//! What went wrong with a request: for the guest a code, for messages the host's own words, and with TLS what that means for a
//! store. Pure.

use std::error::Error as StdError;
use std::io;

use wasmtime_wasi_http::Error;

use super::resolver::Refused;

/// A request that failed on its way.
pub(crate) struct Failure {
    /// For the guest.
    pub(super) code: Error,
    /// For the host's messages.
    pub(crate) said: Said,
}

/// The words are the network's and TLS's, never a body's.
pub(crate) enum Said {
    /// An address was refused: which rule did.
    Refused(String),
    /// What went wrong, and with whom.
    Trouble(String),
}

impl Failure {
    /// Of the client's error, in a request to `origin`.
    pub(crate) fn of(error: &reqwest::Error, origin: &str) -> Self {
        let trouble = |code, said| Self { code, said: Said::Trouble(said) };
        let mut source: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(cause) = source {
            if let Some(refused) = cause.downcast_ref::<Refused>() {
                let said = Said::Refused(refused.to_string());
                return Self { code: Error::DestinationIpProhibited, said };
            }
            if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
                let code = match tls {
                    rustls::Error::InvalidCertificate(_) => Error::TlsCertificateError,
                    _ => Error::TlsProtocolError,
                };
                return trouble(code, format!("TLS with {origin} failed: {}", explained(&tls.to_string())));
            }
            if let Some(cause) = cause.downcast_ref::<io::Error>() {
                match cause.kind() {
                    io::ErrorKind::ConnectionRefused => {
                        return trouble(Error::ConnectionRefused, format!("connection to {origin} refused"));
                    }
                    io::ErrorKind::ConnectionReset
                    | io::ErrorKind::BrokenPipe
                    | io::ErrorKind::UnexpectedEof => {
                        return trouble(Error::ConnectionTerminated, broke_off(origin));
                    }
                    _ => {}
                }
                // rustls's errors sit inside io errors, which do not show them as a source.
                if let Some(inner) = cause.get_ref() {
                    source = Some(inner);
                    continue;
                }
            }
            source = cause.source();
        }
        if error.is_timeout() {
            let code = if error.is_connect() { Error::ConnectionTimeout } else { Error::HttpResponseTimeout };
            return trouble(code, format!("{origin} did not answer in time"));
        }
        let said = innermost(error);
        let code = if error.is_connect() { Error::DestinationUnavailable } else { Error::HttpProtocolError };
        trouble(
            code,
            match is_broken_off(&said) {
                true => broke_off(origin),
                false => format!("request to {origin} failed: {}", explained(&said)),
            },
        )
    }
}

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
fn broke_off(origin: &str) -> String {
    let hint = if origin.starts_with("https://") {
        " before an answer; a server that refuses the client certificate, or misses one, does that too"
    } else {
        ""
    };
    format!("connection to {origin} broke off{hint}")
}

/// Whether an HTTP failure says that the connection ended; hyper has no other way to tell.
fn is_broken_off(said: &str) -> bool {
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

/// The cause at the end of an error's chain, which says what happened; the links before only say where.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string().chars().take(200).collect()
}

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
