//! The names that `TRACER_TYPE` takes.

use std::fmt;

/// Where spans go.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TracerType {
    /// Sessions of agents, into the embedded or a separate trace server.
    AgentSession,
    /// OTLP over gRPC or HTTP.
    Otlp,
    /// Jaeger's Thrift over HTTP or UDP, or OTLP to Jaeger.
    Jaeger,
    /// Zipkin v2 JSON.
    Zipkin,
    /// The terminal.
    Console,
    /// Nowhere; context is still passed on.
    NoOp,
    /// OTLP through the `opentelemetry-otlp` crate.
    OtlpSdk,
    /// Zipkin through the `opentelemetry-zipkin` crate.
    ZipkinSdk,
    /// A `SpanExporter` that the program registered under this name.
    Registered(String),
}

impl TracerType {
    /// Each type with the names it answers to, the first being the one it is called by.
    pub const NAMES: &'static [(TracerType, &'static [&'static str])] = &[
        (TracerType::AgentSession, &["agent-session", "agentops", "agent_session"]),
        (TracerType::Otlp, &["otlp", "opentelemetry", "otel"]),
        (TracerType::Jaeger, &["jaeger"]),
        (TracerType::Zipkin, &["zipkin"]),
        (TracerType::Console, &["console"]),
        (TracerType::NoOp, &["noop", "none"]),
        (TracerType::OtlpSdk, &["otlp-sdk"]),
        (TracerType::ZipkinSdk, &["zipkin-sdk"]),
    ];

    /// The seed documents' name for [`TracerType::AgentSession`].
    #[allow(non_upper_case_globals)]
    pub const AgentOps: TracerType = TracerType::AgentSession;
    /// The seed documents' name for [`TracerType::Otlp`].
    #[allow(non_upper_case_globals)]
    pub const OpenTelemetry: TracerType = TracerType::Otlp;

    /// The type that answers to `name` in any case; `None` for a name that is not built in.
    pub fn from_name(name: &str) -> Option<Self> {
        let matches = |names: &&[&str]| names.iter().any(|n| n.eq_ignore_ascii_case(name));
        Self::NAMES.iter().find(|(_, names)| matches(names)).map(|(tracer_type, _)| tracer_type.clone())
    }

    /// The name it is called by.
    pub fn name(&self) -> &str {
        match self {
            TracerType::Registered(name) => name,
            built_in => Self::NAMES.iter().find(|(t, _)| t == built_in).map_or("", |(_, names)| names[0]),
        }
    }
}

impl fmt::Display for TracerType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_type() {
        for (tracer_type, names) in TracerType::NAMES {
            for name in *names {
                assert_eq!(TracerType::from_name(&name.to_uppercase()), Some(tracer_type.clone()));
            }
            assert_eq!(tracer_type.name(), names[0]);
        }
        assert_eq!(TracerType::from_name("jeager"), None);
    }
}
