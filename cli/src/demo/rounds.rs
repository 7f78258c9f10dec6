//! The requests that the demo sends by itself, and what must come of each.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tracer_factory::SpanData;

use super::{gateway, llm, user};

/// A request and the trace it must leave behind.
pub(super) struct Round {
    pub(super) title: &'static str,
    pub(super) user_id: &'static str,
    pub(super) query: &'static str,
    valid: bool,
}

pub(super) const ROUNDS: [Round; 3] = [
    Round { title: "A valid user", user_id: "user_123", query: "Explain distributed tracing", valid: true },
    Round { title: "Another one", user_id: "user_456", query: "What does a span carry?", valid: true },
    Round {
        title: "An invalid user",
        user_id: "guest_7",
        query: "Explain distributed tracing",
        valid: false,
    },
];

/// Name, service, name of the parent.
type Expected = (&'static str, &'static str, Option<&'static str>);

const HANDLE: Expected = ("handle_query", gateway::NAME, None);
const PROCESS: Expected = ("process_user_request", user::NAME, Some("handle_query"));
const VALIDATE: Expected = ("validate_user", user::NAME, Some("process_user_request"));
const GENERATE: Expected = ("generate_response", llm::NAME, Some("process_user_request"));
const MODEL_CALL: Expected = (llm::MODEL_CALL, llm::NAME, Some("generate_response"));

impl Round {
    pub(super) fn body(&self) -> Value {
        json!({ "user_id": self.user_id, "query": self.query })
    }

    fn expected(&self) -> &'static [Expected] {
        if self.valid {
            &[HANDLE, PROCESS, VALIDATE, GENERATE, MODEL_CALL]
        } else {
            &[HANDLE, PROCESS, VALIDATE]
        }
    }

    /// What is wrong with the answer; nothing, when it is right.
    pub(super) fn check_answer(&self, status: StatusCode, body: &Value) -> Option<String> {
        let right = match self.valid {
            true => body["response"].as_str().is_some_and(|response| !response.is_empty()),
            false => *body == json!({ "error": "Invalid user" }),
        };
        (!right || status != StatusCode::OK).then(|| format!("the gateway answered {status} {body}"))
    }

    /// What is wrong with the trace; nothing, when it is whole.
    pub(super) fn check_trace(&self, spans: &[SpanData]) -> Vec<String> {
        let mut wrong = Vec::new();
        if spans.len() != self.expected().len() {
            wrong.push(format!("it has {} spans instead of {}", spans.len(), self.expected().len()));
        }
        for &(name, service, parent) in self.expected() {
            let found = spans.iter().find(|span| span.name == name);
            let Some(span) = found.filter(|span| span.resource.service_name() == service) else {
                wrong.push(format!("there is no span {name} of {service}"));
                continue;
            };
            let is_parent = |other: &&SpanData| {
                Some(other.span_id()) == span.parent_span_id && other.trace_id() == span.trace_id()
            };
            let actual = spans.iter().find(is_parent).map(|parent| &*parent.name);
            if actual != parent || (parent.is_none() && span.parent_span_id.is_some()) {
                let words = |parent: Option<&str>| parent.unwrap_or("nothing").to_owned();
                wrong.push(format!("{name} is under {} instead of {}", words(actual), words(parent)));
            }
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracer_factory::{Resource, SpanContext, SpanId, TraceFlags, TraceId};

    use super::*;

    fn span(id: u64, parent: Option<u64>, name: &str, service: &str) -> SpanData {
        SpanData {
            context: SpanContext::new(TraceId::from_int(1), SpanId::from_int(id), TraceFlags::SAMPLED),
            parent_span_id: parent.map(SpanId::from_int),
            name: name.to_owned(),
            resource: Arc::new(Resource {
                attributes: vec![("service.name".into(), service.to_owned().into())],
            }),
            ..SpanData::default()
        }
    }

    fn whole() -> Vec<SpanData> {
        vec![
            span(3, Some(2), "validate_user", "user-service"),
            span(2, Some(1), "process_user_request", "user-service"),
            span(1, None, "handle_query", "api-gateway"),
        ]
    }

    #[test]
    fn a_whole_trace_has_nothing_wrong() {
        assert_eq!(ROUNDS[2].check_trace(&whole()), [""; 0]);
    }

    #[test]
    fn whatever_is_wrong_is_said() {
        let mut spans = whole();
        spans[1].parent_span_id = Some(SpanId::from_int(9));
        assert_eq!(
            ROUNDS[2].check_trace(&spans),
            ["process_user_request is under nothing instead of handle_query"]
        );

        let mut spans = whole();
        spans[1].context.trace_id = TraceId::from_int(2);
        assert_eq!(ROUNDS[2].check_trace(&spans).len(), 2, "two traces are not one");

        let mut spans = whole();
        spans[2].resource = Arc::default();
        assert_eq!(ROUNDS[2].check_trace(&spans), ["there is no span handle_query of api-gateway"]);

        assert_eq!(ROUNDS[0].check_trace(&whole()).len(), 3, "the model was not asked");
        assert!(ROUNDS[0].check_answer(StatusCode::OK, &json!({ "response": "" })).is_some());
        assert!(
            ROUNDS[2].check_answer(StatusCode::BAD_GATEWAY, &json!({ "error": "Invalid user" })).is_some()
        );
    }
}
