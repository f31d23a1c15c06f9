//! The keys that tokens are signed with. A key has one algorithm, which the configuration says and no token can change:
//! so a public key is never taken for a secret, and "none" is no algorithm at all.

use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::Engine;
use hmac::{Hmac, Mac};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use serde::Deserialize;
use sha2::Sha256;

/// RFC 7518 section 3.2: a shorter secret is easier to guess than the signature is to forge.
const SHORTEST_SECRET: usize = 32;

/// What stands before the point in the DER of every P-256 public key (RFC 5480).
const SPKI_P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A key, ready to verify with.
pub struct Key {
    pub kid: Option<String>,
    material: Material,
}

enum Material {
    Hs256(Vec<u8>),
    Es256(Box<VerifyingKey>),
}

/// A key as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    kid: Option<String>,
    alg: String,
    secret: Option<String>,
    secret_base64: Option<String>,
    pem: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Key {
    /// The algorithm, as tokens name it.
    pub fn alg(&self) -> &'static str {
        match self.material {
            Material::Hs256(_) => "HS256",
            Material::Es256(_) => "ES256",
        }
    }

    /// Reports whether the signature is this key's of the message.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Hs256(secret) => {
                let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return false };
                mac.update(message);
                mac.verify_slice(signature).is_ok() // in constant time
            }
            Material::Es256(key) => Signature::from_slice(signature).is_ok_and(|s| key.verify(message, &s).is_ok()),
        }
    }
}

impl Document {
    pub fn read(self) -> Result<Key, String> {
        let material = match self.alg.as_str() {
            "HS256" => Material::Hs256(self.secret()?),
            "ES256" => Material::Es256(Box::new(self.public_key()?)),
            other => return Err(format!("alg {other:?} is not known: write HS256 or ES256")),
        };
        Ok(Key { kid: self.kid, material })
    }

    fn secret(&self) -> Result<Vec<u8>, String> {
        let secret = match (&self.secret, &self.secret_base64) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(text)) => STANDARD.decode(text).map_err(|e| format!("secret_base64 is no base64: {e}"))?,
            _ => return Err("an HS256 key has either secret or secret_base64".into()),
        };
        if self.pem.is_some() || self.x.is_some() || self.y.is_some() {
            return Err("an HS256 key has no pem, x or y".into());
        }
        if secret.len() < SHORTEST_SECRET {
            return Err(format!("the secret has {} bytes: HS256 needs at least {SHORTEST_SECRET}", secret.len()));
        }
        Ok(secret)
    }

    fn public_key(&self) -> Result<VerifyingKey, String> {
        if self.secret.is_some() || self.secret_base64.is_some() {
            return Err("an ES256 key has no secret: write the public key as pem, or as x and y".into());
        }
        let point = match (&self.pem, &self.x, &self.y) {
            (Some(pem), None, None) => point_of(pem)?,
            (None, Some(x), Some(y)) => [&[4][..], &coordinate("x", x)?, &coordinate("y", y)?].concat(),
            _ => return Err("an ES256 key has either pem, or x and y as in a JWK".into()),
        };
        VerifyingKey::from_sec1_bytes(&point).map_err(|_| "the ES256 key is no point of the curve P-256".into())
    }
}

fn point_of(pem: &str) -> Result<Vec<u8>, String> {
    let wrong = || "pem is no public key of the curve P-256: it begins with -----BEGIN PUBLIC KEY-----".to_string();
    let body = pem.trim().strip_prefix("-----BEGIN PUBLIC KEY-----").and_then(|p| p.strip_suffix("-----END PUBLIC KEY-----"));
    let text: String = body.ok_or_else(wrong)?.split_ascii_whitespace().collect();
    let der = STANDARD.decode(text).map_err(|_| wrong())?;
    der.strip_prefix(&SPKI_P256).map(<[u8]>::to_vec).ok_or_else(wrong)
}

fn coordinate(name: &str, text: &str) -> Result<Vec<u8>, String> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|e| format!("{name} is no base64url: {e}"))?;
    if bytes.len() == 32 {
        Ok(bytes)
    } else {
        Err(format!("{name} has {} bytes: a coordinate of P-256 has 32", bytes.len()))
    }
}
