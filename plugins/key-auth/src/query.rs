//! A parameter of the query: read, and taken out.

/// The values of a parameter, decoded.
pub fn values(path: &[u8], name: &str) -> Vec<Vec<u8>> {
    pairs(path).filter(|(n, _)| decode(n) == name.as_bytes()).map(|(_, value)| decode(value)).collect()
}

/// The path without the parameter.
pub fn without(path: &[u8], name: &str) -> Vec<u8> {
    let (base, query) = split(path, b'?');
    let Some(query) = query else { return path.to_vec() };
    let kept: Vec<&[u8]> = query.split(|b| *b == b'&').filter(|p| decode(split(p, b'=').0) != name.as_bytes()).collect();
    let mut out = base.to_vec();
    if !kept.is_empty() {
        out.push(b'?');
        out.extend(kept.join(&b'&'));
    }
    out
}

fn pairs(path: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let query = split(path, b'?').1.unwrap_or_default();
    query.split(|b| *b == b'&').map(|p| split(p, b'=')).map(|(name, value)| (name, value.unwrap_or_default()))
}

fn split(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|b| *b == at) {
        Some(i) => (&text[..i], Some(&text[i + 1..])),
        None => (text, None),
    }
}

fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut i = 0;
    while i < text.len() {
        let hex = |i: usize| text.get(i).and_then(|b| (*b as char).to_digit(16)).map(|d| d as u8);
        match (text[i], hex(i + 1), hex(i + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                i += 2;
            }
            (b'+', ..) => out.push(b' '),
            (other, ..) => out.push(other),
        }
        i += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        for (path, expected) in [
            ("/", vec![]),
            ("/?key=a", vec!["a"]),
            ("/?x=1&key=a%2Bb+c&y", vec!["a+b c"]),
            ("/?k%65y=a&key=b", vec!["a", "b"]),
            ("/?key&keys=1", vec![""]),
            ("/?key=%zz%4", vec!["%zz%4"]),
            ("/key=1", vec![]),
        ] {
            let expected: Vec<Vec<u8>> = expected.iter().map(|v| v.as_bytes().to_vec()).collect();
            assert_eq!(values(path.as_bytes(), "key"), expected, "{path}");
        }
    }

    #[test]
    fn a_parameter_is_taken_out_and_the_rest_stays_as_it_is() {
        for (path, expected) in [
            ("/a", "/a"),
            ("/a?key=1", "/a"),
            ("/a?x=%20&key=1&y", "/a?x=%20&y"),
            ("/a?k%65y=1&keys=2", "/a?keys=2"),
        ] {
            assert_eq!(String::from_utf8(without(path.as_bytes(), "key")).unwrap(), expected, "{path}");
        }
    }
}
