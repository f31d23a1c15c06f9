//! What the operator wrote.

use serde::Deserialize;

use crate::gcra::Limit;

const SECOND: f64 = 1e9;
const MOST_PER_SECOND: f64 = 1e9;

/// The configuration, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub limit: Limit,
    pub keys: Vec<KeyPart>,
    pub status: u32,
    pub headers: bool,
}

/// One part of what requests are counted by.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyPart {
    ClientIp,
    Route,
    Host,
    Method,
    Path,
    Header(String),
    /// Everything counts together.
    Global,
}

/// The JSON document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Document {
    requests_per_second: f64,
    burst: Option<u64>,
    key: OneOrMore,
    status: u32,
    headers: bool,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "key: expected a word or a list of words")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Default for Document {
    fn default() -> Self {
        let key = OneOrMore::One("client_ip".into());
        Document { requests_per_second: 100.0, burst: None, key, status: 429, headers: true }
    }
}

impl Default for Config {
    fn default() -> Self {
        let limit = Limit { interval: (SECOND / 100.0) as u64, burst: 100 };
        Config { limit, keys: vec![KeyPart::ClientIp], status: 429, headers: true }
    }
}

impl Config {
    /// Reads a configuration; nothing at all means the defaults. The error is a sentence for the operator.
    pub fn parse(bytes: &[u8]) -> Result<Config, String> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Config::default());
        }
        let document: Document = serde_json::from_slice(bytes)
            .map_err(|e| format!("the configuration cannot be read: {e}; an example: {{\"requests_per_second\": 10}}"))?;
        document.check()
    }
}

impl Document {
    fn check(self) -> Result<Config, String> {
        let rate = self.requests_per_second;
        // Written so that NaN is refused too.
        if !(rate > 0.0 && rate <= MOST_PER_SECOND) {
            return Err(format!("requests_per_second is {rate}: it must be above 0 and at most 1000000000"));
        }
        let burst = self.burst.unwrap_or(rate.ceil() as u64);
        if burst == 0 {
            return Err("burst is 0: nothing would ever pass; the least is 1".into());
        }
        if !(400..=599).contains(&self.status) {
            return Err(format!("status is {}: it must be from 400 to 599", self.status));
        }
        let limit = Limit { interval: (SECOND / rate) as u64, burst };
        Ok(Config { limit, keys: self.key.parts()?, status: self.status, headers: self.headers })
    }
}

impl OneOrMore {
    fn parts(self) -> Result<Vec<KeyPart>, String> {
        let words = match self {
            OneOrMore::One(word) => vec![word],
            OneOrMore::More(words) => words,
        };
        if words.is_empty() {
            return Err("key is an empty list: name a part, or \"global\" to count everything together".into());
        }
        words.iter().map(|w| KeyPart::parse(w)).collect()
    }
}

impl KeyPart {
    fn parse(word: &str) -> Result<KeyPart, String> {
        match word {
            "client_ip" => Ok(KeyPart::ClientIp),
            "route" => Ok(KeyPart::Route),
            "host" => Ok(KeyPart::Host),
            "method" => Ok(KeyPart::Method),
            "path" => Ok(KeyPart::Path),
            "global" => Ok(KeyPart::Global),
            _ => match word.strip_prefix("header:") {
                Some(name) if !name.is_empty() => Ok(KeyPart::Header(name.to_ascii_lowercase())),
                _ => Err(format!(
                    "key {word:?} is not known: write client_ip, header:NAME, route, host, method, path or global"
                )),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_means_the_defaults() {
        for written in ["", "  \n", "{}"] {
            assert_eq!(Config::parse(written.as_bytes()).unwrap(), Config::default(), "{written:?}");
        }
    }

    #[test]
    fn what_is_written_counts() {
        let written = br#"{"requests_per_second": 0.5, "burst": 3, "key": ["route", "header:X-Api-Key"], "status": 503, "headers": false}"#;
        let config = Config::parse(written).unwrap();
        assert_eq!(config.limit, Limit { interval: 2_000_000_000, burst: 3 });
        assert_eq!(config.keys, [KeyPart::Route, KeyPart::Header("x-api-key".into())]);
        assert_eq!((config.status, config.headers), (503, false));
    }

    #[test]
    fn burst_is_a_second_by_default() {
        assert_eq!(Config::parse(br#"{"requests_per_second": 2.5}"#).unwrap().limit.burst, 3);
        assert_eq!(Config::parse(br#"{"requests_per_second": 0.1}"#).unwrap().limit.burst, 1);
    }

    #[test]
    fn mistakes_are_named() {
        for (written, expected) in [
            ("requests_per_second: 5", "cannot be read"),
            (r#"{"rps": 5}"#, "unknown field `rps`"),
            (r#"{"requests_per_second": 0}"#, "requests_per_second is 0"),
            (r#"{"requests_per_second": -1}"#, "requests_per_second is -1"),
            (r#"{"requests_per_second": "5"}"#, "invalid type: string"),
            (r#"{"burst": 0}"#, "burst is 0"),
            (r#"{"status": 200}"#, "status is 200"),
            (r#"{"key": "ip"}"#, "key \"ip\" is not known"),
            (r#"{"key": "header:"}"#, "key \"header:\" is not known"),
            (r#"{"key": []}"#, "empty list"),
            (r#"{"key": 7}"#, "a word or a list of words"),
        ] {
            let error = Config::parse(written.as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{written}: {error}");
        }
    }
}
