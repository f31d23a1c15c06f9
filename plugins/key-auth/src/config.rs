//! What the operator wrote.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The configuration, checked.
#[derive(Debug)]
pub struct Config {
    pub place: Place,
    pub hide_key: bool,
    pub call: Call,
    pub cache: CacheLimits,
    pub fail_open: bool,
    /// Headers of the answer, and the request headers that hand them on.
    pub identity: Vec<(String, String)>,
}

/// Where the client's key stands.
#[derive(Debug, PartialEq)]
pub enum Place {
    Header(String),
    Query(String),
}

/// The call that checks a key. The key goes in a header, so that no log of paths has it.
#[derive(Debug)]
pub struct Call {
    pub upstream: String,
    pub method: String,
    pub path: String,
    pub authority: String,
    pub header: String,
    pub timeout_ms: u64,
}

/// Seconds that answers are remembered for, and how many.
#[derive(Debug)]
pub struct CacheLimits {
    pub accepted: u64,
    pub refused: u64,
    pub entries: usize,
}

/// The JSON document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    upstream: String,
    path: String,
    #[serde(default = "get")]
    method: String,
    authority: Option<String>,
    #[serde(default = "x_api_key")]
    key_header: String,
    #[serde(default = "header_x_api_key")]
    key: String,
    #[serde(default = "yes")]
    hide_key: bool,
    #[serde(default = "a_second")]
    timeout_ms: u64,
    #[serde(default = "a_minute")]
    cache_seconds: u64,
    #[serde(default = "five")]
    cache_refused_seconds: u64,
    #[serde(default = "ten_thousand")]
    cache_entries: usize,
    #[serde(default = "deny")]
    on_failure: String,
    #[serde(default)]
    identity: BTreeMap<String, String>,
}

fn get() -> String {
    "GET".into()
}
fn x_api_key() -> String {
    "x-api-key".into()
}
fn header_x_api_key() -> String {
    "header:x-api-key".into()
}
fn yes() -> bool {
    true
}
fn a_second() -> u64 {
    1_000
}
fn a_minute() -> u64 {
    60
}
fn five() -> u64 {
    5
}
fn ten_thousand() -> usize {
    10_000
}
fn deny() -> String {
    "deny".into()
}

impl Config {
    /// Reads a configuration. The error is a sentence for the operator.
    pub fn parse(bytes: &[u8]) -> Result<Config, String> {
        let document: Document = serde_json::from_slice(bytes).map_err(|e| {
            format!("the configuration cannot be read: {e}; an example: {{\"upstream\": \"auth\", \"path\": \"/check\"}}")
        })?;
        document.check()
    }
}

impl Document {
    fn check(self) -> Result<Config, String> {
        if self.upstream.is_empty() {
            return Err("upstream is empty: name the upstream that knows the keys".into());
        }
        if !self.path.starts_with('/') || !self.path.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(format!("path is {:?}: it begins with / and has no spaces", self.path));
        }
        if !is_token(&self.method) {
            return Err(format!("method is {:?}: write GET or POST", self.method));
        }
        if self.timeout_ms == 0 {
            return Err("timeout_ms is 0: a request would wait for ever; the least is 1".into());
        }
        let fail_open = match self.on_failure.as_str() {
            "deny" => false,
            "allow" => true,
            other => return Err(format!("on_failure is {other:?}: write deny or allow")),
        };
        let identity = self.identity.into_iter().map(|(from, to)| Ok((name(&from)?, name(&to)?))).collect::<Result<_, String>>()?;
        let authority = self.authority.unwrap_or_else(|| self.upstream.clone());
        Ok(Config {
            place: Place::parse(&self.key)?,
            hide_key: self.hide_key,
            call: Call {
                upstream: self.upstream,
                method: self.method,
                path: self.path,
                authority,
                header: name(&self.key_header)?,
                timeout_ms: self.timeout_ms,
            },
            cache: CacheLimits { accepted: self.cache_seconds, refused: self.cache_refused_seconds, entries: self.cache_entries },
            fail_open,
            identity,
        })
    }
}

impl Place {
    fn parse(word: &str) -> Result<Place, String> {
        match word.split_once(':') {
            Some(("header", header)) => name(header).map(Place::Header),
            Some(("query", parameter)) if !parameter.is_empty() => Ok(Place::Query(parameter.into())),
            _ => Err(format!("key is {word:?}: write header:NAME or query:NAME")),
        }
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn name(text: &str) -> Result<String, String> {
    if is_token(text) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("{text:?} is no header name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_defaults() {
        let config = Config::parse(br#"{"upstream": "auth", "path": "/check"}"#).unwrap();
        assert_eq!(config.place, Place::Header("x-api-key".into()));
        assert!(config.hide_key && !config.fail_open && config.identity.is_empty());
        assert_eq!((config.call.method.as_str(), config.call.authority.as_str(), config.call.timeout_ms), ("GET", "auth", 1_000));
    }

    #[test]
    fn mistakes_are_named() {
        for (rest, expected) in [
            (r#""path": "/""#, "missing field `upstream`"),
            (r#""upstream": "", "path": "/""#, "upstream is empty"),
            (r#""upstream": "a", "path": "check""#, "it begins with /"),
            (r#""upstream": "a", "path": "/ x""#, "no spaces"),
            (r#""upstream": "a", "path": "/", "method": "G T""#, "method is"),
            (r#""upstream": "a", "path": "/", "timeout_ms": 0"#, "timeout_ms is 0"),
            (r#""upstream": "a", "path": "/", "on_failure": "shrug""#, "write deny or allow"),
            (r#""upstream": "a", "path": "/", "key": "cookie:x""#, "write header:NAME or query:NAME"),
            (r#""upstream": "a", "path": "/", "identity": {"x user": "x"}"#, "no header name"),
            (r#""upstream": "a", "path": "/", "ttl": 5"#, "unknown field `ttl`"),
        ] {
            let error = Config::parse(format!("{{{rest}}}").as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{rest}: {error}");
        }
    }
}
