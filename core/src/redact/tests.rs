//! What goes and what stays, on texts as they are met, and on random ones.

use proptest::prelude::*;

use super::*;

fn redactor() -> Redactor {
    Redactor::new(&RedactConfig::default())
}

fn with_query(url_query: UrlQuery) -> Redactor {
    Redactor::new(&RedactConfig { url_query, ..RedactConfig::default() })
}

/// Secrets that are found anywhere, whatever stands around them.
const ANYWHERE: [&str; 12] = [
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
    "sk-ant-api03-canary0123456789",
    "sk-proj-canary0123456789",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "gho_0123456789abcdefghijABCDEFGHIJ012345",
    "github_pat_11ABCDEFG0123456789_abcdefghij",
    "xoxb-123456789012-canarycanary",
    "xoxp-123456789012-canarycanary",
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyA0123456789abcdefghijABCDEFGHIJ01",
    "sk_live_0123456789abcdef",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEcanary\nMIIEcanary==\n-----END RSA PRIVATE KEY-----",
];

/// Secrets that have to begin where a word does.
const WORDS: [&str; 12] = [
    "sk-canary0123456789abcd",
    "Bearer canary-token-of-some-length",
    "bearer 0123456789abcdef",
    "Basic Y2FuYXJ5OmNhbmFyeQ==",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "4111111111111111",
    "378282246310005",
    "3782 822463 10005",
    "password=hunter2canary",
    "api_key=canary",
    "hf_abcdefghijklmnopqrstuvwxyz0123",
];

#[test]
fn secrets_go_and_the_text_around_them_stays() {
    for (text, expected) in [
        ("key sk-ant-api03-abcdefgh12345, bye", "key [redacted:api-key], bye"),
        ("use sk-abcdefghij0123456789 now", "use [redacted:api-key] now"),
        ("a=AKIAIOSFODNN7EXAMPLE.", "a=[redacted:api-key]."),
        ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def-1 ok", "got [redacted:jwt] ok"),
        ("Authorization: Bearer abc\nHost: h", "Authorization: [redacted]\nHost: h"),
        ("it sent Bearer canary.canary today", "it sent Bearer [redacted:bearer] today"),
        ("curl -H 'Cookie: a=b; c=d' http://h", "curl -H 'Cookie: [redacted]' http://h"),
        ("pay 4111 1111 1111 1111 please", "pay [redacted:card] please"),
        ("pay 4111-1111-1111-1111.", "pay [redacted:card]."),
        ("pan=5555555555554444;", "pan=[redacted:card];"),
        ("12 4111 1111 1111 1111 34", "12 [redacted:card] 34"),
        ("4111111111111111 4111111111111111", "[redacted:card] [redacted:card]"),
        ("postgres://me:pw@db:5432/app", "postgres://[redacted]@db:5432/app"),
        ("https://token@github.com/a/b.git", "https://[redacted]@github.com/a/b.git"),
        ("redis://:pw@cache:6379/0 down", "redis://[redacted]@cache:6379/0 down"),
        ("amqp://me:p/w@mq/vhost", "amqp://[redacted]@mq/vhost"),
        ("amqp://me:p@w@mq/vhost", "amqp://[redacted]@mq/vhost"),
        ("https://h/p?id=1&token=abc&x=2#f", "https://h/p?id=1&token=[redacted]&x=2#f"),
        ("/p?api_key=abc&page=2", "/p?api_key=[redacted]&page=2"),
        (
            "https://b/o?X-Amz-Signature=abc&X-Amz-Date=1",
            "https://b/o?X-Amz-Signature=[redacted]&X-Amz-Date=1",
        ),
        ("host=db password=hunter2 user=me", "host=db password=[redacted] user=me"),
        ("Server=db;Password=hunter2;User=me", "Server=db;Password=[redacted];User=me"),
        (r#"{"user":"me","password":"hunt\"er2","n":1}"#, r#"{"user":"me","password":"[redacted]","n":1}"#),
        (r#"{"apiKey" : "abc", "max_tokens": 5}"#, r#"{"apiKey" : "[redacted]", "max_tokens": 5}"#),
        (r#"{\"api_key\":\"abc\",\"n\":1}"#, r#"{\"api_key\":\"[redacted]\",\"n\":1}"#),
        (r#"{"x-api-key": ["abc"]}"#, r#"{"x-api-key": ["[redacted]"]}"#),
        ("Config { password: Some(\"abc\") }", "Config { password: Some(\"[redacted]\") }"),
        ("{'client_secret': 'abc'}", "{'client_secret': '[redacted]'}"),
        ("user[password]=hunter2&x=1", "user[password]=[redacted]&x=1"),
        ("login failed, password: hunter2", "login failed, password: [redacted]"),
        ("authorization=Bearer abc", "authorization=[redacted]"),
        (
            "private_key=-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----.",
            "private_key=[redacted:private-key].",
        ),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl cut off", "[redacted:private-key]"),
        ("größe: Bearer ähm, password=ßecret ü", "größe: Bearer ähm, password=[redacted] ü"),
    ] {
        assert_eq!(redactor().value(text).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn ordinary_texts_stay() {
    for text in [
        "SELECT * FROM users WHERE id = $1 AND token_type = 'x'",
        "http://localhost:8080/api/v1/users?page=2&limit=10",
        "http://[::1]:9411/api/v2/spans",
        "550e8400-e29b-41d4-a716-446655440000",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "2026-11-21T15:00:00.000000Z",
        "1763737200000 1763737200000000 1763737200000000000",
        "4111111111111112",
        "0.4111111111111111",
        "id4111111111111111",
        "41111111111111111111111",
        "the bearer token is missing",
        "Bearer authentication failed: Bearer realm=\"x\"",
        "Basic authentication is required here",
        "unexpected token: foo at line 3",
        "risk-assessment-of-the-whole-task-force",
        "core::redact::token::Token == x",
        r#"{"token":"Hello","logprob":-0.3,"top_logprobs":[]}"#,
        r#"{"max_tokens":100,"usage":{"total_tokens":12}}"#,
        "if token == other { secret != x }",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "user@example.com wrote to http://h/@handle",
        "git@github.com:me/repo.git",
        "text-embedding-3-small and gpt-4o-mini-2024-07-18",
        "password=",
        "session.id=abc&user.id=7",
        "eyJ is how it begins, eyJhbGci.x is no token",
    ] {
        assert_eq!(redactor().value(text), None, "{text}");
    }
}

#[test]
fn the_query_is_kept_or_dropped_when_asked() {
    for (text, all) in [
        ("https://h/p?id=1&token=abc#f", Some("https://h/p?[redacted:query]#f")),
        (
            "https://h/p?abc and https://i/q?d",
            Some("https://h/p?[redacted:query] and https://i/q?[redacted:query]"),
        ),
        ("see https://h/p and https://i/q?d", Some("see https://h/p and https://i/q?[redacted:query]")),
        ("/relative/path?a=1&b=2", Some("/relative/path?[redacted:query]")),
        ("https://u:p@h/p?abc", Some("https://[redacted]@h/p?[redacted:query]")),
        ("https://h/p/without/query", None),
    ] {
        assert_eq!(with_query(UrlQuery::All).value(text).as_deref(), all, "{text}");
    }
    let keep = with_query(UrlQuery::Keep);
    assert_eq!(keep.value("https://h/p?id=1&token=abc"), None);
    assert_eq!(
        keep.value("https://h/p?k=AKIAIOSFODNN7EXAMPLE").as_deref(),
        Some("https://h/p?k=[redacted:api-key]")
    );
    assert!(with_query(UrlQuery::All).key_is_secret("url.query") && !keep.key_is_secret("url.query"));
}

#[test]
fn off_takes_nothing() {
    let off = Redactor::new(&RedactConfig { mode: RedactMode::Off, ..RedactConfig::default() });
    assert_eq!(off.value("password=hunter2canary"), None);
    assert_eq!(off.value_of("password", &"x".into()), None);
}

#[test]
fn values_are_judged_by_name_look_and_inner_names() {
    let redactor = redactor();
    let of = |key, value: AttrValue<'_>| redactor.value_of(key, &value);
    assert_eq!(of("db.password", "x".into()), Some("[redacted]".into()));
    assert_eq!(of("db.password", 1234.into()), Some("[redacted]".into()));
    assert_eq!(of("db.password", true.into()), None);
    assert_eq!(of("db.password", "".into()), None);
    assert_eq!(of("db.password", "[redacted]".into()), None);
    assert_eq!(of("gen_ai.usage.input_tokens", 7.into()), None);
    let list = AttrValue::from(["a", "Bearer canary0123456789"].as_slice());
    assert_eq!(
        of("http.request.header.authorization", list.clone()),
        Some(AttrValue::Array(vec!["[redacted]".into()]))
    );
    assert_eq!(of("list", list), Some(AttrValue::Array(vec!["a".into(), "Bearer [redacted:bearer]".into()])));
    assert_eq!(of("list", AttrValue::from(["a", "b"].as_slice())), None);
    let map = |password: &'static str| {
        let inner = AttrValue::Map(vec![("password".into(), password.into()), ("n".into(), 1.into())]);
        AttrValue::Map(vec![("inner".into(), AttrValue::Array(vec![inner])), ("m".into(), "x".into())])
    };
    assert_eq!(of("map", map("x")), Some(map("[redacted]")));
    assert_eq!(of("map", map("[redacted]")), None);
    let bytes = AttrValue::from("k AKIAIOSFODNN7EXAMPLE".as_bytes());
    assert_eq!(of("body", bytes), Some(AttrValue::from("k [redacted:api-key]".as_bytes())));
    assert_eq!(of("body", AttrValue::from([0xffu8, 0xfe].as_slice())), None);
}

#[test]
fn a_list_of_names_hides_all_other_values() {
    let redactor = Redactor::new(&RedactConfig {
        mode: RedactMode::AllowList,
        allow_keys: vec!["http.route".to_owned()],
        ..RedactConfig::default()
    });
    assert_eq!(redactor.value_of("http.route", &"/a".into()), None);
    assert!(redactor.value_of("http.route", &"/a?token=canary".into()).is_some());
    assert_eq!(redactor.value_of("city", &"Bonn".into()), Some("[redacted]".into()));
    assert_eq!(redactor.value_of(STATUS_MESSAGE, &"oh".into()), Some("[redacted]".into()));
}

/// Texts that make a search read again what it read in vain, if it did not remember.
#[test]
fn work_is_linear_in_hostile_texts() {
    for part in [
        "eyJ",
        "eyJ.",
        "eyJaaaaaaaa",
        "eyJaaaaaaaa.",
        "sk-",
        "ghp_",
        "xoxb-",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY",
        "a://b:x/",
        "a://",
        "://",
        "x?a://",
        "token:",
        "token=",
        "password:",
        "\"password\":",
        "4111 ",
        "4111-",
        "1",
        "bearer ",
        "Basic ",
        "a=",
        "=",
        ":",
        "[",
        "password=\"\\",
        "password=[",
        "password: [ ",
        "Some(",
        "http://h/?",
        "AKIA",
        "authorization: ",
        "password=Bearer ",
        "B",
        "b",
        "    ",
        "password   ",
    ] {
        for redactor in [redactor(), with_query(UrlQuery::All), with_query(UrlQuery::Keep)] {
            let work = |len: usize| {
                found::LOOKED_AT.set(0);
                // One pass, of which there are nine at most. Behind the `@`, everything before might be a user.
                let text = part.repeat(len / part.len()) + "@";
                let _ = scan::scan(&text, &redactor.keys, redactor.query);
                found::LOOKED_AT.get()
            };
            // 8 times the text; a quadratic search reads 64 times as many bytes.
            let (short, long) = (work(2 << 10), work(16 << 10));
            assert!(long <= 10 * short + 1024, "{part:?}: {short}, {long}");
            // And no byte too often, whatever comes behind it.
            assert!(long <= 200 * (16 << 10), "{part:?}: {long}");
        }
    }
}

/// Pieces of which secrets, and what only looks like them, are made.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(ANYWHERE.to_vec()).prop_map(str::to_owned),
        prop::sample::select(WORDS.to_vec()).prop_map(str::to_owned),
        prop::sample::select(vec![
            "password",
            "token",
            "authorization",
            "cookie",
            ": ",
            "=",
            "://",
            "?",
            "&",
            "@",
            "/",
            "\"",
            "'",
            "\\\"",
            "[redacted]",
            "[redacted:jwt]",
            "Bearer ",
            "basic ",
            "-----BEGIN PRIVATE KEY-----",
            "-----END ",
            " ",
            "\n",
            "4111",
            "-",
            "_",
            "eyJ",
            ".",
            "[",
            "Some(",
            "http://",
            "u:p@h",
            "ß",
            "1111",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,12}",
        "\\PC{0,6}",
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

fn once(redactor: &Redactor, text: &str) -> String {
    redactor.value(text).unwrap_or_else(|| text.to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn twice_is_as_once(text in pieces()) {
        for redactor in [redactor(), with_query(UrlQuery::All), with_query(UrlQuery::Keep)] {
            let clean = once(&redactor, &text);
            prop_assert_eq!(once(&redactor, &clean), clean, "{}", text);
        }
    }

    /// What is passed over in haste holds nothing.
    #[test]
    fn nothing_is_missed_in_haste(text in pieces(), more in "[-=:_ @/.?&a-z0-9A-Z\"]{0,40}") {
        let texts = [text.clone(), more.clone(), format!("{more}{text}")];
        // Shorter ones are never looked at.
        for text in texts.iter().filter(|text| !Redactor::is_short(text)) {
            for redactor in [redactor(), with_query(UrlQuery::All), with_query(UrlQuery::Keep)] {
                let slow = scan::scan_everywhere(text, &redactor.keys, redactor.query);
                prop_assert_eq!(scan::scan(text, &redactor.keys, redactor.query), slow, "{}", text);
            }
        }
    }

    #[test]
    fn texts_grow_within_a_bound(text in pieces()) {
        prop_assert!(once(&redactor(), &text).len() <= 4 * text.len() + 32);
    }

    #[test]
    fn a_secret_is_found_at_any_place(
        before in "\\PC{0,40}", secret in prop::sample::select(ANYWHERE.to_vec()), after in "\\PC{0,40}",
    ) {
        let clean = once(&redactor(), &format!("{before}{secret}{after}"));
        prop_assert!(!clean.contains(secret), "{}", clean);
    }

    #[test]
    fn a_secret_of_its_own_word_is_found_at_any_place(
        before in "(\\PC{0,40} )?", secret in prop::sample::select(WORDS.to_vec()), after in "( \\PC{0,40})?",
    ) {
        let clean = once(&redactor(), &format!("{before}{secret}{after}"));
        prop_assert!(!clean.contains(secret), "{}", clean);
    }

    #[test]
    fn text_without_any_sign_stays(text in "[a-zA-Z0-9 ,.é]{0,80}") {
        let has_sign = text.to_ascii_lowercase().contains("bearer") || text.to_ascii_lowercase().contains("basic")
            || text.contains("AKIA") || text.contains("ASIA") || text.contains("AIza") || text.contains("eyJ")
            || text.bytes().filter(u8::is_ascii_digit).count() >= 13;
        prop_assume!(!has_sign);
        prop_assert_eq!(redactor().value(&text), None);
    }
}
