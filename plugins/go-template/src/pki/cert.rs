//! Certificates, read: what ESO's functions ask of them.

use std::net::{Ipv4Addr, Ipv6Addr};

use x509_cert::der::Decode as _;

use super::{der, oid, pem};

/// A certificate.
pub(crate) struct Certificate {
    /// In DER.
    pub(crate) raw: Vec<u8>,
    /// The subject's name, in DER.
    pub(crate) subject: Vec<u8>,
    /// The subject's name as RFC 4514 writes it.
    pub(crate) subject_text: String,
    /// None where the extension is not there.
    pub(crate) subject_key_id: Option<Vec<u8>>,
    /// None where it is not there or has no key identifier.
    pub(crate) authority_key_id: Option<Vec<u8>>,
    alternative_names: Option<Vec<u8>>,
}

impl Certificate {
    /// From DER.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let parsed = x509_cert::Certificate::from_der(bytes).ok()?;
        let fields = der::in_sequence(bytes)?.first()?.items(der::SEQUENCE)?;
        // The version is [0] and may be missing; behind it: serial number, algorithm, issuer, validity, subject.
        let skip = usize::from(fields.first()?.tag == der::CONTEXT);
        let subject = fields.get(skip + 4)?.whole.to_vec();
        let mut found = Self {
            raw: bytes.to_vec(),
            subject,
            subject_text: parsed.tbs_certificate().subject().to_string(),
            subject_key_id: None,
            authority_key_id: None,
            alternative_names: None,
        };
        for extension in parsed.tbs_certificate().extensions().into_iter().flatten() {
            let value = extension.extn_value.as_bytes();
            match extension.extn_id.as_bytes() {
                oid::SUBJECT_KEY_ID => {
                    found.subject_key_id = Some(der::one(value)?.as_a(der::OCTETS)?.to_vec());
                }
                oid::AUTHORITY_KEY_ID => {
                    let items = der::in_sequence(value)?;
                    let id = items.iter().find_map(|item| item.as_a(der::CONTEXT_PRIMITIVE));
                    found.authority_key_id = id.map(<[u8]>::to_vec);
                }
                oid::SUBJECT_ALT_NAME => found.alternative_names = Some(value.to_vec()),
                _ => {}
            }
        }
        Some(found)
    }

    /// As PEM.
    pub(crate) fn to_pem(&self) -> Vec<u8> {
        pem::encode("CERTIFICATE", &self.raw)
    }

    /// Without an authority, or its own.
    pub(crate) fn is_root(&self) -> bool {
        match &self.authority_key_id {
            None => true,
            Some(authority) => self.subject_key_id.as_ref() == Some(authority),
        }
    }

    /// DNS names, then addresses, mail addresses, URIs: as ESO lists them. None if one of them is malformed.
    pub(crate) fn alternative_names(&self) -> Option<Vec<String>> {
        let Some(names) = &self.alternative_names else { return Some(Vec::new()) };
        let names = der::in_sequence(names)?;
        let text = |content: &[u8]| {
            let text = std::str::from_utf8(content).ok().filter(|text| text.is_ascii());
            text.map(str::to_owned)
        };
        let of = |number: u8, show: &dyn Fn(&[u8]) -> Option<String>| {
            let tagged = names.iter().filter_map(|name| name.as_a(der::CONTEXT_PRIMITIVE + number));
            tagged.map(show).collect::<Option<Vec<_>>>()
        };
        Some([of(2, &text)?, of(7, &address)?, of(1, &text)?, of(6, &text)?].concat())
    }
}

/// As Go shows one; it takes an IPv4 address in IPv6 for the IPv4 address.
fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(four).to_string());
    }
    let address = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?);
    Some(address.to_ipv4_mapped().map_or_else(|| address.to_string(), |four| four.to_string()))
}
