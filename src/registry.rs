//! The backends that are compiled in, and the names of those that could be.

use tracer_factory_core::config::TracerType;
use tracer_factory_core::delivery::Backend;
use tracer_factory_core::error::ConfigError;

/// Every backend of this build but noop, which sends nothing anywhere and is always there.
pub const BACKENDS: &[Backend] = &[
    #[cfg(feature = "agent-session")]
    tracer_factory_agent_session::BACKEND,
    #[cfg(feature = "otlp")]
    tracer_factory_otlp::BACKEND,
    #[cfg(feature = "jaeger")]
    tracer_factory_jaeger::BACKEND,
    #[cfg(feature = "zipkin")]
    tracer_factory_zipkin::BACKEND,
    #[cfg(feature = "console")]
    tracer_factory_console::BACKEND,
    #[cfg(feature = "sdk")]
    tracer_factory_sdk::OTLP_SDK,
    #[cfg(feature = "sdk")]
    tracer_factory_sdk::ZIPKIN_SDK,
];

/// The cargo feature that brings a type.
pub const fn feature_of(tracer_type: &TracerType) -> &'static str {
    match tracer_type {
        TracerType::AgentSession => "agent-session",
        TracerType::Otlp => "otlp",
        TracerType::Jaeger => "jaeger",
        TracerType::Zipkin => "zipkin",
        TracerType::Console => "console",
        TracerType::NoOp => "noop",
        _ => "sdk",
    }
}

/// The backend of a built-in type, or the error that says how to get it.
pub fn backend(tracer_type: &TracerType) -> Result<&'static Backend, ConfigError> {
    let found = BACKENDS.iter().find(|backend| backend.name == tracer_type.name());
    found.ok_or_else(|| ConfigError::NotCompiled {
        backend: tracer_type.name().to_owned(),
        feature: feature_of(tracer_type).to_owned(),
        available: available(),
    })
}

/// The names of everything that can be chosen in this build.
fn available() -> String {
    let names: Vec<_> = BACKENDS.iter().map(|backend| backend.name).chain(["noop"]).collect();
    names.join(", ")
}

/// One tracer type for each backend. They differ in destination and defaults only.
#[cfg(any(
    feature = "agent-session",
    feature = "console",
    feature = "jaeger",
    feature = "otlp",
    feature = "zipkin"
))]
pub mod types {
    use tracer_factory_core::{
        delivery::Backend,
        recording::{BackendType, RecordingTracer},
    };

    macro_rules! tracer_type {
        ($marker:ident, $tracer:ident, $backend:path, $what:literal) => {
            #[doc = concat!("Marks ", $what, ".")]
            #[derive(Debug)]
            pub enum $marker {}

            impl BackendType for $marker {
                const BACKEND: Backend = $backend;
            }

            #[doc = concat!("Records into ", $what, ".")]
            pub type $tracer = RecordingTracer<$marker>;
        };
    }

    #[cfg(feature = "agent-session")]
    tracer_type!(AgentSession, AgentSessionTracer, tracer_factory_agent_session::BACKEND, "agent sessions");
    #[cfg(feature = "otlp")]
    tracer_type!(Otlp, OtlpTracer, tracer_factory_otlp::BACKEND, "an OTLP receiver");
    #[cfg(feature = "jaeger")]
    tracer_type!(Jaeger, JaegerTracer, tracer_factory_jaeger::BACKEND, "Jaeger");
    #[cfg(feature = "zipkin")]
    tracer_type!(Zipkin, ZipkinTracer, tracer_factory_zipkin::BACKEND, "Zipkin");
    #[cfg(feature = "console")]
    tracer_type!(Console, ConsoleTracer, tracer_factory_console::BACKEND, "the terminal");
}
