//! sprig's functions that make certificates. Errors never repeat an argument: a private key may be one.

use std::net::IpAddr;
use std::rc::Rc;

use super::args::{any, bytes, int, refuse};
use super::encode::unbase64;
use super::{Env, Function, Outcome, function};
use crate::error::EngineError;
use crate::pki::cert::Certificate;
use crate::pki::issue::{Authority, Request, issue};
use crate::pki::key::Key;
use crate::pki::{der, generate, pem};
use crate::value::{self, Value};

pub(super) const TABLE: &[Function] = &[
    function("buildCustomCert", "ss", build_custom),
    function("genCA", "si", |env, args| authority(env, args, None)),
    function("genCAWithKey", "sis", |env, args| authority(env, args, Some(2))),
    function("genSelfSignedCert", "slli", |env, args| self_signed(env, args, None)),
    function("genSelfSignedCertWithKey", "sllis", |env, args| self_signed(env, args, Some(4))),
    function("genSignedCert", "sllic", |env, args| signed(env, args, None)),
    function("genSignedCertWithKey", "sllics", |env, args| signed(env, args, Some(5))),
];

fn refused(why: &str) -> EngineError {
    EngineError::function(why)
}

/// The key that the n-th argument is, or a new one.
fn key(env: &Env, args: &[Value], given: Option<usize>) -> Result<Key, EngineError> {
    match given {
        Some(index) => {
            Key::from_pem(bytes(args, index)).map_err(|why| refused(&format!("parsing private key: {why}")))
        }
        None => generate::rsa(&mut env.random(), 2048).ok_or_else(|| refused("error generating rsa key")),
    }
}

fn authority(env: &Env, args: &[Value], given: Option<usize>) -> Outcome {
    let request = Request {
        common_name: bytes(args, 0),
        addresses: Vec::new(),
        names: Vec::new(),
        days: int(args, 1),
        is_authority: true,
    };
    made(env, &request, &key(env, args, given)?, None)
}

fn self_signed(env: &Env, args: &[Value], given: Option<usize>) -> Outcome {
    made(env, &server(args)?, &key(env, args, given)?, None)
}

fn signed(env: &Env, args: &[Value], given: Option<usize>) -> Outcome {
    let Value::Certificate(by) = any(args, 4) else { return refuse("no certificate to sign with") };
    let Some((block, _)) = pem::decode(&by.cert) else { return refuse("unable to decode certificate") };
    let Some(certificate) = Certificate::parse(&block.bytes) else {
        return refuse("error parsing the signer's certificate");
    };
    let signer =
        Key::from_pem(&by.key).map_err(|why| refused(&format!("error parsing private key: {why}")))?;
    let authority = Authority { certificate: &certificate, key: &signer };
    made(env, &server(args)?, &key(env, args, given)?, Some(&authority))
}

/// Common name, addresses, names, days.
fn server(args: &[Value]) -> Result<Request<'_>, EngineError> {
    let texts = |index: usize| match any(args, index) {
        Value::List(list) => list
            .items
            .iter()
            .map(|item| match item {
                Value::Str(text) => Ok(text.to_vec()),
                other => {
                    Err(refused(&format!("an address or name is no string, but a {}", other.type_name())))
                }
            })
            .collect::<Result<Vec<_>, _>>(),
        _ => Ok(Vec::new()),
    };
    let addresses = texts(1)?.iter().map(|text| address(text)).collect::<Result<_, _>>()?;
    Ok(Request {
        common_name: bytes(args, 0),
        addresses,
        names: texts(2)?,
        days: int(args, 3),
        is_authority: false,
    })
}

fn address(text: &[u8]) -> Result<IpAddr, EngineError> {
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| refused("error parsing ip: it is no IP address"))
}

fn made(env: &Env, request: &Request<'_>, key: &Key, authority: Option<&Authority<'_>>) -> Outcome {
    if std::str::from_utf8(request.common_name).is_err() {
        return refuse("error creating certificate: the common name is not UTF-8");
    }
    let now = super::dates::now(env);
    let der = issue(request, key, authority, &now, &mut env.random())
        .map_err(|why| refused(&format!("error creating certificate: {why}")))?;
    let Some(private) = key.to_pem() else { return refuse("error pem-encoding key") };
    Ok(certificate(&pem::encode("CERTIFICATE", &der), &private))
}

fn certificate(cert: &[u8], key: &[u8]) -> Value {
    Value::Certificate(Rc::new(value::Certificate { cert: cert.into(), key: key.into() }))
}

fn build_custom(_: &Env, args: &[Value]) -> Outcome {
    let Ok(cert) = unbase64(bytes(args, 0)) else { return refuse("unable to decode base64 certificate") };
    let Ok(key) = unbase64(bytes(args, 1)) else { return refuse("unable to decode base64 private key") };
    let Some((block, _)) = pem::decode(&cert) else { return refuse("unable to decode certificate") };
    if Certificate::parse(&block.bytes).is_none() {
        return refuse("error parsing certificate");
    }
    if !is_dsa(&key) {
        Key::from_pem(&key).map_err(|why| refused(&format!("error parsing private key: {why}")))?;
    }
    Ok(certificate(&cert, &key))
}

/// A DSA key, which may be kept though nothing can be signed with it: version, p, q, g, y, x.
fn is_dsa(text: &[u8]) -> bool {
    let Some((block, _)) = pem::decode(text) else { return false };
    let numbers = der::in_sequence(&block.bytes);
    block.label == b"DSA PRIVATE KEY"
        && numbers.is_some_and(|numbers| numbers.len() == 6 && numbers.iter().all(|n| n.unsigned().is_some()))
}
