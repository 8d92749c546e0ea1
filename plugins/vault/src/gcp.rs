//! The `gcp` login of type `iam` with a service account's key: a JWT that the key signs. Logins that need a
//! token of Google's (workload identity, instances) are not here.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use claviger_plugin_sdk::{Error, invalid_config};
use rsa::PrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::signature::{SignatureEncoding, Signer};
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;

/// Vault takes no JWT that lives longer than the role's `max_jwt_exp`, which is 15 minutes if not set; it is
/// used at once.
const LIFE_SECONDS: u64 = 600;
/// Where the key is referred to.
pub const KEY_AT: &str = "/auth/gcp/secretRef/secretAccessKeySecretRef";

/// A service account's key file.
#[derive(Deserialize)]
struct Key {
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key_id: String,
    #[serde(default)]
    private_key: String,
}

/// The JWT that Vault's role is asked for with.
///
/// # Errors
/// If the key is none.
pub fn jwt(key: &[u8], role: &str, now: SystemTime) -> Result<String, Error> {
    let wrong = |what: &str| {
        let detail = format!("the key is not a service account's JSON key file: {what}");
        invalid_config(KEY_AT, detail)
    };
    let key: Key = serde_json::from_slice(key).map_err(|_| wrong("no JSON of that form"))?;
    if key.client_email.is_empty() {
        return Err(wrong("no client_email"));
    }
    let private = PrivateKey::from_pkcs8_pem(key.private_key.trim())
        .map_err(|_| wrong("private_key is no RSA key in PEM (PKCS #8)"))?;
    let now = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": key.private_key_id});
    let claims = json!({
        "sub": key.client_email,
        "aud": format!("vault/{role}"),
        "iat": now,
        "exp": now.saturating_add(LIFE_SECONDS),
    });
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = SigningKey::<Sha256>::new(private)
        .try_sign(signed.as_bytes())
        .map_err(|_| wrong("it cannot sign"))?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;

    /// Made for this test, and known to nobody.
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQCfmdPeBkY4yS3A\n2NKhWh5Fyyay1P1f/Tj1RzSGS6qLb622A829YjpFNRdIP+GW1pWLTP+2wtWH83dN\ngE0VjwfmOhJjLwD3haW5gU9Imt5G4roe9M375LDRVYXuxRUNBHnaUssissHKGHmL\nCvkyRRezBoj6v1txJSwo+28rdSVqBMyczVQVsfN+/Wd0SMzSp9dFdWz07dSJsxLT\nx3Kpal/pA0XUt4/7lSOdA/KJ+SX6/rgsbR9WA1oBYqJ6qk8UxlLfsUXtlJCOjCUc\njHqU41ydpNM+K5S7EnnDMcVlDSXU4AOxu17E0pB8wT31wQ9yT8BJZyS1I5zdwrKM\n3sum9aUHAgMBAAECggEAPzAtFLtRNAxag/6ULfO7BpDu6mCvTEC6O0oMvprYk8oM\ncYLCAxgPz/S8GgvIqeqdXICIwXgUCHZZJqMEYeO2Ee2t9/zVGiqcuXw7wpgmJtR/\nMeBkaTVa2BZPJ4B53CSIheq/qCYz2WqlPGqEzOVUA7ozo2r9ric0e6lIk2EXBgju\nDEj2ibZSgymfsvSr1/FmWzijmWQ6yzc7GTbcdSaP+tI1yjjSRbh9dJ75ehghu4lJ\ni+bJx8rc4OXTDC+eFS5OMMfn798er/9tvjNJLpLSxxMYh8YlPDNTDeRejzz6CZFi\n1V2COuxYzNiZtOhUjddG5Z9iTdWwp5rp1FBLwKJYmQKBgQDWuBTynE53tmrV5JgP\ngBl6vspP8MVTP9WP0Z/QF7WNhIRQckl9KMlmpcjpDnIAjmXneQVNOLl/HjuIa0z5\nLoIUSIkejZKP705im65d8Jx1hPuhh8S/+MeoLiNQOQOCcKleSqDKul4/Dy1T3zZC\nVW8qDoW5/MKV8pTa1Qdgmyl1qwKBgQC+SPikOQCzRD6tVscyd+1XTPh07yochRyp\noWWRnmn0kMYbpscF3Rk8Zbf7gt9NkD5ZwtfL0GJs3vZnBtLepd2aIPpO3K1p1bEo\nfqCwy4FTyLxMlulpOR21JUH0hRDHWT9z5XKmCFtmC+/xBN8Qf2nRvosHUMDxKR+u\nJjlZnPL6FQKBgQDSu1fTxBQ+6Ylw4ylaDR70mMt2KZeAXOX8gH+Ye6xzd9tkGMaH\nT8BaPdsw4DyCzz60LtJFN6bWW5WSDb090adYwNfSZJ+zI+qKXMCE8eCcdieAIP+4\naTGKnb2KvmnzWx7eq9+jF8Xnnb2e0zMtZyvy2s3j+23+PFZbbzgOWDoYgQKBgC6n\n67cwdth9ojSUM3FPcHVYXQ8m2Rd3F+kLtsC2q9oYaUq8YM4yQQ7LDgpwM1psRK1z\nlb/Wj1uMa7QlOyz2VFiHP3h4qVhq2e5I5hOTQlmNvYW19vMi2wLgaMSQn+WRH3rG\nRo8pO2fRA3sAK8V6yDJyWtpnVXeMEsV7f9JWJkllAoGBAKNK+SxMYFIXRphGfFpD\nok4/j+ULzIdpFCdAqbst6ohWyangVNb3ZWXEH/VjhgXMKzDeqNlBmJOjTFpvohMx\nTIYd+fbAyMgEdK27Hc/WpCXfjxJdnQ5XfacdFa2HJIcEBWitaiD14sLFwvBCH7Tv\n19dRlNXUdQkY78BShA9Vu/oe\n-----END PRIVATE KEY-----\n";
    /// The signature is OpenSSL's: `openssl dgst -sha256 -sign`, of the two parts before it.
    const JWT: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJzdWIiOiJ2YXVsdEBwcm9qZWN0LmlhbS5nc2VydmljZWFjY291bnQuY29tIiwiYXVkIjoidmF1bHQvZGV2IiwiaWF0IjoxNzY3MzIzMDQ1LCJleHAiOjE3NjczMjM2NDV9.ihwzE0VZ6s9X7KCLsmBwfigyjuMMF_wjHNh5aYv_3RxfqPseQISQYVfPZB5m6XhlvQ2h__WFZYjBUzn1ffEB4hqt9iC3nOj8ULLYHRkl8af5hPxTH-cTIkfRcrT8BR2jRQtU1qTbEoU9CfrpDOE8V2TkP1hzB1TS83xor-s0H3-b2KcMzZyfn65uBB3SyariAAWM3F0F0XMX4p5tFmr4NSWxit6GWaOkoUA0Ng7kphK8L32KJiBP32FRygQ59NUv3EAbYG83vyPYXy4oZju8D18L-W3vTH10Day6gn7V76tZUficreXz6ufjHodPAgE2TLZb2Vem_ziTNfpy-8n0Bg";

    #[test]
    fn signed_as_by_openssl() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045);
        let key = json!({
            "type": "service_account",
            "project_id": "project",
            "private_key_id": "key-1",
            "private_key": PEM,
            "client_email": "vault@project.iam.gserviceaccount.com",
        });
        assert_eq!(jwt(key.to_string().as_bytes(), "dev", now).unwrap(), JWT);
    }

    #[test]
    fn what_is_no_key_is_said_without_it() {
        for (key, said) in [
            (json!("s3cr3t"), "no JSON of that form"),
            (json!({"type": "authorized_user", "refresh_token": "s3cr3t"}), "no client_email"),
            (json!({"client_email": "a@b", "private_key": "s3cr3t"}), "no RSA key"),
        ] {
            let found = jwt(key.to_string().as_bytes(), "dev", SystemTime::UNIX_EPOCH);
            let Err(Error::InvalidConfig(error)) = found else { panic!("{key}") };
            assert_eq!(error.path, KEY_AT);
            assert!(error.detail.contains(said) && !error.detail.contains("s3cr3t"), "{}", error.detail);
        }
    }
}
