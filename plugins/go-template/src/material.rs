//! Keys and certificates for others than templates, in the forms that Go and ESO read them.

use crate::pki::cert::Certificate;
use crate::pki::ec::Curve;
use crate::pki::key::Key;
use crate::pki::{der, pem, pkcs12};
use crate::text::find;

/// The certificate in PKCS#12 without a password, in DER or in PEM, as ESO tries them; its DER. Of several it is the one that
/// goes with the key that is there too, wherever it stands. None: it is in none of these.
pub fn certificate(value: &[u8]) -> Option<Vec<u8>> {
    if let Ok(contents) = pkcs12::decode(value, b"") {
        let all = contents.certificates.into_iter().map(|certificate| certificate.raw).collect();
        return leaf(all, Some(&contents.key));
    }
    if let Some(certificate) = Certificate::parse(value) {
        return Some(certificate.raw);
    }
    let (certificates, key) = blocks(value);
    leaf(certificates, key.as_ref())
}

/// A PEM text with its private key first, as PKCS#8, and its certificates after it, the one that goes with the key before
/// the others. None: there is no key or no certificate in it.
pub fn bundle(text: &[u8]) -> Option<String> {
    let (certificates, key) = blocks(text);
    let key = key?;
    let first = leaf(certificates.clone(), Some(&key))?;
    let others = certificates.into_iter().filter(|raw| *raw != first);
    let mut out = pem::encode("PRIVATE KEY", &key.to_pkcs8()?);
    for raw in std::iter::once(first.clone()).chain(others) {
        out.extend(pem::encode("CERTIFICATE", &raw));
    }
    String::from_utf8(out).ok()
}

/// The certificates of a PEM text, and its first private key.
fn blocks(text: &[u8]) -> (Vec<Vec<u8>>, Option<Key>) {
    let (mut certificates, mut key, mut rest) = (Vec::new(), None, text);
    while let Some((block, behind)) = pem::decode(rest) {
        match Certificate::parse(&block.bytes) {
            Some(certificate) => certificates.push(certificate.raw),
            None => key = key.or_else(|| Key::parse(&block.bytes)),
        }
        rest = behind;
    }
    (certificates, key)
}

/// Of several certificates the key's, else the first.
fn leaf(certificates: Vec<Vec<u8>>, key: Option<&Key>) -> Option<Vec<u8>> {
    let public = key.and_then(Key::public);
    // It stands in a certificate byte for byte.
    let of_key = |raw: &&Vec<u8>| public.as_ref().is_some_and(|public| find(raw, public).is_some());
    let own = certificates.iter().find(of_key).cloned();
    own.or_else(|| certificates.into_iter().next())
}

/// A private key's numbers, big-endian, by the names of its JWK (RFC 7518).
pub struct Numbers {
    /// `RSA` or `EC`.
    pub kty: &'static str,
    /// Of an EC key.
    pub crv: Option<&'static str>,
    /// Whoever has these can ask for the public half: `n`, `e`, or `x`, `y`.
    pub public: Vec<(&'static str, Vec<u8>)>,
    /// The rest.
    pub private: Vec<(&'static str, Vec<u8>)>,
}

/// The numbers of the first key in a PEM text. None: there is no PEM in it.
///
/// # Errors
/// Why the key is of no use, without a word of it.
pub fn numbers(text: &[u8]) -> Option<Result<Numbers, &'static str>> {
    pem::decode(text)?;
    Some(Key::from_pem(text).and_then(|key| match key {
        Key::Rsa(_) => rsa(&key).ok_or("the RSA key cannot be read"),
        Key::Ec(curve, private, point) => {
            // 4, and two coordinates.
            let (x, y) =
                point.get(1..).unwrap_or_default().split_at(curve.size().min(point.len().saturating_sub(1)));
            Ok(Numbers {
                kty: "EC",
                crv: Some(match curve {
                    Curve::P256 => "P-256",
                    Curve::P384 => "P-384",
                    Curve::P521 => "P-521",
                }),
                public: vec![("x", x.to_vec()), ("y", y.to_vec())],
                private: vec![("d", private)],
            })
        }
        Key::Ed25519(_) => Err("it is an Ed25519 key"),
    }))
}

/// PKCS#1 has them in this order.
fn rsa(key: &Key) -> Option<Numbers> {
    let pkcs8 = key.to_pkcs8()?;
    let inner = der::in_sequence(&pkcs8)?;
    let pkcs1 = der::in_sequence(inner.get(2)?.as_a(der::OCTETS)?)?;
    let numbers: Vec<Vec<u8>> = pkcs1
        .iter()
        .skip(1)
        .map(|item| {
            let bytes = item.as_a(der::INTEGER)?;
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            Some(bytes[zeros..].to_vec())
        })
        .collect::<Option<_>>()?;
    let names = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
    let mut named: Vec<(&'static str, Vec<u8>)> = names.into_iter().zip(numbers).collect();
    if named.len() != names.len() {
        return None;
    }
    let private = named.split_off(2);
    Some(Numbers { kty: "RSA", crv: None, public: named, private })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Of RFC 7517 A.2 and RFC 9500 (keys that are public for tests): `openssl ec -text` gives these numbers.
    const EC: &str = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIObLW92AqkWunJXowVR2Z5/+yVPBaFHnEedDk5WJxk/BoAoGCCqGSM49\n\
        AwEHoUQDQgAEQiVI+I+3gv+17KN0RFLHKh5Vj71vc75eSOkyMsxFxbFsTNEMTLjV\nuKFxOelIgsiZJXKZNCX0FBmrfpCkKklCcg==\n-----END EC PRIVATE KEY-----\n";

    #[test]
    fn numbers_of_a_key_whose_numbers_are_published() {
        let Some(Ok(numbers)) = numbers(EC.as_bytes()) else { panic!("no key") };
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!((numbers.kty, numbers.crv), ("EC", Some("P-256")));
        assert_eq!(
            hex(&numbers.private[0].1),
            "e6cb5bdd80aa45ae9c95e8c15476679ffec953c16851e711e743939589c64fc1"
        );
        assert_eq!(
            hex(&numbers.public[0].1),
            "422548f88fb782ffb5eca3744452c72a1e558fbd6f73be5e48e93232cc45c5b1"
        );
        assert_eq!(
            hex(&numbers.public[1].1),
            "6c4cd10c4cb8d5b8a17139e94882c8992572993425f41419ab7e90a42a494272"
        );
    }

    #[test]
    fn what_is_no_key_and_no_certificate() {
        assert!(numbers(b"0123456789abcdef").is_none());
        let broken = EC.replace("MHcCAQEE", "MHcCAQIE");
        assert!(numbers(broken.as_bytes()).unwrap().is_err());
        for value in ["", "text", EC] {
            assert!(certificate(value.as_bytes()).is_none(), "{value}");
        }
    }
}
