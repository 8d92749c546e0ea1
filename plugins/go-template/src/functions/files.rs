//! ESO's own functions: PKCS#12 files, PEM texts, certificate chains, JWKs, RSA decryption. Errors never
//! repeat an argument.

use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::args::{bytes, refuse, string};
use super::encode::base64;
use super::{Env, Function, Outcome, function};
use crate::error::EngineError;
use crate::pki::cert::Certificate;
use crate::pki::jwk::{self, Jwk};
use crate::pki::key::Key;
use crate::pki::{chain, pem, pkcs12};
use crate::text::trim_space;
use crate::value::{Element, Value};

pub(super) const TABLE: &[Function] = &[
    function("pkcs12key", "s", |_, args| pkcs12_key(b"", bytes(args, 0))),
    function("pkcs12keyPass", "ss", |_, args| pkcs12_key(bytes(args, 0), bytes(args, 1))),
    function("pkcs12cert", "s", |_, args| pkcs12_cert(b"", bytes(args, 0))),
    function("pkcs12certPass", "ss", |_, args| pkcs12_cert(bytes(args, 0), bytes(args, 1))),
    function("pemToPkcs12", "ss", |env, args| to_pkcs12(env, args, false)),
    function("pemToPkcs12Pass", "sss", |env, args| to_pkcs12(env, args, false)),
    function("fullPemToPkcs12", "ss", |env, args| to_pkcs12(env, args, true)),
    function("fullPemToPkcs12Pass", "sss", |env, args| to_pkcs12(env, args, true)),
    function("pemTruststoreToPKCS12", "s", trust_store),
    function("pemTruststoreToPKCS12Pass", "ss", trust_store),
    function("filterPEM", "ss", filter_pem),
    function("filterCertChain", "ss", filter_chain),
    function("certSANs", "s", sans),
    function("jwkPublicKeyPem", "s", |_, args| match read_jwk(args)? {
        Jwk::Public(key) => string("jwkPublicKeyPem", pem::encode("PUBLIC KEY", &key)),
        Jwk::Private(_) => refuse("the JWK is a private key"),
    }),
    function("jwkPrivateKeyPem", "s", |_, args| match read_jwk(args)? {
        Jwk::Public(_) => refuse("the JWK is a public key"),
        Jwk::Private(key) => private_pem(&key),
    }),
    function("rsaDecrypt", "ssss", rsa_decrypt),
];

fn refused(why: &str) -> EngineError {
    EngineError::function(why)
}

fn private_pem(key: &Key) -> Outcome {
    key.to_pkcs8().map_or_else(
        || refuse("the private key cannot be encoded"),
        |key| string("PEM", pem::encode("PRIVATE KEY", &key)),
    )
}

fn pkcs12_key(password: &[u8], file: &[u8]) -> Outcome {
    private_pem(&pkcs12::decode(file, password).map_err(refused)?.key)
}

fn pkcs12_cert(password: &[u8], file: &[u8]) -> Outcome {
    let found = pkcs12::decode(file, password).map_err(refused)?.certificates;
    let as_found = chain::to_pem(&found);
    // What makes no chain stays in the file's order.
    string("PEM", chain::order(found).map_or(as_found, |ordered| chain::to_pem(&ordered)))
}

/// Certificates one behind the other, white space at the end.
fn certificates(mut text: &[u8]) -> Result<Vec<Certificate>, EngineError> {
    let mut found = Vec::new();
    while !trim_space(text).is_empty() {
        let block = pem::decode(text);
        let (block, rest) = block.ok_or_else(|| refused("the text holds something that is no PEM block"))?;
        let certificate = Certificate::parse(&block.bytes);
        found.push(certificate.ok_or_else(|| refused("a PEM block is no certificate"))?);
        text = rest;
    }
    Ok(found)
}

/// Certificate, key, perhaps a password; `full` takes the certificates behind the first one too.
fn to_pkcs12(env: &Env, args: &[Value], full: bool) -> Outcome {
    let Some((block, rest)) = pem::decode(bytes(args, 0)) else {
        return refuse("no certificate in the PEM text");
    };
    let Some(certificate) = Certificate::parse(&block.bytes) else {
        return refuse("the first PEM block is no certificate");
    };
    let more = if full { certificates(rest)? } else { Vec::new() };
    let Some((block, _)) = pem::decode(bytes(args, 1)) else {
        return refuse("no private key in the PEM text");
    };
    let Some(key) = Key::parse(&block.bytes) else { return refuse("unable to parse private key type") };
    let file = pkcs12::encode(&key, &certificate, &more, bytes(args, 2), &mut env.random());
    string("pkcs12", base64(&file.map_err(refused)?))
}

fn trust_store(env: &Env, args: &[Value]) -> Outcome {
    let certificates = certificates(bytes(args, 0))?;
    let file = pkcs12::encode_trust_store(&certificates, bytes(args, 1), &mut env.random());
    string("pkcs12", base64(&file.map_err(refused)?))
}

fn filter_pem(_: &Env, args: &[Value]) -> Outcome {
    let mut rest = pem::without_junk(bytes(args, 1));
    let mut kept = Vec::new();
    while let Some((block, behind)) = pem::decode(rest) {
        rest = behind;
        if pem::is_labelled(&block, bytes(args, 0)) {
            kept.extend(block.encode());
        }
    }
    if kept.is_empty() && !rest.is_empty() {
        return refuse("error filtering pem: found junk");
    }
    string("filterPEM", kept)
}

fn filter_chain(_: &Env, args: &[Value]) -> Outcome {
    let ordered = chain::read(bytes(args, 1)).and_then(chain::order).map_err(refused)?;
    let kept = match bytes(args, 0) {
        b"leaf" => ordered.first().filter(|first| !first.is_root()).map(Certificate::to_pem),
        b"intermediate" => {
            let between = ordered.iter().skip(1).take_while(|certificate| !certificate.is_root());
            Some(between.flat_map(Certificate::to_pem).collect())
        }
        b"root" => ordered.last().filter(|last| last.is_root()).map(Certificate::to_pem),
        _ => None,
    };
    string("filterCertChain", kept.unwrap_or_default())
}

fn sans(_: &Env, args: &[Value]) -> Outcome {
    let Some((block, _)) = pem::decode(pem::without_junk(bytes(args, 0))) else {
        return refuse("failed to decode PEM block");
    };
    match Certificate::parse(&block.bytes).and_then(|certificate| certificate.alternative_names()) {
        Some(names) => Ok(Value::list_of(Element::Str, names.iter().map(Value::str).collect())),
        None => refuse("failed to parse certificate"),
    }
}

fn read_jwk(args: &[Value]) -> Result<Jwk, EngineError> {
    jwk::parse(bytes(args, 0)).map_err(refused)
}

/// Scheme, hash, ciphertext, private key.
fn rsa_decrypt(_: &Env, args: &[Value]) -> Outcome {
    match bytes(args, 0) {
        b"None" => return Ok(Value::str(bytes(args, 2))),
        b"RSA-OAEP" => {}
        _ => return refuse("the decryption scheme is not supported: None and RSA-OAEP are"),
    }
    let Some((block, _)) = pem::decode(bytes(args, 3)) else { return refuse("failed to decode PEM block") };
    let key = match Key::parse(&block.bytes) {
        Some(Key::Rsa(key)) => key,
        Some(_) => return refuse("could not parse RSA private key"),
        None => return refuse("could not parse private key"),
    };
    let plain = match bytes(args, 1) {
        b"SHA1" => key.oaep_decrypt::<Sha1>(bytes(args, 2)),
        b"SHA512" => key.oaep_decrypt::<Sha512>(bytes(args, 2)),
        // Whatever else stands there, as in ESO.
        _ => key.oaep_decrypt::<Sha256>(bytes(args, 2)),
    };
    plain.map_or_else(|_| refuse("error decrypting data with RSA"), |plain| Ok(Value::str(plain)))
}
