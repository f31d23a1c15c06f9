//! What the operator wrote.

use serde::Deserialize;
use serde_json::{Map, Value};

/// The configuration: what happens to each side.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub request: Rules,
    pub response: Rules,
}

/// Changes of one body, in the order in which they are made. A path is written with dots; `*` is every element of a list.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Paths of fields that go.
    pub remove: Vec<String>,
    /// Paths of fields, and their new names.
    pub rename: Map<String, Value>,
    /// Paths of fields, and their values.
    pub set: Map<String, Value>,
    /// The same for fields that are not there yet.
    pub add: Map<String, Value>,
}

impl Config {
    /// Reads a configuration. The error is a sentence for the operator.
    pub fn parse(bytes: &[u8]) -> Result<Config, String> {
        let config: Config = serde_json::from_slice(bytes).map_err(|e| {
            format!("the configuration cannot be read: {e}; an example: {{\"response\": {{\"remove\": [\"user.password\"]}}}}")
        })?;
        config.request.check("request")?;
        config.response.check("response")?;
        Ok(config)
    }
}

impl Rules {
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.rename.is_empty() && self.set.is_empty() && self.add.is_empty()
    }

    fn check(&self, side: &str) -> Result<(), String> {
        let paths = self.remove.iter().chain(self.rename.keys()).chain(self.set.keys()).chain(self.add.keys());
        for path in paths {
            if path.split('.').any(str::is_empty) || path.ends_with('*') {
                return Err(format!("{side}: the path {path:?} must end with the name of a field: write user.name or items.*.id"));
            }
        }
        match self.rename.iter().find(|(_, to)| to.as_str().is_none_or(|name| name.is_empty() || name.contains('.'))) {
            Some((path, _)) => Err(format!("{side}: rename {path:?} to a name without dots: the field stays where it is")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named() {
        for (written, expected) in [
            ("", "cannot be read"),
            (r#"{"respons": {}}"#, "unknown field `respons`"),
            (r#"{"request": {"delete": []}}"#, "unknown field `delete`"),
            (r#"{"request": {"remove": ["a..b"]}}"#, "request: the path \"a..b\""),
            (r#"{"response": {"set": {"items.*": 1}}}"#, "response: the path \"items.*\""),
            (r#"{"request": {"rename": {"a": "b.c"}}}"#, "rename \"a\" to a name without dots"),
            (r#"{"request": {"rename": {"a": 7}}}"#, "rename \"a\""),
        ] {
            let error = Config::parse(written.as_bytes()).err().unwrap_or_default();
            assert!(error.contains(expected), "{written}: {error}");
        }
        assert!(Config::parse(b"{}").unwrap().request.is_empty());
    }
}
