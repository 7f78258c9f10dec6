//! Traces as trees of text, one span a line, for people.

use std::collections::{HashMap, HashSet};

use tracer_factory_core::ids::TraceId;
use tracer_factory_core::span::{Event, SpanData, SpanKind, StatusCode};
use tracer_factory_core::value::Value;

use crate::forest::{Forest, Step};
use crate::text::{push_duration, push_escaped, push_value};

/// Levels that are drawn; deeper spans keep this indent and show their depth as a number.
const MAX_INDENT: usize = 24;
/// Attributes shown of one span or event.
const MAX_ATTRIBUTES: usize = 24;
/// Events shown of one span.
const MAX_EVENTS: usize = 32;
/// Characters shown of one name or value.
const MAX_CHARS: usize = 200;

/// How a tree looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    colour: bool,
}

impl Style {
    /// Text alone, for files and pipes.
    pub const fn plain() -> Self {
        Self { colour: false }
    }

    /// With the colours that every terminal knows.
    pub const fn coloured() -> Self {
        Self { colour: true }
    }

    fn paint(self, out: &mut String, colour: Colour, write: impl FnOnce(&mut String)) {
        if self.colour {
            out.push_str(colour.code());
            write(out);
            out.push_str("\u{1b}[0m");
        } else {
            write(out);
        }
    }
}

#[derive(Clone, Copy)]
enum Colour {
    Bold,
    Dim,
    Red,
    Cyan,
}

impl Colour {
    const fn code(self) -> &'static str {
        match self {
            Colour::Bold => "\u{1b}[1m",
            Colour::Dim => "\u{1b}[2m",
            Colour::Red => "\u{1b}[31m",
            Colour::Cyan => "\u{1b}[36m",
        }
    }
}

/// The traces that `spans` belong to, in order of their first span, each as a heading and a tree.
///
/// Spans may come in any order, from any number of services, with parents missing; each is shown once.
/// What they hold can't send commands to the terminal.
pub fn render(spans: &[SpanData], style: Style) -> String {
    let mut out = String::new();
    let mut traces: Vec<(TraceId, Vec<&SpanData>)> = Vec::new();
    let mut places = HashMap::new();
    for span in spans {
        let place = *places.entry(span.trace_id()).or_insert_with(|| {
            traces.push((span.trace_id(), Vec::new()));
            traces.len() - 1
        });
        traces[place].1.push(span);
    }
    for (trace_id, spans) in traces {
        let services: HashSet<&str> = spans.iter().map(|span| span.resource.service_name()).collect();
        let tree = Tree { forest: Forest::of(&spans), spans: &spans, services: services.len(), style };
        tree.render(&mut out, trace_id);
    }
    out
}

/// One trace being drawn.
struct Tree<'a> {
    forest: Forest,
    spans: &'a [&'a SpanData],
    /// Of how many services; with more than one, every span says whose it is.
    services: usize,
    style: Style,
}

impl Tree<'_> {
    fn render(&self, out: &mut String, trace_id: TraceId) {
        self.heading(out, trace_id);
        self.forest.walk(|step| {
            let span = self.spans[step.index];
            self.branch(out, &step);
            self.span(out, span, step.index);
            for event in span.events.iter().take(MAX_EVENTS) {
                self.trunk(out, &step);
                self.event(out, event, span);
            }
            if let Some(more) = span.events.len().checked_sub(MAX_EVENTS + 1) {
                self.trunk(out, &step);
                self.note(out, &format!("… {} more events", more + 1));
                out.push('\n');
            }
        });
    }

    /// `trace … · 5 spans · 3 services · 1 error · 12.4 ms`
    fn heading(&self, out: &mut String, trace_id: TraceId) {
        let errors = self.spans.iter().filter(|span| span.status.code == StatusCode::Error).count();
        self.style.paint(out, Colour::Bold, |out| out.push_str(&format!("trace {trace_id}")));
        out.push_str(&format!(
            " · {} · {}",
            count(self.spans.len(), "span"),
            count(self.services, "service")
        ));
        if errors > 0 {
            out.push_str(" · ");
            self.style.paint(out, Colour::Red, |out| out.push_str(&count(errors, "error")));
        }
        out.push_str(" · ");
        push_duration(out, self.duration());
        out.push('\n');
    }

    /// The root's own duration: other services' clocks may differ by more than the trace took.
    fn duration(&self) -> u64 {
        if let [root] = self.forest.roots() {
            return self.spans[*root].duration_nanos();
        }
        let start = self.spans.iter().map(|span| span.start_unix_nanos).min().unwrap_or(0);
        let end = self.spans.iter().map(|span| span.end_unix_nanos).max().unwrap_or(0);
        end.saturating_sub(start)
    }

    /// The lines left of a span.
    fn branch(&self, out: &mut String, step: &Step<'_>) {
        if let Some((last, above)) = step.last.split_last() {
            self.style.paint(out, Colour::Dim, |out| {
                levels(out, above);
                out.push_str(if *last { "└─ " } else { "├─ " });
                if step.last.len() > MAX_INDENT {
                    out.push_str(&format!("[{} deep] ", step.last.len()));
                }
            });
        }
    }

    /// The lines left of what hangs on a span, down to its children.
    fn trunk(&self, out: &mut String, step: &Step<'_>) {
        self.style.paint(out, Colour::Dim, |out| {
            levels(out, step.last);
            out.push_str(if step.has_children { "│  " } else { "   " });
        });
    }

    /// `name (service) kind 12.4 ms ERROR words  key=value …`
    fn span(&self, out: &mut String, span: &SpanData, index: usize) {
        let parent = self.forest.parent(index).map(|parent| self.spans[parent]);
        self.style.paint(out, Colour::Bold, |out| push_escaped(out, &span.name, MAX_CHARS));
        let service = span.resource.service_name();
        if self.services > 1 || parent.is_none() {
            out.push(' ');
            self.style.paint(out, Colour::Cyan, |out| {
                out.push('(');
                push_escaped(out, service, MAX_CHARS);
                out.push(')');
            });
        }
        if span.kind != SpanKind::Internal {
            out.push(' ');
            out.push_str(span.kind.as_str());
        }
        out.push(' ');
        push_duration(out, span.duration_nanos());
        if span.status.code == StatusCode::Error {
            out.push(' ');
            self.style.paint(out, Colour::Red, |out| {
                out.push_str("ERROR");
                if !span.status.message.is_empty() {
                    out.push(' ');
                    push_escaped(out, &span.status.message, MAX_CHARS);
                }
            });
        }
        self.attributes(out, &span.attributes, span.dropped_attributes);
        self.oddities(out, span, parent, self.forest.is_cut(index));
        out.push('\n');
    }

    /// What would make a reader doubt the tree: a parent elsewhere, clocks that differ, events left out.
    fn oddities(&self, out: &mut String, span: &SpanData, parent: Option<&SpanData>, cut: bool) {
        match (parent, span.parent_span_id) {
            (None, Some(id)) if id != span.span_id() => {
                let what = match span.parent_is_remote {
                    _ if cut => "is also below it",
                    Some(true) => "is in another process",
                    _ => "is not here",
                };
                out.push_str("  ");
                self.note(out, &format!("[parent {id} {what}]"));
            }
            (Some(parent), _) if span.start_unix_nanos < parent.start_unix_nanos => {
                let mut words = "[starts ".to_owned();
                push_duration(&mut words, parent.start_unix_nanos - span.start_unix_nanos);
                words.push_str(" before its parent: clocks differ]");
                out.push_str("  ");
                self.note(out, &words);
            }
            _ => {}
        }
        if span.dropped_events > 0 {
            out.push_str("  ");
            self.note(out, &format!("[{} dropped]", count(span.dropped_events as usize, "event")));
        }
    }

    /// `· name +1.2 ms  key=value …`
    fn event(&self, out: &mut String, event: &Event, span: &SpanData) {
        out.push_str("· ");
        push_escaped(out, &event.name, MAX_CHARS);
        out.push_str(if event.time_unix_nanos < span.start_unix_nanos { " -" } else { " +" });
        push_duration(out, event.time_unix_nanos.abs_diff(span.start_unix_nanos));
        self.attributes(out, &event.attributes, event.dropped_attributes);
        out.push('\n');
    }

    fn attributes(&self, out: &mut String, attributes: &[(String, Value)], dropped: u32) {
        for (index, (key, value)) in attributes.iter().take(MAX_ATTRIBUTES).enumerate() {
            out.push_str(if index == 0 { "  " } else { " " });
            self.style.paint(out, Colour::Dim, |out| {
                push_escaped(out, key, MAX_CHARS);
                out.push('=');
            });
            match value {
                Value::Str(text) => push_value(out, text, MAX_CHARS),
                other => push_value(out, &other.to_string(), MAX_CHARS),
            }
        }
        let more = attributes.len().saturating_sub(MAX_ATTRIBUTES);
        if more > 0 {
            out.push(' ');
            self.note(out, &format!("… {} more", count(more, "attribute")));
        }
        if dropped > 0 {
            out.push_str("  ");
            self.note(out, &format!("[{} dropped]", count(dropped as usize, "attribute")));
        }
    }

    fn note(&self, out: &mut String, words: &str) {
        self.style.paint(out, Colour::Dim, |out| out.push_str(words));
    }
}

fn levels(out: &mut String, last: &[bool]) {
    for last in last.iter().take(MAX_INDENT) {
        out.push_str(if *last { "   " } else { "│  " });
    }
}

/// `1 span`, `2 spans`.
fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags};
    use tracer_factory_core::span::{Resource, Status};

    use super::*;

    const MS: u64 = 1_000_000;

    fn span(id: u64, parent: u64, name: &str, service: &str, from_ms: u64, to_ms: u64) -> SpanData {
        SpanData {
            context: SpanContext::new(TraceId::from_int(0x4bf9), SpanId::from_int(id), TraceFlags::SAMPLED),
            parent_span_id: (parent != 0).then(|| SpanId::from_int(parent)),
            name: name.to_owned(),
            start_unix_nanos: (1000 + from_ms) * MS,
            end_unix_nanos: (1000 + to_ms) * MS,
            resource: Arc::new(Resource {
                attributes: vec![("service.name".into(), service.to_owned().into())],
            }),
            ..SpanData::default()
        }
    }

    #[test]
    fn three_services() {
        let mut gateway = span(1, 0, "handle_query", "api-gateway", 0, 12);
        gateway.kind = SpanKind::Server;
        gateway.attributes = vec![("user_id".into(), "user_123".into()), ("query".into(), "what is".into())];
        let user = span(2, 1, "process_user_request", "user-service", 1, 11);
        let mut validate = span(3, 2, "validate_user", "user-service", 2, 3);
        validate.events = vec![Event {
            name: "cache miss".into(),
            time_unix_nanos: 1002 * MS + 500_000,
            attributes: vec![("key".into(), 7.into())],
            ..Event::default()
        }];
        let mut llm = span(4, 2, "generate_response", "llm-service", 4, 10);
        llm.status = Status { code: StatusCode::Error, message: "model is away".into() };
        llm.dropped_attributes = 1;
        let call = span(5, 4, "chat", "llm-service", 5, 9);
        let text = render(&[call, validate, llm, user, gateway], Style::plain());
        assert_eq!(
            text,
            "\
trace 00000000000000000000000000004bf9 · 5 spans · 3 services · 1 error · 12.0 ms
handle_query (api-gateway) server 12.0 ms  user_id=user_123 query=\"what is\"
└─ process_user_request (user-service) 10.0 ms
   ├─ validate_user (user-service) 1.0 ms
   │     · cache miss +500 µs  key=7
   └─ generate_response (llm-service) 6.0 ms ERROR model is away  [1 attribute dropped]
      └─ chat (llm-service) 4.0 ms
"
        );
    }

    #[test]
    fn what_is_odd_is_said() {
        let early = span(2, 1, "early", "b", 0, 1);
        let late = span(1, 0, "late", "a", 3, 4);
        assert!(
            render(&[early, late], Style::plain())
                .contains("[starts 3.0 ms before its parent: clocks differ]")
        );

        let mut orphan = span(2, 9, "orphan", "a", 0, 1);
        assert!(render(&[orphan.clone()], Style::plain()).contains("[parent 0000000000000009 is not here]"));
        orphan.parent_is_remote = Some(true);
        assert!(
            render(&[orphan], Style::plain()).contains("[parent 0000000000000009 is in another process]")
        );

        let text = render(&[span(1, 2, "x", "a", 0, 1), span(2, 1, "y", "a", 0, 1)], Style::plain());
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains("is also below it]"), "{text}");
    }

    #[test]
    fn traces_are_kept_apart() {
        let mut other = span(2, 1, "b", "a", 0, 1);
        other.context.trace_id = TraceId::from_int(2);
        let text = render(&[span(1, 0, "a", "a", 0, 1), other], Style::plain());
        assert_eq!(text.matches("trace 0").count(), 2);
        assert_eq!(render(&[], Style::plain()), "");
    }

    #[test]
    fn ten_thousand_levels_stay_readable() {
        let spans: Vec<_> = (1..=10_000).map(|id| span(id, id - 1, "deep", "a", 0, 1)).collect();
        let text = render(&spans, Style::plain());
        assert_eq!(text.lines().count(), 10_001);
        assert!(text.contains("[9999 deep] deep 1.0 ms"));
        assert!(text.len() < 2_000_000, "{}", text.len());
    }

    #[test]
    fn ten_thousand_attributes_and_ten_megabytes_are_cut() {
        let mut wide = span(1, 0, "wide", "a", 0, 1);
        wide.attributes = (0..10_000).map(|i| (format!("k{i}"), "v".into())).collect();
        wide.attributes[0].1 = "x y".repeat(3_000_000).into();
        wide.events = vec![Event::default(); 100];
        let text = render(&[wide], Style::plain());
        assert!(text.contains("… 9976 attributes more") && text.contains("… 68 more events"), "{text}");
        assert!(text.len() < 10_000, "{}", text.len());
    }

    #[test]
    fn nothing_in_a_span_commands_the_terminal() {
        let evil = "\u{1b}]0;x\u{7}\u{9b}2J\n";
        let mut span = span(1, 9, evil, evil, 0, 1);
        span.attributes = vec![(evil.into(), evil.to_owned().into())];
        span.attributes.push(("list".into(), Value::Array(vec![evil.to_owned().into()])));
        span.events = vec![Event { name: evil.into(), ..Event::default() }];
        span.status = Status { code: StatusCode::Error, message: evil.into() };
        let text = render(&[span], Style::plain());
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert_eq!(text.lines().count(), 3);
    }

    #[test]
    fn colours_change_nothing_but_the_colours() {
        let spans = [span(1, 0, "a", "s", 0, 2), span(2, 1, "b", "t", 0, 1)];
        let mut coloured = render(&spans, Style::coloured());
        assert!(coloured.contains("\u{1b}[1ma\u{1b}[0m"));
        for code in ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[31m", "\u{1b}[36m"] {
            coloured = coloured.replace(code, "");
        }
        assert_eq!(coloured, render(&spans, Style::plain()));
    }
}
