//! What the W3C validation service asks of a service that takes a request and makes others: its
//! 41 cases, each sent through extract, a child span and inject.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Propagated, Propagator, extract, inject};
use crate::ids::{SpanContext, SpanId, TraceFlags, TraceId};

type Lines = Vec<(String, String)>;

const TRACE: &str = "5b8efff798038103d269b633813fc60c";
const PARENT: &str = "eee19b7ec3c1b174";

/// The headers of a request that a service makes while it answers one with `headers`.
struct Outgoing {
    trace_id: String,
    parent_id: String,
    flags: u8,
    state: Vec<(String, String)>,
}

impl Outgoing {
    /// Read by split and count, apart from the code under test.
    fn read(lines: &Lines) -> Self {
        let all = |name: &str| -> Vec<&str> {
            lines.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
        };
        let [traceparent] = all("traceparent")[..] else { panic!("not one traceparent: {lines:?}") };
        let fields: Vec<&str> = traceparent.split('-').collect();
        assert_eq!(
            fields.iter().map(|field| field.len()).collect::<Vec<_>>(),
            [2, 32, 16, 2],
            "{traceparent}"
        );
        assert!(traceparent.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f' | '-')), "{traceparent}");
        assert_eq!(fields[0], "00");
        assert!(fields[1..3].iter().all(|id| id.contains(|c| c != '0')), "{traceparent}");
        let members = all("tracestate").into_iter().flat_map(|line| line.split(','));
        let state = members.map(|member| member.split_once('=').unwrap());
        Self {
            trace_id: fields[1].to_owned(),
            parent_id: fields[2].to_owned(),
            flags: u8::from_str_radix(fields[3], 16).unwrap(),
            state: state.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        }
    }
}

fn serve(headers: &[(&str, &str)], calls: usize) -> Vec<Outgoing> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let formats = [Propagator::TraceContext];
    let carrier: Lines =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let parent = extract(&formats, &carrier).span;
    let trace_id = TraceId::from_int(NEXT.fetch_add(1, Relaxed).into());
    let call = |_| {
        let mut span =
            parent.clone().unwrap_or_else(|| SpanContext::new(trace_id, SpanId::INVALID, TraceFlags::NONE));
        span.span_id = SpanId::from_int(NEXT.fetch_add(1, Relaxed));
        span.flags = span.flags.decided(span.flags.is_sampled());
        let mut carrier = Lines::new();
        inject(&formats, &Propagated { span: Some(span), ..Propagated::default() }, &mut carrier);
        Outgoing::read(&carrier)
    };
    (0..calls).map(call).collect()
}

fn serve_one(headers: &[(&str, &str)]) -> Outgoing {
    serve(headers, 1).remove(0)
}

/// True when the trace goes on, false when a new one was begun; a member of the old one must not
/// go along into a new one.
#[track_caller]
fn continues(traceparent: &str) -> bool {
    let out = serve_one(&[("traceparent", traceparent), ("tracestate", "seen=1")]);
    let goes_on = out.trace_id == TRACE;
    assert_ne!(out.parent_id, PARENT);
    assert_eq!(out.state.len(), usize::from(goes_on), "{traceparent}");
    assert!(goes_on || !traceparent.contains(&out.trace_id), "{traceparent}");
    goes_on
}

/// `traceparent` with those parts.
fn of(version: &str, trace: &str, parent: &str, flags: &str) -> String {
    format!("{version}-{trace}-{parent}-{flags}")
}

fn valid() -> String {
    of("00", TRACE, PARENT, "01")
}

/// `tracestate` as it is sent on, of a request with a valid `traceparent` and those lines.
#[track_caller]
fn state_of(lines: &[(&str, &str)]) -> String {
    let traceparent = valid();
    let headers = [&[("traceparent", traceparent.as_str())], lines].concat();
    let out = serve_one(&headers);
    assert_eq!(out.trace_id, TRACE, "a tracestate never breaks the trace");
    out.state.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

#[track_caller]
fn state(line: &str) -> String {
    state_of(&[("tracestate", line)])
}

#[test]
fn no_context_begins_a_trace() {
    let out = serve_one(&[]);
    assert!(out.trace_id != TRACE && out.state.is_empty());
}

#[test]
fn parent_without_state() {
    let out = serve_one(&[("traceparent", &valid())]);
    assert_eq!((out.trace_id.as_str(), out.flags, out.state.len()), (TRACE, 1, 0));
    assert_ne!(out.parent_id, PARENT);
}

#[test]
fn two_parents() {
    let other = TRACE.replace('5', "6");
    let out = serve_one(&[("traceparent", &of("00", &other, PARENT, "01")), ("traceparent", &valid())]);
    assert!(out.trace_id != TRACE && out.trace_id != other);
    assert_ne!(serve_one(&[("traceparent", &valid()), ("traceparent", &valid())]).trace_id, TRACE);
}

#[test]
fn parent_under_another_name() {
    for name in ["trace-parent", "trace.parent"] {
        assert_ne!(serve_one(&[(name, &valid())]).trace_id, TRACE, "{name}");
    }
}

#[test]
fn parent_in_any_case() {
    for name in ["TraceParent", "TrAcEpArEnT", "TRACEPARENT"] {
        assert_eq!(serve_one(&[(name, &valid())]).trace_id, TRACE, "{name}");
    }
}

#[test]
fn version_0_ends_after_the_flags() {
    assert!(continues(&valid()));
    assert!(!continues(&(valid() + ".")));
    assert!(!continues(&(valid() + "-a-field-of-tomorrow")));
}

#[test]
fn version_cc_may_have_more_fields() {
    let later = of("cc", TRACE, PARENT, "01");
    assert!(continues(&later));
    assert!(continues(&format!("{later}-a-field-of-tomorrow")));
    assert!(!continues(&format!("{later}.a-field-of-tomorrow")));
}

#[test]
fn version_ff() {
    assert!(!continues(&of("ff", TRACE, PARENT, "01")));
}

#[test]
fn version_of_illegal_characters() {
    assert!(!continues(&of(".0", TRACE, PARENT, "01")));
    assert!(!continues(&of("0.", TRACE, PARENT, "01")));
}

#[test]
fn version_too_long() {
    assert!(!continues(&of("000", TRACE, PARENT, "01")));
    assert!(!continues(&of("0000", TRACE, PARENT, "01")));
}

#[test]
fn version_too_short() {
    assert!(!continues(&of("0", TRACE, PARENT, "01")));
}

#[test]
fn trace_id_of_zeros() {
    assert!(!continues(&of("00", &"0".repeat(32), PARENT, "01")));
}

#[test]
fn trace_id_of_illegal_characters() {
    assert!(!continues(&of("00", &format!(".{}", &TRACE[1..]), PARENT, "01")));
    assert!(!continues(&of("00", &format!("{}.", &TRACE[..31]), PARENT, "01")));
}

#[test]
fn trace_id_too_long() {
    assert!(!continues(&of("00", &format!("{TRACE}3"), PARENT, "01")));
    assert!(!continues(&of("00", &format!("3{TRACE}"), PARENT, "01")));
}

#[test]
fn trace_id_too_short() {
    assert!(!continues(&of("00", &TRACE[1..], PARENT, "01")));
}

#[test]
fn parent_id_of_zeros() {
    assert!(!continues(&of("00", TRACE, &"0".repeat(16), "01")));
}

#[test]
fn parent_id_of_illegal_characters() {
    assert!(!continues(&of("00", TRACE, &format!(".{}", &PARENT[1..]), "01")));
    assert!(!continues(&of("00", TRACE, &format!("{}.", &PARENT[..15]), "01")));
}

#[test]
fn parent_id_too_long() {
    assert!(!continues(&of("00", TRACE, &format!("{PARENT}7"), "01")));
}

#[test]
fn parent_id_too_short() {
    assert!(!continues(&of("00", TRACE, &PARENT[1..], "01")));
}

#[test]
fn flags_of_illegal_characters() {
    assert!(!continues(&of("00", TRACE, PARENT, ".0")));
    assert!(!continues(&of("00", TRACE, PARENT, "0.")));
}

#[test]
fn flags_too_long() {
    assert!(!continues(&of("00", TRACE, PARENT, "001")));
}

#[test]
fn flags_too_short() {
    assert!(!continues(&of("00", TRACE, PARENT, "1")));
}

#[test]
fn spaces_around_the_parent() {
    for (before, after) in [(" ", ""), ("\t", ""), ("", " "), ("", "\t"), ("\t ", " \t")] {
        assert!(continues(&format!("{before}{}{after}", valid())));
    }
}

#[test]
fn state_without_parent() {
    for line in ["a=1", "a=1,b=2"] {
        assert!(serve_one(&[("tracestate", line)]).state.is_empty(), "{line}");
    }
}

#[test]
fn state_with_parent() {
    assert_eq!(state("a=1,b=2"), "a=1,b=2");
}

#[test]
fn state_under_another_name() {
    assert_eq!(state_of(&[("trace-state", "a=1")]), "");
    assert_eq!(state_of(&[("trace.state", "a=1")]), "");
}

#[test]
fn state_in_any_case() {
    for name in ["TraceState", "TrAcEsTaTe", "TRACESTATE"] {
        assert_eq!(state_of(&[(name, "a=1")]), "a=1", "{name}");
    }
}

#[test]
fn empty_state_lines() {
    assert_eq!(state(""), "");
    assert_eq!(state_of(&[("tracestate", "a=1"), ("tracestate", "")]), "a=1");
    assert_eq!(state_of(&[("tracestate", ""), ("tracestate", "a=1")]), "a=1");
}

#[test]
fn several_state_lines_in_order() {
    let lines = [("tracestate", "z=1,y=2"), ("tracestate", "x=3,w=4"), ("tracestate", "v=5")];
    assert_eq!(state_of(&lines), "z=1,y=2,x=3,w=4,v=5");
}

#[test]
fn repeated_keys() {
    assert_eq!(state("a=1,a=1"), "a=1");
    assert_eq!(state("a=1,a=2"), "a=1");
    assert_eq!(state_of(&[("tracestate", "a=1"), ("tracestate", "a=1")]), "a=1");
    assert_eq!(state_of(&[("tracestate", "a=1"), ("tracestate", "a=2")]), "a=1");
}

#[test]
fn every_legal_character() {
    let key: String = ('a'..='z').chain('0'..='9').chain("_-*/".chars()).collect();
    let value: String = (' '..='~').filter(|c| !matches!(c, ',' | '=')).collect();
    for member in [format!("{key}={value}"), format!("{key}@a-z0-9_-*/={value}")] {
        assert_eq!(state(&member), member);
    }
}

#[test]
fn spaces_around_members() {
    assert_eq!(state("a=1 \t , \t b=2, \t c=3"), "a=1,b=2,c=3");
    assert_eq!(state("a=1\t \t,\t \tb=2,\t \tc=3"), "a=1,b=2,c=3");
    for line in [" a=1", "\ta=1", "a=1 ", "a=1\t", "\t a=1 \t"] {
        assert_eq!(state(line), "a=1", "{line:?}");
    }
}

#[test]
fn keys_of_illegal_characters() {
    for line in ["a =1", "A=1", "a.b=1"] {
        assert_eq!(state(line), "", "{line}");
    }
}

#[test]
fn at_signs_in_keys() {
    assert_eq!(state("@a=1,b=2"), "");
    for line in ["a@=1,b=2", "a@@c=1,b=2", "a@c@d=1,b=2"] {
        assert_eq!(state(line), line);
    }
}

#[test]
fn thirty_two_members_and_no_more() {
    let members: Vec<String> = (1..=33).map(|n| format!("m{n:02}={n:02}")).collect();
    let spread = |count| {
        let lines: Vec<String> = members[..count].chunks(10).map(|chunk| chunk.join(",")).collect();
        state_of(&lines.iter().map(|line| ("tracestate", line.as_str())).collect::<Vec<_>>())
    };
    assert_eq!(spread(32), members[..32].join(","));
    assert_eq!(spread(33), "");
}

#[test]
fn keys_of_256_characters_and_no_more() {
    let with_key = |key: String| state_of(&[("tracestate", "a=1"), ("tracestate", &format!("{key}=1"))]);
    for key in [
        "k".repeat(256),
        "k".repeat(241) + "@" + &"v".repeat(14),
        "k".repeat(242) + "@v",
        "k@".to_owned() + &"v".repeat(15),
    ] {
        assert_eq!(with_key(key.clone()), format!("a=1,{key}=1"));
    }
    assert_eq!(with_key("k".repeat(257)), "");
}

#[test]
fn illegal_values() {
    assert_eq!(state("a=b=c"), "");
    assert_eq!(state("a=,b=3"), "");
}

/// Trace and parent ids of three calls.
fn ids_of_three(headers: &[(&str, &str)]) -> (HashSet<String>, HashSet<String>) {
    serve(headers, 3).into_iter().map(|out| (out.trace_id, out.parent_id)).unzip()
}

#[test]
fn several_calls_with_a_parent() {
    let (traces, parents) = ids_of_three(&[("traceparent", &valid())]);
    assert_eq!((traces, parents.len()), (HashSet::from([TRACE.to_owned()]), 3));
}

#[test]
fn several_calls_without_a_parent() {
    assert_eq!(ids_of_three(&[]).1.len(), 3);
}

#[test]
fn several_calls_with_an_invalid_parent() {
    let zeros = "0".repeat(32);
    let (traces, parents) = ids_of_three(&[("traceparent", &of("00", &zeros, PARENT, "01"))]);
    assert!(!traces.contains(&zeros));
    assert_eq!(parents.len(), 3);
}

#[test]
fn the_random_flag_goes_along() {
    let out = serve_one(&[("traceparent", &of("00", TRACE, PARENT, "02"))]);
    assert_eq!((out.trace_id.as_str(), out.flags), (TRACE, 2));
    assert_ne!(out.parent_id, PARENT);
}
