//! From the text of a token to its claims, or to what is wrong with it.

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use serde::de::DeserializeOwned;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config::Config;

pub type Claims = Map<String, Value>;

/// Why a token is refused: a sentence for the client, which tells nothing of the keys.
pub type Refusal = &'static str;

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// Checks a token at a time, in seconds since 1970.
pub fn check(config: &Config, token: &str, now: u64) -> Result<Claims, Refusal> {
    let (message, signature) = token.rsplit_once('.').ok_or("the token is malformed")?;
    let (header, claims) = message.split_once('.').ok_or("the token is malformed")?;
    let header: Header = decode_json(header)?;
    if header.crit.is_some() {
        return Err("the token has extensions that are not understood");
    }
    let signature = decode(signature)?;
    if !verified(config, &header, message.as_bytes(), &signature) {
        return Err("the signature is not valid");
    }
    let claims = decode_json(claims)?;
    check_times(config, &claims, now)?;
    check_names(config, &claims)?;
    Ok(claims)
}

fn decode(part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| "the token is malformed")
}

fn decode_json<T: DeserializeOwned>(part: &str) -> Result<T, Refusal> {
    serde_json::from_slice(&decode(part)?).map_err(|_| "the token is malformed")
}

/// A token that names a key is verified with that one; another with each of its algorithm.
fn verified(config: &Config, header: &Header, message: &[u8], signature: &[u8]) -> bool {
    let fits = |kid: &Option<String>| header.kid.is_none() || *kid == header.kid;
    config.keys.iter().any(|k| k.alg() == header.alg && fits(&k.kid) && k.verifies(message, signature))
}

fn check_times(config: &Config, claims: &Claims, now: u64) -> Result<(), Refusal> {
    let (now, leeway) = (now as f64, config.leeway as f64);
    match time(claims, "exp")? {
        Some(exp) if now >= exp + leeway => return Err("the token has expired"),
        None if config.require_exp => return Err("the token has no expiry"),
        _ => {}
    }
    match time(claims, "nbf")? {
        Some(nbf) if now + leeway < nbf => Err("the token is not valid yet"),
        _ => Ok(()),
    }
}

fn time(claims: &Claims, name: &str) -> Result<Option<f64>, Refusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or("a time in the token is no number"),
    }
}

fn check_names(config: &Config, claims: &Claims) -> Result<(), Refusal> {
    if let Some(issuer) = &config.issuer {
        if claims.get("iss").and_then(Value::as_str) != Some(issuer) {
            return Err("the token is of another issuer");
        }
    }
    let wanted = |value: &Value| value.as_str().is_some_and(|v| config.audience.iter().any(|a| a == v));
    let meant = match claims.get("aud") {
        Some(Value::Array(list)) => list.iter().any(wanted),
        Some(one) => wanted(one),
        None => false,
    };
    if meant || config.audience.is_empty() {
        Ok(())
    } else {
        Err("the token is for another audience")
    }
}

/// A claim as a header value. Lists are joined by commas; what could not stand in a header is refused.
pub fn header_value(claim: &Value) -> Result<String, Refusal> {
    let text = match claim {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(header_value).collect::<Result<Vec<_>, _>>()?.join(","),
        other => other.to_string(),
    };
    if text.chars().any(char::is_control) {
        return Err("a claim of the token cannot stand in a header");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: u64 = 1_000;

    /// RFC 7515 appendix A.3: an ES256 signature by others. Its claims have expired since.
    const RFC: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    const RFC_KEY: &str = r#"{"keys": [{"alg": "ES256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

    fn config(more: &str) -> Config {
        let key = r#""keys": [{"alg": "HS256", "secret": "0123456789abcdef0123456789abcdef"}]"#;
        Config::parse(format!("{{{key}{more}}}").as_bytes()).unwrap()
    }

    #[test]
    fn the_example_of_the_standard() {
        let key = Config::parse(RFC_KEY.as_bytes()).unwrap();
        let claims = check(&key, RFC, 1_300_819_379).unwrap();
        assert_eq!(claims["iss"], "joe");
        assert_eq!(check(&key, RFC, 1_300_819_380).unwrap_err(), "the token has expired");
        let forged = RFC.replacen("DtEh", "DtEi", 1);
        assert_eq!(check(&key, &forged, 0).unwrap_err(), "the signature is not valid");
    }

    #[test]
    fn times_have_edges() {
        for (claims, more, expected) in [
            (json!({"exp": 1001}), "", Ok(())),
            (json!({"exp": 1000}), "", Err("the token has expired")),
            (json!({"exp": 990}), r#", "leeway": 11"#, Ok(())),
            (json!({"exp": 990}), r#", "leeway": 10"#, Err("the token has expired")),
            (json!({"exp": 1000.5}), "", Ok(())),
            (json!({}), "", Err("the token has no expiry")),
            (json!({}), r#", "require_exp": false"#, Ok(())),
            (json!({"exp": "1001"}), "", Err("a time in the token is no number")),
            (json!({"exp": 2000, "nbf": 1000}), "", Ok(())),
            (json!({"exp": 2000, "nbf": 1001}), "", Err("the token is not valid yet")),
            (json!({"exp": 2000, "nbf": 1010}), r#", "leeway": 10"#, Ok(())),
        ] {
            let got = check_times(&config(more), claims.as_object().unwrap(), NOW);
            assert_eq!(got, expected, "{claims} {more}");
        }
    }

    #[test]
    fn names_must_fit() {
        let both = r#", "issuer": "me", "audience": ["a", "b"]"#;
        for (claims, expected) in [
            (json!({"iss": "me", "aud": "b"}), Ok(())),
            (json!({"iss": "me", "aud": ["x", "a"]}), Ok(())),
            (json!({"iss": "you", "aud": "a"}), Err("the token is of another issuer")),
            (json!({"aud": "a"}), Err("the token is of another issuer")),
            (json!({"iss": "me", "aud": "c"}), Err("the token is for another audience")),
            (json!({"iss": "me", "aud": []}), Err("the token is for another audience")),
            (json!({"iss": "me"}), Err("the token is for another audience")),
            (json!({"iss": ["me"], "aud": "a"}), Err("the token is of another issuer")),
        ] {
            assert_eq!(check_names(&config(both), claims.as_object().unwrap()), expected, "{claims}");
        }
    }

    #[test]
    fn claims_become_header_values() {
        assert_eq!(header_value(&json!("a b")).unwrap(), "a b");
        assert_eq!(header_value(&json!(["a", 7, true])).unwrap(), "a,7,true");
        assert!(header_value(&json!("a\r\nx: y")).is_err());
    }
}
