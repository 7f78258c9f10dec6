//! Carriers: whatever holds header names and values, read and written through two small traits.

use std::collections::HashMap;

/// Reads headers. Names are compared without regard to case.
pub trait Extractor {
    /// The value of `name`, the first when there are several.
    fn get(&self, name: &str) -> Option<&str>;

    /// Every value of `name`, in order.
    fn get_all(&self, name: &str) -> Vec<&str> {
        self.get(name).into_iter().collect()
    }

    /// Every name, for formats that use a prefix.
    fn keys(&self) -> Vec<&str>;
}

/// Writes headers.
pub trait Injector {
    /// Sets `name` to `value`, replacing what was there.
    fn set(&mut self, name: &str, value: String);
}

/// Keys that differ in case only are lines of the same header, in the order of their bytes.
impl<S: std::hash::BuildHasher> Extractor for HashMap<String, String, S> {
    fn get(&self, name: &str) -> Option<&str> {
        let exact = HashMap::get(self, name).map(String::as_str);
        exact.or_else(|| Extractor::get_all(self, name).first().copied())
    }

    fn get_all(&self, name: &str) -> Vec<&str> {
        let mut lines: Vec<_> = self.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).collect();
        lines.sort_unstable();
        lines.into_iter().map(|(_, value)| value.as_str()).collect()
    }

    fn keys(&self) -> Vec<&str> {
        HashMap::keys(self).map(String::as_str).collect()
    }
}

impl<S: std::hash::BuildHasher> Injector for HashMap<String, String, S> {
    fn set(&mut self, name: &str, value: String) {
        // Two spellings of one name would be two lines on the wire.
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
        self.insert(name.to_owned(), value);
    }
}

/// Header lines in order, the way a request without a map type has them.
impl Extractor for Vec<(String, String)> {
    fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    fn get_all(&self, name: &str) -> Vec<&str> {
        self.iter().filter(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
    }

    fn keys(&self) -> Vec<&str> {
        self.iter().map(|(k, _)| k.as_str()).collect()
    }
}

impl Injector for Vec<(String, String)> {
    fn set(&mut self, name: &str, value: String) {
        self.retain(|(k, _)| !k.eq_ignore_ascii_case(name));
        self.push((name.to_owned(), value));
    }
}

/// Values that are not visible ASCII are passed over, as if they were not there.
#[cfg(feature = "headers")]
impl Extractor for http::HeaderMap {
    fn get(&self, name: &str) -> Option<&str> {
        http::HeaderMap::get_all(self, name).iter().find_map(|value| value.to_str().ok())
    }

    fn get_all(&self, name: &str) -> Vec<&str> {
        http::HeaderMap::get_all(self, name).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    fn keys(&self) -> Vec<&str> {
        http::HeaderMap::keys(self).map(http::HeaderName::as_str).collect()
    }
}

/// A name or value that is not legal in a header is not written.
#[cfg(feature = "headers")]
impl Injector for http::HeaderMap {
    fn set(&mut self, name: &str, value: String) {
        if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(name), http::HeaderValue::try_from(value))
        {
            self.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_map_knows_every_spelling() {
        let mut map = HashMap::from([line("TraceParent", "b"), line("TRACEPARENT", "a"), line("other", "x")]);
        assert_eq!(Extractor::get(&map, "traceparent"), Some("a"));
        assert_eq!(Extractor::get(&map, "TraceParent"), Some("b"));
        assert_eq!(map.get_all("traceparent"), ["a", "b"]);
        map.set("traceparent", "c".to_owned());
        assert_eq!(map, HashMap::from([line("traceparent", "c"), line("other", "x")]));
        assert_eq!(map.get_all("absent"), [""; 0]);
    }

    #[test]
    fn lines_keep_their_order() {
        let mut lines = vec![line("B3", "1"), line("x", "y"), line("b3", "2")];
        assert_eq!(lines.get("b3"), Some("1"));
        assert_eq!(lines.get_all("b3"), ["1", "2"]);
        assert_eq!(lines.keys(), ["B3", "x", "b3"]);
        lines.set("b3", "3".to_owned());
        assert_eq!(lines, [line("x", "y"), line("b3", "3")]);
    }

    #[cfg(feature = "headers")]
    #[test]
    fn a_header_map_passes_over_what_is_not_visible_ascii() {
        let mut map = http::HeaderMap::new();
        for value in [&b"\xff"[..], b"1", "ü".as_bytes(), b"2"] {
            map.append("b3", http::HeaderValue::from_bytes(value).unwrap());
        }
        assert_eq!(Extractor::get(&map, "B3"), Some("1"));
        assert_eq!(Extractor::get_all(&map, "B3"), ["1", "2"]);
        assert_eq!(Extractor::keys(&map), ["b3"]);
        assert_eq!(Extractor::get(&map, "not a name"), None);
        map.set("B3", "3".to_owned());
        map.set("not a name", "x".to_owned());
        map.set("bad-value", "a\r\nb".to_owned());
        assert_eq!((Extractor::get_all(&map, "b3"), map.len()), (vec!["3"], 1));
    }
}
