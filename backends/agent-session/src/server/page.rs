//! The page at `/` and its parts, all of them in the program: nothing is fetched from elsewhere, nothing is built.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::answer::failure;
use super::token::Token;

/// The page may run its own scripts and ask its own server, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const INDEX: &str = include_str!("../../page/index.html");

/// A part: its name in `/assets/`, its type, its text.
type Part = (&'static str, &'static str, &'static str);

macro_rules! parts {
    ($($name:literal),* $(,)?) => {
        [$(($name, type_of($name), include_str!(concat!("../../page/", $name)))),*]
    };
}

const PARTS: [Part; 26] = parts![
    "api.js",
    "app.js",
    "base.css",
    "compareview.js",
    "conversation.js",
    "dom.js",
    "drawer.js",
    "facts.js",
    "filters.js",
    "flame.js",
    "format.js",
    "icon.svg",
    "importview.js",
    "keys.js",
    "listview.js",
    "mapview.js",
    "messages.js",
    "otlp.js",
    "perfetto.js",
    "route.js",
    "sessionview.js",
    "traceview.js",
    "tree.js",
    "tripletview.js",
    "views.css",
    "waterfall.js",
];

const fn type_of(name: &str) -> &'static str {
    match name.as_bytes() {
        [.., b'.', b'j', b's'] => "text/javascript; charset=utf-8",
        [.., b'.', b'c', b's', b's'] => "text/css; charset=utf-8",
        [.., b'.', b's', b'v', b'g'] => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

/// The page's routes. Whoever gets the page gets the token that its writes need.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(token: Token) -> Router<S> {
    let index = move || {
        let mut response = text("text/html; charset=utf-8", INDEX);
        if let Some(cookie) = token.cookie() {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        std::future::ready(response)
    };
    Router::new().route("/", get(index)).route("/assets/{name}", get(part))
}

async fn part(Path(name): Path<String>) -> Response {
    match PARTS.iter().find(|(known, _, _)| *known == name) {
        Some((_, content_type, body)) => text(content_type, body),
        None => failure(StatusCode::NOT_FOUND, "the page has no such part"),
    }
}

fn text(content_type: &'static str, body: &'static str) -> Response {
    let headers: [(HeaderName, HeaderValue); 2] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    (StatusCode::OK, headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page must not grow a part that is not served, nor refer to one that is not there.
    #[test]
    fn every_part_that_is_referred_to_is_there() {
        let parts: Vec<_> = PARTS.iter().collect();
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/page")).unwrap();
        for file in files.map(|file| file.unwrap().file_name().into_string().unwrap()) {
            assert!(
                file == "index.html" || parts.iter().any(|(name, _, _)| *name == file),
                "{file} is not served"
            );
        }
        let quoted = |text: &str, before: &str| -> Vec<String> {
            text.split(before).skip(1).filter_map(|rest| rest.split('"').next().map(str::to_owned)).collect()
        };
        for (of, _, text) in &parts {
            for name in quoted(text, "from \"./") {
                assert!(parts.iter().any(|(known, _, _)| *known == name), "{of} needs {name}");
            }
            assert!(!text.contains("innerHTML") && !text.contains("insertAdjacentHTML"), "{of}");
        }
        for name in quoted(INDEX, "/assets/") {
            assert!(parts.iter().any(|(known, _, _)| *known == name), "the page needs {name}");
        }
    }
}
