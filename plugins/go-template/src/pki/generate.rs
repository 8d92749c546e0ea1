//! New keys, all from the host's seed: the same seed makes the same key.

use dsa::{Components, KeySize, SigningKey};

use super::der;
use super::ec::Curve;
use super::key::Key;
use super::pem;
use claviger_plugin_sdk::random::Random;

/// An RSA key; 65537 is its exponent, as in Go.
pub(crate) fn rsa(random: &mut Random, bits: usize) -> Option<Key> {
    rsa::PrivateKey::new(random, bits).ok().map(|key| Key::Rsa(Box::new(key)))
}

/// A P-256 key.
pub(crate) fn ecdsa(random: &mut Random) -> Key {
    loop {
        let number: [u8; 32] = std::array::from_fn(|_| random.byte());
        // Fails for 0 and what is not below the order: one of 2^32.
        if let Some(key) = Key::ec(Curve::P256, &number) {
            return key;
        }
    }
}

/// An Ed25519 key.
pub(crate) fn ed25519(random: &mut Random) -> Key {
    Key::Ed25519(std::array::from_fn(|_| random.byte()))
}

/// A DSA key of 2048 bits with a subgroup of 256, in PEM: version, p, q, g, y, x.
pub(crate) fn dsa(random: &mut Random) -> Option<Vec<u8>> {
    let components = Components::try_generate_from_rng_with_key_size(random, KeySize::DSA_2048_256).ok()?;
    let key = SigningKey::try_generate_from_rng_with_components(random, components).ok()?;
    let public = key.verifying_key();
    let components = public.components();
    let numbers = [
        components.p().to_be_bytes(),
        components.q().to_be_bytes(),
        components.g().to_be_bytes(),
        public.y().to_be_bytes(),
        key.x().to_be_bytes(),
    ];
    let mut content = der::number(0);
    for number in &numbers {
        content.extend_from_slice(&der::unsigned(number));
    }
    Some(pem::encode("DSA PRIVATE KEY", &der::element(der::SEQUENCE, &content)))
}
