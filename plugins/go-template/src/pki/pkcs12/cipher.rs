//! What the safes and keys of a file are encrypted with: PBES2 with AES, and PKCS#12's own RC2 and 3DES.

use aes::{Aes128, Aes192, Aes256};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{
    BlockCipherDecrypt, BlockModeDecrypt as _, BlockModeEncrypt as _, InnerIvInit as _, KeyInit,
    KeyIvInit as _,
};
use des::TdesEde3;
use rc2::Rc2;
use sha1::Sha1;

use super::super::der::{self, Element};
use super::super::oid;
use super::mac::{IV, KEY, derive, pbkdf2, rounds};
use super::utf8;

/// Decrypts by an algorithm identifier. None where it is not known, or the password is wrong.
pub(super) fn decrypt(algorithm: &Element<'_>, data: &[u8], password: &[u8]) -> Option<Vec<u8>> {
    let items = algorithm.items(der::SEQUENCE)?;
    let [id, parameters] = items.as_slice() else { return None };
    let id = id.as_a(der::OID)?;
    let parameters = parameters.items(der::SEQUENCE)?;
    let [first, second] = parameters.as_slice() else { return None };
    if id == oid::PBES2 {
        let scheme = second.items(der::SEQUENCE)?;
        let (cipher, iv) = (scheme.first()?.as_a(der::OID)?, scheme.get(1)?.as_a(der::OCTETS)?);
        let key = |size| pbkdf2(first, &utf8(password), Some(size));
        return match cipher {
            oid::AES128_CBC => cbc_decrypt::<Aes128>(&key(16)?, iv, data),
            oid::AES192_CBC => cbc_decrypt::<Aes192>(&key(24)?, iv, data),
            oid::AES256_CBC => cbc_decrypt::<Aes256>(&key(32)?, iv, data),
            _ => None,
        };
    }
    let (salt, count) = (first.as_a(der::OCTETS)?, rounds(second)?);
    let key = |size| derive::<Sha1>(password, salt, count, KEY, 64, size);
    let iv = derive::<Sha1>(password, salt, count, IV, 64, 8);
    match id {
        oid::PBE_3DES => cbc_decrypt::<TdesEde3>(&key(24), &iv, data),
        // The effective bits of RC2 are those of the key.
        oid::PBE_RC2_128 => cbc_decrypt::<Rc2>(&key(16), &iv, data),
        oid::PBE_RC2_40 => cbc_decrypt::<Rc2>(&key(5), &iv, data),
        _ => None,
    }
}

fn cbc_decrypt<C: BlockCipherDecrypt + KeyInit>(key: &[u8], iv: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let cipher = C::new_from_slice(key).ok()?;
    let mode = cbc::Decryptor::<C>::inner_iv_slice_init(cipher, iv).ok()?;
    mode.decrypt_padded_vec::<Pkcs7>(data).ok()
}

/// Encrypts with AES-256 under a key of PBKDF2 with SHA-256; gives the algorithm identifier and the data.
pub(super) fn encrypt(
    data: &[u8],
    password: &[u8],
    salt: &[u8],
    iv: &[u8; 16],
    count: u32,
) -> (Vec<u8>, Vec<u8>) {
    let mut key = [0; 32];
    pbkdf2::pbkdf2_hmac::<sha2::Sha256>(&utf8(password), salt, count, &mut key);
    let encrypted = cbc::Encryptor::<Aes256>::new(&key.into(), iv.into()).encrypt_padded_vec::<Pkcs7>(data);
    let function = der::sequence(&[&der::oid(oid::HMAC_SHA256), der::NULL]);
    let derivation = der::sequence(&[&der::element(der::OCTETS, salt), &der::number(count), &function]);
    let derivation = der::sequence(&[&der::oid(oid::PBKDF2), &derivation]);
    let scheme = der::sequence(&[&der::oid(oid::AES256_CBC), &der::element(der::OCTETS, iv)]);
    let algorithm = der::sequence(&[&der::oid(oid::PBES2), &der::sequence(&[&derivation, &scheme])]);
    (algorithm, encrypted)
}
