//! Errors and panics as the `exception` event of OpenTelemetry's conventions.

use std::any::Any;
use std::error::Error;
use std::fmt::Write as _;

use crate::recorder::OpenSpan;
use crate::span::StatusCode;
use crate::value::AttrValue;

/// What an error says of itself, worked out before a span is touched (its `Display` is the user's code).
#[derive(Debug, Default)]
pub(crate) struct Exception {
    kind: String,
    message: String,
    causes: String,
}

impl Exception {
    pub(crate) fn of<E: Error + ?Sized>(error: &E) -> Self {
        let kind = std::any::type_name::<E>();
        let mut causes = String::new();
        let mut source = error.source();
        // A cycle of sources would never end; nobody reads more than these.
        for _ in 0..32 {
            let Some(cause) = source else { break };
            let _ = writeln!(causes, "caused by: {cause}");
            source = cause.source();
        }
        let kind = if kind.starts_with("dyn ") { String::new() } else { kind.to_owned() };
        Self { kind, message: error.to_string(), causes }
    }

    pub(crate) fn of_message(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// The text of a caught panic.
    pub(crate) fn of_panic(payload: &(dyn Any + Send)) -> Self {
        Self { kind: "panic".to_owned(), message: panic_text(payload), ..Self::default() }
    }

    /// A panic whose text nobody caught.
    pub(crate) fn of_unwinding() -> Self {
        Self { kind: "panic".to_owned(), message: "panicked".to_owned(), ..Self::default() }
    }

    /// Adds the event and makes the span an error.
    pub(crate) fn record(&self, span: &mut OpenSpan) {
        let attributes = [
            ("exception.type", AttrValue::from(&self.kind)),
            ("exception.message", AttrValue::from(&self.message)),
            ("exception.stacktrace", AttrValue::from(&self.causes)),
        ];
        let said = attributes
            .iter()
            .filter(|(_, value)| value.as_str() != Some(""))
            .map(|(name, value)| (*name, value));
        span.add_event("exception", None, said);
        span.set_status(StatusCode::Error, &self.message);
    }
}

/// The text of a caught panic; panics carry text, unless they were made by hand.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panicked".to_owned())
}
