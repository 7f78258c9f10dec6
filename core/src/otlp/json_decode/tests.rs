use super::*;
use crate::span::{SpanKind, StatusCode};
use crate::value::Value;

/// A request around the fields of one span.
fn span(fields: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#)
}

fn decode_one(fields: &str) -> SpanData {
    decode_json_request(span(fields).as_bytes()).unwrap().remove(0)
}

fn error_of(fields: &str) -> String {
    decode_json_request(span(fields).as_bytes()).unwrap_err().to_string()
}

#[test]
fn resource_and_scope_may_follow_their_spans() {
    let spans = decode_json_request(
        br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"},{"name":"b"}],"scope":{"name":"lib","version":"2"}}],
            "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]}}]}"#,
    )
    .unwrap();
    assert_eq!(spans.len(), 2);
    for span in spans {
        assert_eq!(span.resource.service_name(), "shop");
        assert_eq!((span.scope.name.as_str(), span.scope.version.as_str()), ("lib", "2"));
    }
}

#[test]
fn integers_are_text_or_numbers_and_nothing_else() {
    assert_eq!(decode_one(r#""startTimeUnixNano":"18446744073709551615""#).start_unix_nanos, u64::MAX);
    assert_eq!(
        decode_one(r#""startTimeUnixNano":1700000000000000000"#).start_unix_nanos,
        1_700_000_000_000_000_000
    );
    assert_eq!(decode_one(r#""startTimeUnixNano":1.5e3"#).start_unix_nanos, 1500);
    for bad in [r#""-1""#, "-1", "1.5", r#""1.5""#, "true", "1e19", "[]", "{}", r#""18446744073709551616""#] {
        let error = error_of(&format!(r#""startTimeUnixNano":{bad}"#));
        assert!(error.contains("line 1"), "{bad}: {error}");
    }
    assert!(error_of(r#""flags":4294967296"#).contains("`flags` must be an unsigned 32-bit integer"));
}

#[test]
fn enums_are_numbers_or_names() {
    assert_eq!(decode_one(r#""kind":3"#).kind, SpanKind::Client);
    assert_eq!(decode_one(r#""kind":"SPAN_KIND_SERVER""#).kind, SpanKind::Server);
    assert_eq!(decode_one(r#""kind":77"#).kind, SpanKind::Internal, "a kind of the future");
    assert_eq!(
        decode_one(r#""status":{"code":"STATUS_CODE_ERROR","message":"m"}"#).status.code,
        StatusCode::Error
    );
    assert!(error_of(r#""kind":"server""#).contains("SPAN_KIND_SERVER"));
}

#[test]
fn identifiers_are_hexadecimal_or_absent() {
    let hex = "0AF7651916CD43dd8448eb211c80319c";
    assert_eq!(decode_one(&format!(r#""traceId":"{hex}""#)).trace_id().to_string(), hex.to_lowercase());
    assert!(!decode_one(r#""traceId":"","spanId":null"#).context.is_valid());
    assert_eq!(decode_one(r#""parentSpanId":"""#).parent_span_id, None);
    assert_eq!(decode_one(r#""parentSpanId":"0000000000000000""#).parent_span_id, None);
    assert!(error_of(r#""traceId":"CvdlGRbNQ92ESOshHIAxnA==""#).contains("32 hexadecimal digits"));
    assert!(error_of(r#""spanId":"0x00000000000001""#).contains("16 hexadecimal digits"));
}

#[test]
fn flags_say_where_the_parent_is() {
    let flags = |number: u32| {
        let span = decode_one(&format!(r#""flags":{number}"#));
        (span.context.flags.to_byte(), span.parent_is_remote)
    };
    assert_eq!(flags(1), (1, None));
    assert_eq!(flags(0x101), (1, Some(false)));
    assert_eq!(flags(0x301), (1, Some(true)));
}

#[test]
fn every_value_type() {
    let value = |json: &str| {
        decode_one(&format!(r#""attributes":[{{"key":"k","value":{json}}}]"#)).attributes.remove(0).1
    };
    assert_eq!(value(r#"{"stringValue":"\u0041\ud83d\ude00"}"#), Value::from("A😀".to_owned()));
    assert_eq!(value(r#"{"boolValue":true}"#), Value::Bool(true));
    assert_eq!(value(r#"{"intValue":"-9223372036854775808"}"#), Value::Int(i64::MIN));
    assert_eq!(value(r#"{"intValue":7}"#), Value::Int(7));
    assert_eq!(value(r#"{"doubleValue":1}"#), Value::Double(1.0));
    assert_eq!(value(r#"{"doubleValue":"-Infinity"}"#), Value::Double(f64::NEG_INFINITY));
    assert!(matches!(value(r#"{"doubleValue":"NaN"}"#), Value::Double(nan) if nan.is_nan()));
    assert_eq!(value(r#"{"bytesValue":"AP8="}"#), Value::from(vec![0, 255]));
    assert_eq!(value("{}"), Value::Empty);
    assert_eq!(value("null"), Value::Empty);
    assert_eq!(
        value(r#"{"arrayValue":{"values":[{"intValue":1},{}]}}"#),
        Value::Array(vec![Value::Int(1), Value::Empty])
    );
    assert_eq!(
        value(r#"{"kvlistValue":{"values":[{"key":"a","value":{"boolValue":false}}]}}"#),
        Value::Map(vec![("a".into(), Value::Bool(false))])
    );
    for bad in [
        r#"{"doubleValue":"inf"}"#,
        r#"{"bytesValue":"A"}"#,
        r#"{"boolValue":"true"}"#,
        r#"{"intValue":1.5}"#,
    ] {
        error_of(&format!(r#""attributes":[{{"key":"k","value":{bad}}}]"#));
    }
}

#[test]
fn unknown_fields_are_passed_over_however_deep() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(decode_one(&format!(r#""future":{deep},"name":"kept""#)).name, "kept");
    assert_eq!(decode_json_request(br#"{"resourceMetrics":[{"a":1}]}"#).unwrap(), []);
}

#[test]
fn depth_is_bounded_where_values_nest() {
    let nested = |levels: usize| {
        let open = r#"{"arrayValue":{"values":["#.repeat(levels - 1);
        let close = "]}}".repeat(levels - 1);
        span(&format!(r#""attributes":[{{"key":"k","value":{open}{{"intValue":1}}{close}}}]"#))
    };
    let decoded = decode_json_request(nested(24).as_bytes()).unwrap();
    let mut bytes = Vec::new();
    crate::otlp::encode_span(&decoded[0], &mut bytes);
    assert_eq!(
        crate::otlp::decode_span(&bytes).unwrap().attributes,
        decoded[0].attributes,
        "what is read can be written"
    );
    for levels in [25, 10_000] {
        let error = decode_json_request(nested(levels).as_bytes()).unwrap_err().to_string();
        assert!(error.contains("nested more than 24 deep"), "{error}");
    }
    let in_maps = r#"{"kvlistValue":{"values":[{"key":"k","value":"#.repeat(10_000);
    assert!(error_of(&format!(r#""attributes":[{{"value":{in_maps}"#)).contains("nested"));
}

#[test]
fn elements_cost_more_than_an_empty_input_can_pay() {
    let spans = span(&format!("}},{}{{", "{},".repeat(100_000)));
    assert!(decode_json_request(spans.as_bytes()).unwrap_err().to_string().contains("too many empty"));
    let real = r#"{"name":"token","timeUnixNano":"1700000000000000000"},"#.repeat(100_000);
    let events = format!(r#""events":[{}]"#, real.trim_end_matches(','));
    assert_eq!(decode_one(&events).events.len(), 100_000);
}

#[test]
fn what_is_no_request_is_refused() {
    for bad in [
        "",
        "[]",
        "1",
        "null null",
        "{",
        r#"{"resourceSpans":{}}"#,
        r#"{"resourceSpans":[[]]}"#,
        "{} x",
        "\u{feff}{}",
    ] {
        assert!(decode_json_request(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(decode_json_request(b"{\"resourceSpans\":[],\"a\":\"\xff\"}").is_err());
    assert_eq!(decode_json_request(b"{}").unwrap(), []);
}
