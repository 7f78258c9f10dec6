//! Contexts across processes: what is written can be read, and what is malformed breaks nothing.

use std::collections::HashMap;

use tracer_factory_core::context::Context;
use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use tracer_factory_core::propagation::Baggage;
use tracer_factory_core::span::SpanKind;
use tracer_factory_core::tracer::{SpanOptions, TracerExt};

use crate::Subject;
use crate::current::remote;
use crate::subject::span;

type Headers = Vec<(String, String)>;

impl Subject<'_> {
    /// What the tracer writes for `context`.
    fn headers(&self, context: &Context) -> Headers {
        let mut headers = Headers::new();
        self.tracer.inject_context(context, &mut headers);
        let expected = self.capabilities.propagates && context.is_valid();
        assert!(!expected || !headers.is_empty(), "a tracer that propagates writes headers");
        headers
    }
}

/// Writing a context and reading it again gives the same place in the same trace.
pub fn what_is_injected_can_be_extracted(subject: &Subject<'_>) {
    if !subject.capabilities.propagates {
        return;
    }
    for sampled in [TraceFlags::SAMPLED, TraceFlags::NONE] {
        for id in [1, u64::MAX] {
            let sent =
                SpanContext::new(TraceId::from_int(u128::from(id) << 64 | 2), SpanId::from_int(id), sampled);
            let headers = subject.headers(&Context::from_span_context(sent.clone()));
            let got = subject.tracer.extract_context(&headers).span_context();
            assert_eq!((got.trace_id, got.span_id), (sent.trace_id, sent.span_id), "{headers:?}");
            assert_eq!(got.flags.is_sampled(), sampled.is_sampled(), "{headers:?}");
            assert!(got.is_remote, "what was extracted is remote");
        }
    }
    let scope = subject.tracer.trace_context("sender");
    let mut map = HashMap::new();
    subject.tracer.inject_context(&scope.context(), &mut map);
    assert_eq!(map, subject.tracer.get_trace_context(), "the current scope's context is what is written");
    assert_eq!(subject.tracer.extract_context(&map).span_context().span_id, scope.span_id());
}

/// A service joins the trace of whoever calls it, recorded or not, and passes it on to whom it calls.
pub fn a_remote_parent_is_continued(subject: &Subject<'_>) {
    if !subject.capabilities.propagates {
        return;
    }
    let caller = remote();
    let headers = subject.headers(&caller);
    let request = subject.tracer.trace_request("request", &headers);
    assert_eq!(request.trace_id(), caller.trace_id(), "the caller's trace goes on");
    if subject.capabilities.identifies {
        assert_ne!(request.span_id(), caller.span_id(), "with a span of our own");
    } else {
        assert_eq!(request.span_id(), caller.span_id(), "what records nothing has the parent's identifiers");
    }
    let next = subject.tracer.extract_context(&subject.headers(&Context::current()));
    assert_eq!(
        (next.trace_id(), next.span_id()),
        (request.trace_id(), request.span_id()),
        "and is passed on"
    );
    let manual = subject.tracer.start_span(&SpanOptions::new("manual"));
    assert_eq!(manual.trace_id(), caller.trace_id());
    manual.finish();
    let trace = request.finish();
    // The caller's decision is to record; that holds even where new traces are not.
    if subject.capabilities.identifies {
        let request = span(&trace, "request");
        assert_eq!((request.kind, request.parent_span_id), (SpanKind::Server, Some(caller.span_id())));
        assert_eq!(request.parent_is_remote, Some(true));
    }
}

/// When the caller does not record, nor does the service, and the next one is told the same.
pub fn an_unsampled_parent_is_passed_on(subject: &Subject<'_>) {
    if !subject.capabilities.propagates {
        return;
    }
    let mut parent = SpanContext::new(TraceId::from_int(9), SpanId::from_int(8), TraceFlags::NONE);
    parent.is_remote = true;
    let context = Context::from_span_context(parent);
    let scope = subject.tracer.start_scope(&SpanOptions::new("unrecorded").parent_context(&context));
    assert!(!scope.is_recording(), "the caller's decision is followed");
    let inner = subject.tracer.trace_context("inner");
    let next = subject.tracer.extract_context(&subject.headers(&Context::current()));
    assert_eq!((next.trace_id(), next.is_sampled()), (context.trace_id(), false), "and passed on");
    drop(inner);
    assert!(scope.finish().is_empty());
}

/// Outside of every scope there is nothing to write.
pub fn nothing_current_injects_nothing(subject: &Subject<'_>) {
    assert_eq!(subject.headers(&Context::current()), Headers::new());
    assert!(subject.tracer.get_trace_context().is_empty());
    let empty = subject.tracer.extract_context(&Headers::new());
    assert!(!empty.is_valid(), "nothing is read from nothing");
    let scope = subject.tracer.start_scope(&SpanOptions::new("root").parent_context(&empty));
    assert_eq!(
        scope.trace_id().is_valid(),
        subject.capabilities.identifies,
        "an empty context begins a new trace"
    );
}

/// Headers for work that has no span yet; inside a scope they are the scope's.
pub fn a_context_can_be_generated(subject: &Subject<'_>) {
    if !subject.capabilities.propagates {
        return;
    }
    let (one, two) = (subject.tracer.generate_trace_context(), subject.tracer.generate_trace_context());
    let (one, two) = (subject.tracer.extract_context(&one), subject.tracer.extract_context(&two));
    assert!(one.is_valid() && two.is_valid() && one.trace_id() != two.trace_id(), "each time a new trace");
    let scope = subject.tracer.start_scope(&SpanOptions::new("worker").parent_context(&one));
    assert_eq!(scope.trace_id(), one.trace_id());
    let again = subject.tracer.extract_context(&subject.tracer.generate_trace_context());
    assert_eq!(again.trace_id(), one.trace_id(), "inside a scope its own");
}

/// What a client that means harm, or a broken proxy, may send.
fn hostile() -> Vec<Headers> {
    let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let long = "x".repeat(1 << 20);
    let mut values: Vec<String> = [
        "",
        " ",
        "00",
        "-",
        "---",
        "\0",
        "\u{1f980}",
        "\u{7f}",
        "00-",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-zz",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "0",
        "d",
        "1-2-3-4-5",
        "0:0:0:0",
        "a:b:c",
        "1:1:1:99999",
        ":::",
        "%00:%00:%00:%00",
        "%",
        "%f",
        "%ff%fe",
        "00000000000000000000000000000000-0000000000000000-1",
        "00-🦀🦀🦀🦀🦀🦀🦀🦀-🦀🦀🦀🦀-01",
    ]
    .map(str::to_owned)
    .into();
    values.extend([
        long.clone(),
        format!("{good}{long}"),
        "00-".repeat(1000),
        ":".repeat(100_000),
        "9".repeat(40),
    ]);
    let names = ["traceparent", "b3", "x-b3-traceid", "uber-trace-id", "TRACEPARENT"];
    let mut carriers: Vec<Headers> = Vec::new();
    for value in &values {
        carriers.push(names.iter().map(|name| ((*name).to_owned(), value.clone())).collect());
    }
    let lines = |list: &[(&str, &str)]| {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    carriers.push(lines(&[("traceparent", good), ("traceparent", good)]));
    carriers.push(lines(&[
        ("x-b3-traceid", "1"),
        ("x-b3-spanid", "x"),
        ("x-b3-sampled", "maybe"),
        ("x-b3-flags", "9"),
    ]));
    for state in [",,,,", "=", "a=b,a=b", "\0=\0", &",a=1".repeat(600), &format!("a={long}")] {
        carriers.push(lines(&[("traceparent", good), ("tracestate", state)]));
    }
    carriers
}

/// A malformed header is as good as none: the request is served, under a trace that is whole.
pub fn hostile_headers_are_passed_over(subject: &Subject<'_>) {
    for headers in hostile() {
        let context = subject.tracer.extract_context(&headers);
        let (trace, span) = (context.trace_id(), context.span_id());
        assert_eq!(trace.is_valid(), span.is_valid(), "both identifiers or none: {:?}", headers.first());
        let scope = subject.tracer.start_scope(&SpanOptions::new("request").parent_context(&context));
        if context.is_valid() {
            assert_eq!(scope.trace_id(), trace);
        } else {
            assert_eq!(scope.trace_id().is_valid(), subject.capabilities.identifies, "a trace of its own");
        }
        let passed_on = subject.headers(&Context::current());
        for (name, value) in &passed_on {
            let clean = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            assert!(
                clean(name) && clean(value) && value.len() <= 8192,
                "what is passed on is a legal header: {name}"
            );
        }
    }
}

/// Baggage of any size and content is passed on in part, in whole or not at all, and breaks nothing.
pub fn hostile_baggage_breaks_nothing(subject: &Subject<'_>) {
    let long = "v".repeat(1 << 20);
    let many: String = (0..10_000).map(|n| format!("k{n}=v,")).collect();
    for value in [
        "",
        ",",
        "=",
        "a",
        "a=",
        "=b",
        "a=b;;;",
        "a=%",
        "a=%zz",
        "a=%00",
        "\0",
        "a=\r\nset-cookie: x",
        "🦀=🦀",
        &many,
        &long,
        &format!("a={long}"),
    ] {
        let headers: Headers =
            vec![("baggage".to_owned(), value.to_owned()), ("uberctx-a".to_owned(), value.to_owned())];
        let context = subject.tracer.extract_context(&headers);
        let scope = subject.tracer.start_scope(&SpanOptions::new("request").parent_context(&context));
        let mut all = context.baggage();
        for (name, value) in [("a\0b", "c"), ("", "x"), ("k", "\r\n"), ("long", &*long)] {
            let _ = all.insert(name, value);
        }
        for (name, value) in subject.headers(&Context::current().with_baggage(all)) {
            assert!(
                !name.contains(['\r', '\n', '\0']) && !value.contains(['\r', '\n', '\0']),
                "no line is smuggled: {name}"
            );
        }
        drop(scope);
    }
    let mut baggage = Baggage::default();
    assert!(baggage.insert("user", "7").is_ok());
    let root =
        subject.tracer.start_scope(&SpanOptions::new("root").parent_context(&remote().with_baggage(baggage)));
    let inner = subject.tracer.trace_context("inner");
    assert_eq!(Context::current().baggage().get("user"), Some("7"), "baggage is inherited");
    drop(inner);
    drop(root);
    assert!(Context::current().baggage().is_empty());
}
