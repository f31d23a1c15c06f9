//! What the operator wrote.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::key::{self, Key};

/// The configuration, checked.
pub struct Config {
    pub keys: Vec<Key>,
    pub issuer: Option<String>,
    pub audience: Vec<String>,
    pub leeway: u64,
    pub require_exp: bool,
    pub forward_token: bool,
    pub realm: String,
    /// Claims and the request headers that hand them on.
    pub headers: Vec<(String, String)>,
}

/// The JSON document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    keys: Vec<key::Document>,
    issuer: Option<String>,
    #[serde(default)]
    audience: OneOrMore,
    #[serde(default)]
    leeway: u64,
    #[serde(default = "yes")]
    require_exp: bool,
    #[serde(default = "yes")]
    forward_token: bool,
    #[serde(default = "realm")]
    realm: String,
    #[serde(default)]
    claims_to_headers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "audience: expected a text or a list of texts")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Default for OneOrMore {
    fn default() -> Self {
        OneOrMore::More(Vec::new())
    }
}

fn yes() -> bool {
    true
}

fn realm() -> String {
    "api".into()
}

impl Config {
    /// Reads a configuration. The error is a sentence for the operator.
    pub fn parse(bytes: &[u8]) -> Result<Config, String> {
        let document: Document = serde_json::from_slice(bytes).map_err(|e| {
            format!("the configuration cannot be read: {e}; an example: {{\"keys\": [{{\"alg\": \"HS256\", \"secret\": \"…\"}}]}}")
        })?;
        document.check()
    }
}

impl Document {
    fn check(self) -> Result<Config, String> {
        if self.keys.is_empty() {
            return Err("keys is empty: no token would ever pass".into());
        }
        if !self.realm.bytes().all(|b| (b' '..0x7f).contains(&b) && b != b'"' && b != b'\\') {
            return Err("realm has characters that cannot stand in a quoted header value".into());
        }
        let mut keys = Vec::new();
        for (i, written) in self.keys.into_iter().enumerate() {
            let key = written.read().map_err(|e| format!("keys[{i}]: {e}"))?;
            if key.kid.is_some() && keys.iter().any(|k: &Key| k.kid == key.kid) {
                return Err(format!("keys[{i}]: another key has the same kid"));
            }
            keys.push(key);
        }
        let audience = match self.audience {
            OneOrMore::One(one) => vec![one],
            OneOrMore::More(more) => more,
        };
        let headers = self.claims_to_headers.into_iter().map(header).collect::<Result<_, _>>()?;
        let (issuer, leeway, require_exp) = (self.issuer, self.leeway, self.require_exp);
        Ok(Config { keys, issuer, audience, leeway, require_exp, forward_token: self.forward_token, realm: self.realm, headers })
    }
}

fn header((claim, name): (String, String)) -> Result<(String, String), String> {
    let name = name.to_ascii_lowercase();
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(format!("claims_to_headers: {name:?} is no header name"));
    }
    if name == "authorization" {
        return Err("claims_to_headers: authorization is where the token stands; write forward_token: false to remove it".into());
    }
    Ok((claim, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_defaults() {
        let config = Config::parse(br#"{"keys": [{"alg": "HS256", "secret": "0123456789abcdef0123456789abcdef"}]}"#).unwrap();
        assert_eq!((config.leeway, config.require_exp, config.forward_token), (0, true, true));
        assert_eq!(config.realm, "api");
        assert!(config.issuer.is_none() && config.audience.is_empty() && config.headers.is_empty());
    }

    #[test]
    fn mistakes_are_named() {
        for (written, expected) in [
            ("", "cannot be read"),
            (r#"{"keys": []}"#, "keys is empty"),
            (r#"{"key": []}"#, "unknown field `key`"),
            (r#"{"keys": [{"alg": "none"}]}"#, "keys[0]: alg \"none\" is not known"),
            (r#"{"keys": [{"alg": "HS256", "secret": "short"}]}"#, "the secret has 5 bytes"),
            (r#"{"keys": [{"alg": "HS256"}]}"#, "either secret or secret_base64"),
            (r#"{"keys": [{"alg": "HS256", "secret_base64": "?"}]}"#, "no base64"),
            (r#"{"keys": [{"alg": "ES256", "secret": "x"}]}"#, "an ES256 key has no secret"),
            (r#"{"keys": [{"alg": "ES256", "pem": "x"}]}"#, "no public key"),
            (r#"{"keys": [{"alg": "ES256", "x": "AA", "y": "AA"}]}"#, "x has 1 bytes"),
        ] {
            let error = Config::parse(written.as_bytes()).err().unwrap_or_default();
            assert!(error.contains(expected), "{written}: {error}");
        }
        let key = r#"{"keys": [{"kid": "a", "alg": "HS256", "secret": "0123456789abcdef0123456789abcdef"}"#;
        for (rest, expected) in [
            (r#", {"kid": "a", "alg": "HS256", "secret": "0123456789abcdef0123456789abcdef"}]}"#, "keys[1]: another key"),
            (r#"], "claims_to_headers": {"sub": "x user"}}"#, "no header name"),
            (r#"], "claims_to_headers": {"sub": "Authorization"}}"#, "forward_token"),
            (r#"], "realm": "a\"b"}"#, "realm"),
            (r#"], "audience": 7}"#, "a text or a list of texts"),
        ] {
            let error = Config::parse(format!("{key}{rest}").as_bytes()).err().unwrap_or_default();
            assert!(error.contains(expected), "{rest}: {error}");
        }
    }
}
