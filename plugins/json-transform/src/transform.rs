//! Changes to a JSON value. Fields keep their order and numbers their digits.

use serde_json::{Map, Value};

use crate::config::Rules;

/// Changes a body. None means that it is no JSON, and stays as it is.
pub fn body(rules: &Rules, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(bytes).ok()?;
    apply(rules, &mut value);
    serde_json::to_vec(&value).ok()
}

fn apply(rules: &Rules, value: &mut Value) {
    for path in &rules.remove {
        each(value, path, false, &mut |object, name| {
            object.shift_remove(name);
        });
    }
    for (path, to) in &rules.rename {
        each(value, path, false, &mut |object, name| rename(object, name, to.as_str().unwrap_or_default()));
    }
    for (path, new) in &rules.set {
        each(value, path, true, &mut |object, name| {
            object.insert(name.into(), new.clone());
        });
    }
    for (path, new) in &rules.add {
        each(value, path, true, &mut |object, name| {
            object.entry(name).or_insert_with(|| new.clone());
        });
    }
}

/// A field keeps its place under its new name, and takes that of a field which had the name before.
fn rename(object: &mut Map<String, Value>, name: &str, to: &str) {
    if !object.contains_key(name) || name == to {
        return;
    }
    object.shift_remove(to);
    let fields = std::mem::take(object);
    object.extend(fields.into_iter().map(|(n, v)| if n == name { (to.into(), v) } else { (n, v) }));
}

/// Calls `change` for every object that the path's last name is a field of. Objects on the way are made where `make` says so
/// and nothing is there yet; what is no object is left alone.
fn each(value: &mut Value, path: &str, make: bool, change: &mut dyn FnMut(&mut Map<String, Value>, &str)) {
    let Some((first, rest)) = path.split_once('.') else {
        if let Value::Object(object) = value {
            change(object, path);
        }
        return;
    };
    match value {
        Value::Array(list) if first == "*" => list.iter_mut().for_each(|v| each(v, rest, make, change)),
        Value::Object(object) => {
            // `*` is a list, which nobody can make up.
            if make && !rest.starts_with('*') && !object.contains_key(first) {
                object.insert(first.into(), Value::Object(Map::new()));
            }
            if let Some(inner) = object.get_mut(first) {
                each(inner, rest, make, change);
            }
        }
        _ => {}
    }
}

/// Reports whether a content type is JSON: application/json, or a type with the suffix +json.
pub fn is_json(content_type: &[u8]) -> bool {
    let name = content_type.split(|b| *b == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    name == b"application/json" || name.ends_with(b"+json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn changes() {
        for (rules, before, after) in [
            (r#"{"remove": ["b"]}"#, r#"{"c":1,"b":2,"a":3}"#, r#"{"c":1,"a":3}"#),
            (r#"{"remove": ["u.p"]}"#, r#"{"u":{"p":1,"q":2}}"#, r#"{"u":{"q":2}}"#),
            (r#"{"remove": ["u.p"]}"#, r#"{"u":7}"#, r#"{"u":7}"#),
            (r#"{"remove": ["*.p"]}"#, r#"[{"p":1},{"p":2,"q":3},4]"#, r#"[{},{"q":3},4]"#),
            (r#"{"remove": ["i.*.p"]}"#, r#"{"i":[{"p":1,"a":0}]}"#, r#"{"i":[{"a":0}]}"#),
            (r#"{"rename": {"a": "z"}}"#, r#"{"a":1,"b":2}"#, r#"{"z":1,"b":2}"#),
            (r#"{"rename": {"a": "b"}}"#, r#"{"b":2,"a":1}"#, r#"{"b":1}"#),
            (r#"{"rename": {"x": "b"}}"#, r#"{"b":2}"#, r#"{"b":2}"#),
            (r#"{"rename": {"b": "b"}}"#, r#"{"b":2}"#, r#"{"b":2}"#),
            (r#"{"set": {"a": {"x": null}}}"#, r#"{"a":1}"#, r#"{"a":{"x":null}}"#),
            (r#"{"set": {"n.m.a": 1}}"#, r#"{}"#, r#"{"n":{"m":{"a":1}}}"#),
            (r#"{"set": {"n.*.a": 1}}"#, r#"{}"#, r#"{}"#),
            (r#"{"set": {"a": 1}}"#, r#"[1]"#, r#"[1]"#),
            (r#"{"add": {"a": 1, "b": 2}}"#, r#"{"a":0}"#, r#"{"a":0,"b":2}"#),
            (r#"{"remove": ["a"], "rename": {"b": "a"}, "add": {"b": 9}}"#, r#"{"a":1,"b":2}"#, r#"{"a":2,"b":9}"#),
            (r#"{"remove": ["x"]}"#, r#"{"n":12345678901234567890123,"f":1.10,"e":1e400}"#, r#"{"n":12345678901234567890123,"f":1.10,"e":1e+400}"#),
            (r#"{"remove": ["x"]}"#, "{\"t\": \"\\u00e9\\n\"}", "{\"t\":\"é\\n\"}"),
        ] {
            let config = Config::parse(format!(r#"{{"request": {rules}}}"#).as_bytes()).unwrap();
            let got = String::from_utf8(body(&config.request, before.as_bytes()).unwrap()).unwrap();
            assert_eq!(got, after, "{rules} {before}");
        }
    }

    #[test]
    fn what_is_no_json_stays() {
        for text in ["", "{", "{} x", "\u{feff}{}", "\"\\ud800\""] {
            assert_eq!(body(&Rules::default(), text.as_bytes()), None, "{text:?}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(body(&Rules::default(), deep.as_bytes()), None);
    }

    #[test]
    fn content_types() {
        for (name, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/problem+json", true),
            ("application/jsonlines", false),
            ("text/plain", false),
            ("", false),
        ] {
            assert_eq!(is_json(name.as_bytes()), expected, "{name}");
        }
    }
}
