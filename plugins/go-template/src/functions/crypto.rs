//! Digests, password hashes, AES, new keys: sprig's functions of cryptography that are about no certificate.

use aes::Aes256;
use cbc::cipher::block_padding::{NoPadding, Pkcs7};
use cbc::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use super::args::{bytes, int, refuse, string};
use super::encode::{base64, hex, unbase64};
use super::{Env, Function, Outcome, function};
use crate::pki::generate;
use crate::value::Value;

pub(super) const TABLE: &[Function] = &[
    function("sha1sum", "s", |_, args| Ok(Value::str(hex(&Sha1::digest(bytes(args, 0)))))),
    function("sha256sum", "s", |_, args| Ok(Value::str(hex(&Sha256::digest(bytes(args, 0)))))),
    function("sha512sum", "s", |_, args| Ok(Value::str(hex(&Sha512::digest(bytes(args, 0)))))),
    function("adler32sum", "s", |_, args| Ok(Value::str(adler32(bytes(args, 0)).to_string()))),
    function("bcrypt", "s", |env, args| Ok(Value::str(bcrypt(env, bytes(args, 0))))),
    function("htpasswd", "ss*h", htpasswd),
    function("derivePassword", "ussss", derive_password),
    function("encryptAES", "ss", encrypt_aes),
    function("decryptAES", "ss", decrypt_aes),
    function("genPrivateKey", "s", gen_private_key),
];

/// RFC 1950.
fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    let (mut a, mut b) = (1, 0);
    for byte in bytes {
        a = (a + u32::from(*byte)) % MODULUS;
        b = (b + a) % MODULUS;
    }
    b << 16 | a
}

/// Modular Crypt Format at Go's default cost; what Go says of a password that is too long is its result.
fn bcrypt(env: &Env, password: &[u8]) -> Vec<u8> {
    const COST: u32 = 10;
    /// What Blowfish takes of a key.
    const LONGEST: usize = 72;
    if password.len() > LONGEST {
        let words = "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes";
        return words.as_bytes().to_vec();
    }
    let salt = env.random().bytes::<16>();
    // The zero at the end belongs to the key since version 2a.
    let mut key = [password, &[0]].concat();
    key.truncate(LONGEST);
    let hash = bcrypt::bcrypt(COST, salt, &key);
    [b"$2a$10$".to_vec(), radix64(&salt), radix64(&hash[..23])].concat()
}

/// bcrypt's own base64: another alphabet, no padding.
fn radix64(bytes: &[u8]) -> Vec<u8> {
    const OURS: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = base64(bytes).into_iter();
    digits.filter_map(|digit| STANDARD.iter().position(|known| *known == digit)).map(|at| OURS[at]).collect()
}

/// User, password, and since ESO 2 the algorithm.
fn htpasswd(env: &Env, args: &[Value]) -> Outcome {
    if args.len() > 3 {
        return refuse(format!("wrong number of args for htpasswd: want at most 3 got {}", args.len()));
    }
    let (user, password) = (bytes(args, 0), bytes(args, 1));
    if user.contains(&b':') {
        return Ok(Value::str([b"invalid username: ", user].concat()));
    }
    let hash = match bytes(args, 2) {
        b"sha" => [b"{SHA}".to_vec(), base64(&Sha1::digest(password))].concat(),
        _ => bcrypt(env, password),
    };
    string("htpasswd", [user, b":", &hash].concat())
}

/// Templates and characters of the Master Password algorithm, version 2, which counts bytes.
const PASSWORDS: [(&str, &[&str]); 6] = [
    ("maximum", &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"]),
    (
        "long",
        &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
    ),
    ("medium", &["CvcnoCvc", "CvcCvcno"]),
    ("short", &["Cvcn"]),
    ("basic", &["aaanaaan", "aannaaan", "aaannaaa"]),
    ("pin", &["nnnn"]),
];

fn password_characters(class: u8) -> &'static [u8] {
    match class {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'A' => b"AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// Counter, kind, password, user, site.
fn derive_password(_: &Env, args: &[Value]) -> Outcome {
    const SCOPE: &[u8] = b"com.lyndir.masterpassword";
    let kind = bytes(args, 1);
    let Some((_, templates)) = PASSWORDS.iter().find(|(name, _)| name.as_bytes() == kind) else {
        return string("derivePassword", [b"cannot find password template ", kind].concat());
    };
    let counted = |text: &[u8]| {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        [SCOPE, &length.to_be_bytes(), text].concat()
    };
    let mut key = [0; 64];
    // 2^15 blocks of 8 · 128 bytes: 32 MiB.
    let derived = scrypt::Params::new(15, 8, 2)
        .ok()
        .and_then(|params| scrypt::scrypt(bytes(args, 2), &counted(bytes(args, 3)), &params, &mut key).ok());
    let Some(mut mac) = derived.and_then(|()| Hmac::<Sha256>::new_from_slice(&key).ok()) else {
        return refuse("the password cannot be derived");
    };
    let counter = u32::try_from(int(args, 0)).unwrap_or(0);
    mac.update(&counted(bytes(args, 4)));
    mac.update(&counter.to_be_bytes());
    let seed = mac.finalize().into_bytes();
    let template = templates[usize::from(seed[0]) % templates.len()];
    let text: Vec<u8> = template
        .bytes()
        .zip(seed.iter().skip(1))
        .map(|(class, byte)| {
            let characters = password_characters(class);
            characters[usize::from(*byte) % characters.len()]
        })
        .collect();
    Ok(Value::str(text))
}

/// The password itself is the key, cut or filled with zeros.
fn aes_key(password: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    for (to, from) in key.iter_mut().zip(password) {
        *to = *from;
    }
    key
}

fn encrypt_aes(env: &Env, args: &[Value]) -> Outcome {
    let plain = bytes(args, 1);
    if plain.is_empty() {
        return Ok(Value::str(""));
    }
    let iv = env.random().bytes::<16>();
    let mode = cbc::Encryptor::<Aes256>::new(&aes_key(bytes(args, 0)).into(), &iv.into());
    let encrypted = mode.encrypt_padded_vec::<Pkcs7>(plain);
    string("encryptAES", base64(&[iv.as_slice(), &encrypted].concat()))
}

fn decrypt_aes(_: &Env, args: &[Value]) -> Outcome {
    if bytes(args, 1).is_empty() {
        return Ok(Value::str(""));
    }
    let Ok(all) = unbase64(bytes(args, 1)) else { return refuse("illegal base64 data") };
    let Some((iv, encrypted)) = all.split_first_chunk::<16>() else {
        return refuse("the data is shorter than a block");
    };
    let mode = cbc::Decryptor::<Aes256>::new(&aes_key(bytes(args, 0)).into(), iv.into());
    let Ok(mut plain) = mode.decrypt_padded_vec::<NoPadding>(encrypted) else {
        return refuse("the data is not a multiple of the block size");
    };
    // As sprig does, which looks at the last byte alone.
    let padding = plain.last().copied().map(usize::from);
    match padding.and_then(|padding| plain.len().checked_sub(padding)) {
        Some(length) => plain.truncate(length),
        None => return refuse("the padding is wrong"),
    }
    Ok(Value::str(plain))
}

fn gen_private_key(env: &Env, args: &[Value]) -> Outcome {
    let mut random = env.random();
    let made = match bytes(args, 0) {
        b"" | b"rsa" => generate::rsa(&mut random, 4096).and_then(|key| key.to_pem()),
        b"dsa" => generate::dsa(&mut random),
        b"ecdsa" => generate::ecdsa(&mut random).to_pem(),
        b"ed25519" => generate::ed25519(&mut random).to_pem(),
        other => return string("genPrivateKey", [b"Unknown type ", other].concat()),
    };
    made.map_or_else(|| refuse("the key cannot be made"), |pem| Ok(Value::str(pem)))
}
