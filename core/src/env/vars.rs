//! The table of variables. Parsing, checks, `explain` and the README's table all follow from it.

use serde::Deserialize;

use super::var::{Kind, Var};
use crate::config::{Endpoint, bounds};

const PROTOCOLS: &[&str] = &["grpc", "http/protobuf", "http/json"];
const COMPRESSIONS: &[&str] = &["none", "gzip"];
const TYPES: &[&str] = &[
    "agent-session",
    "agentops",
    "otlp",
    "opentelemetry",
    "jaeger",
    "zipkin",
    "console",
    "noop",
    "none",
    "otlp-sdk",
    "zipkin-sdk",
];
const OVERFLOWS: &[&str] = &["spill", "drop", "block"];
const FSYNCS: &[&str] = &["never", "always"];
const PROPAGATORS: &[&str] = &["tracecontext", "b3", "b3multi", "jaeger", "baggage", "composite", "none"];
const OTEL_NAMES: &[&str] = &["tracecontext", "baggage", "b3", "b3multi", "jaeger", "none"];
const OTEL_SAMPLERS: &[&str] = &[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

const CAPTURES: &[&str] = &["true", "false", "span_only", "event_only", "span_and_event", "no_content"];
const REDACT_MODES: &[&str] = &["credentials", "allow-list", "off"];
const URL_QUERIES: &[&str] = &["secrets", "all", "keep"];

/// One row a variable: its name, its field for envy (the name in lower case), what it takes, its default, its meaning.
macro_rules! variables {
    ($($section:literal { $($name:ident $field:ident $kind:expr, $default:literal, $help:literal;)* })*) => {
        $($(
            #[doc = $help]
            pub const $name: Var = Var {
                name: stringify!($name),
                kind: $kind,
                default: $default,
                help: $help,
                secret: $kind.is_secret(),
                section: $section,
            };
        )*)*

        /// Every variable that is read.
        pub const VARS: &[Var] = &[$($($name,)*)*];

        /// What envy fills. No `Debug`: some are secrets.
        #[derive(Deserialize, Default)]
        pub(super) struct Values {
            $($($field: Option<String>,)*)*
        }

        impl Values {
            pub(super) fn get(&self, name: &str) -> Option<&str> {
                match name {
                    $($(stringify!($name) => self.$field.as_deref(),)*)*
                    _ => None,
                }
            }
        }
    };
}

variables! {
    "Where traces go" {
        TRACER_TYPE tracer_type Kind::ListOf(TYPES), "agent-session",
            "Where spans go; several by comma receive the same spans, noop and none stand alone. The name of an exporter that the program registered is taken too.";
        TRACER_EXPORTER tracer_exporter Kind::ListOf(&["otlp", "jaeger", "zipkin", "console"]), "otlp",
            "What TRACER_TYPE=opentelemetry exports to.";
        OTEL_SDK_DISABLED otel_sdk_disabled Kind::OtelBool, "false",
            "true records nothing, whatever else is set; context is still passed on.";
        OTEL_TRACES_EXPORTER otel_traces_exporter Kind::ListOf(&["otlp", "jaeger", "zipkin", "console", "none"]), "(not set)",
            "Stands in for TRACER_TYPE when that is not set, and for TRACER_EXPORTER when TRACER_TYPE=opentelemetry.";
    }
    "Service and resource" {
        TRACER_SERVICE_NAME tracer_service_name Kind::Text, "(unknown_service:<program>)",
            "service.name of the resource.";
        TRACER_SERVICE_VERSION tracer_service_version Kind::Text, "(not set)",
            "service.version of the resource.";
        TRACER_ENVIRONMENT tracer_environment Kind::Text, "(not set)",
            "deployment.environment.name of the resource.";
        TRACER_PROJECT tracer_project Kind::Text, "(not set)",
            "The project that spans are filed under.";
        TRACER_RESOURCE_ATTRIBUTES tracer_resource_attributes Kind::Pairs, "(none)",
            "More attributes of the resource.";
        OTEL_SERVICE_NAME otel_service_name Kind::Text, "(not set)",
            "service.name; wins over OTEL_RESOURCE_ATTRIBUTES.";
        OTEL_RESOURCE_ATTRIBUTES otel_resource_attributes Kind::Pairs, "(none)",
            "Attributes of the resource; TRACER_RESOURCE_ATTRIBUTES wins key by key.";
        OTEL_RESOURCE_ATTRIBUTES_POD_NAME otel_resource_attributes_pod_name Kind::Text, "(not set)",
            "k8s.pod.name of the resource, from Kubernetes' downward API.";
        OTEL_RESOURCE_ATTRIBUTES_NODE_NAME otel_resource_attributes_node_name Kind::Text, "(not set)",
            "k8s.node.name of the resource, from Kubernetes' downward API.";
    }
    "Sampling, instrumentation, propagation" {
        TRACER_SAMPLING_RATE tracer_sampling_rate Kind::Ratio, "1",
            "The share of new traces that are recorded; a trace that another service began follows its decision.";
        TRACER_INSTRUMENT_MANAGED tracer_instrument_managed Kind::Bool, "false",
            "Whether instrument may install process-wide pieces.";
        TRACER_PROPAGATOR tracer_propagator Kind::ListOf(PROPAGATORS), "tracecontext",
            "Header formats, in the order they are tried; composite is tracecontext, b3, b3multi and jaeger; baggage sends baggage too.";
        OTEL_TRACES_SAMPLER otel_traces_sampler Kind::OneOf(OTEL_SAMPLERS), "(not set)",
            "The sampling rate in OpenTelemetry's words; a parent's decision is followed with each of them.";
        OTEL_TRACES_SAMPLER_ARG otel_traces_sampler_arg Kind::Ratio, "(1)",
            "The ratio of the traceidratio samplers.";
        OTEL_PROPAGATORS otel_propagators Kind::ListOf(OTEL_NAMES), "(not set)",
            "Header formats.";
    }
    "Limits" {
        TRACER_ATTRIBUTE_LIMIT tracer_attribute_limit Kind::Limit(bounds::COUNT), "128",
            "Attributes of a span; those beyond are dropped and counted.";
        TRACER_EVENT_LIMIT tracer_event_limit Kind::Limit(bounds::COUNT), "128",
            "Events of a span.";
        TRACER_LINK_LIMIT tracer_link_limit Kind::Limit(bounds::COUNT), "128",
            "Links of a span.";
        TRACER_EVENT_ATTRIBUTE_LIMIT tracer_event_attribute_limit Kind::Limit(bounds::COUNT), "128",
            "Attributes of one event.";
        TRACER_LINK_ATTRIBUTE_LIMIT tracer_link_attribute_limit Kind::Limit(bounds::COUNT), "128",
            "Attributes of one link.";
        TRACER_VALUE_LENGTH_LIMIT tracer_value_length_limit Kind::SizeLimit(bounds::VALUE_BYTES), "unlimited",
            "Bytes of one text or byte value; longer ones are cut at a character's border.";
        TRACER_SPAN_BYTES tracer_span_bytes Kind::Size(bounds::SPAN_BYTES), "1MiB",
            "Bytes of one encoded span; not more than TRACER_LANE_BYTES.";
        TRACER_LAST_TRACE_BYTES tracer_last_trace_bytes Kind::Size(bounds::LAST_TRACE_BYTES), "8MiB",
            "Bytes of one trace that get_last_trace keeps.";
        OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT otel_span_attribute_count_limit Kind::Count(bounds::COUNT), "(not set)",
            "Attributes of a span.";
        OTEL_SPAN_EVENT_COUNT_LIMIT otel_span_event_count_limit Kind::Count(bounds::COUNT), "(not set)",
            "Events of a span.";
        OTEL_SPAN_LINK_COUNT_LIMIT otel_span_link_count_limit Kind::Count(bounds::COUNT), "(not set)",
            "Links of a span.";
        OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT otel_event_attribute_count_limit Kind::Count(bounds::COUNT), "(not set)",
            "Attributes of one event.";
        OTEL_LINK_ATTRIBUTE_COUNT_LIMIT otel_link_attribute_count_limit Kind::Count(bounds::COUNT), "(not set)",
            "Attributes of one link.";
        OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT otel_span_attribute_value_length_limit Kind::Count(bounds::VALUE_BYTES), "(not set)",
            "Length of one value, counted in bytes.";
        OTEL_ATTRIBUTE_COUNT_LIMIT otel_attribute_count_limit Kind::Count(bounds::COUNT), "(not set)",
            "Attributes of a span, an event or a link without a limit of its own.";
        OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT otel_attribute_value_length_limit Kind::Count(bounds::VALUE_BYTES), "(not set)",
            "Length of one value, counted in bytes.";
    }
    "Secrets" {
        TRACER_REDACT tracer_redact Kind::OneOf(REDACT_MODES), "credentials",
            "What is taken out of spans before they are recorded: credentials and card numbers; every value but those of TRACER_REDACT_ALLOW_KEYS; or nothing.";
        TRACER_REDACT_KEYS tracer_redact_keys Kind::Text, "(none)",
            "More attribute names, by comma, whose values are taken out; looked for word by word, so that customer.email is found in app.customerEmail too.";
        TRACER_REDACT_ALLOW_KEYS tracer_redact_allow_keys Kind::Text, "(none)",
            "Whole attribute names, by comma, whose values are kept; * at the end for any rest.";
        TRACER_REDACT_URL_QUERY tracer_redact_url_query Kind::OneOf(URL_QUERIES), "secrets",
            "What of a URL's query is taken out: the values of secret parameters, all of it, or nothing.";
        TRACER_CAPTURE_MESSAGES tracer_capture_messages Kind::Bool, "(true for agent-session)",
            "Whether what people and models say to each other is recorded: prompts, answers, arguments and results of tools.";
        OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT otel_instrumentation_genai_capture_message_content Kind::OneOf(CAPTURES), "(not set)",
            "The same, as OpenTelemetry's instrumentations are told.";
        TRACER_ALLOW_PLAINTEXT_CREDENTIALS tracer_allow_plaintext_credentials Kind::Bool, "false",
            "Whether credentials may go to another host over http://.";
    }
    "Delivery" {
        TRACER_SCHEDULE_DELAY tracer_schedule_delay Kind::Duration(bounds::SCHEDULE_DELAY), "1s",
            "The longest a finished span waits before it is sent.";
        TRACER_BATCH_SPANS tracer_batch_spans Kind::Count(bounds::BATCH_SPANS), "2048",
            "Spans in one request.";
        TRACER_BATCH_BYTES tracer_batch_bytes Kind::Size(bounds::BATCH_BYTES), "512KiB",
            "Bytes of spans in one request.";
        TRACER_QUEUE_BYTES tracer_queue_bytes Kind::Size(bounds::QUEUE_BYTES), "64MiB",
            "Bytes of finished spans kept for a destination that does not answer; beyond it the oldest are dropped and counted.";
        TRACER_LANE_BYTES tracer_lane_bytes Kind::Size(bounds::LANE_BYTES), "1MiB",
            "Bytes of finished spans one thread may have waiting to be gathered.";
        TRACER_OVERFLOW tracer_overflow Kind::OneOf(OVERFLOWS), "spill",
            "What a thread does whose lane is full: spill has delivery move the lane's spans on, to disk if need be, for up to a second, and then keeps new ones in memory up to TRACER_QUEUE_BYTES, of which the oldest go first; drop drops at once, block waits.";
        TRACER_SPOOL_DIR tracer_spool_dir Kind::PathOrOff, "(per user)",
            "Where finished spans are kept until they are delivered, so that they survive the process; off keeps them in memory only. By default in the user's state directory, for destinations over a network.";
        TRACER_SPOOL_MAX_BYTES tracer_spool_max_bytes Kind::Size(bounds::SPOOL_BYTES), "256MiB",
            "Bytes that may wait on disk; beyond it the oldest spans are dropped and counted.";
        TRACER_SPOOL_MAX_AGE tracer_spool_max_age Kind::Duration(bounds::SPOOL_AGE), "24h",
            "How long spans may wait on disk.";
        TRACER_SPOOL_FSYNC tracer_spool_fsync Kind::DurationOr(bounds::SPOOL_FSYNC, FSYNCS), "500ms",
            "How often what was written has to reach the disk itself, for when the machine stops; always is before a batch counts as kept. A killed process loses nothing either way.";
        TRACER_SHUTDOWN_TIMEOUT tracer_shutdown_timeout Kind::Duration(bounds::SHUTDOWN_TIMEOUT), "5s",
            "How long teardown and the drop of the last handle may take.";
        OTEL_BSP_SCHEDULE_DELAY otel_bsp_schedule_delay Kind::Millis(bounds::SCHEDULE_DELAY), "(not set)",
            "The longest a finished span waits before it is sent.";
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE otel_bsp_max_export_batch_size Kind::Count(bounds::BATCH_SPANS), "(not set)",
            "Spans in one request.";
        OTEL_BSP_MAX_QUEUE_SIZE otel_bsp_max_queue_size Kind::Count(bounds::QUEUE_SPANS), "(not set)",
            "Spans kept for a destination that does not answer, counted as 1 KiB each.";
        OTEL_BSP_EXPORT_TIMEOUT otel_bsp_export_timeout Kind::Millis(bounds::TIMEOUT), "(not set)",
            "One request's limit, for every destination without one of its own.";
    }
    "TLS" {
        TRACER_CERTIFICATE tracer_certificate Kind::Path, "(bundled and system roots)",
            "PEM file with certificate authorities to trust as well, for every destination; OTLP's own variables win.";
        TRACER_CLIENT_CERTIFICATE tracer_client_certificate Kind::Path, "(none)",
            "PEM file with the client's certificate chain, for every destination that asks for one; goes with TRACER_CLIENT_KEY.";
        TRACER_CLIENT_KEY tracer_client_key Kind::Path, "(none)",
            "PEM file with the client's private key; goes with TRACER_CLIENT_CERTIFICATE.";
    }
    "OTLP" {
        OTLP_ENDPOINT otlp_endpoint Kind::Url(Endpoint::HTTP), "(http://localhost:4317 for grpc, http://localhost:4318 for http)",
            "Base or full URL of the receiver.";
        OTLP_PROTOCOL otlp_protocol Kind::OneOf(PROTOCOLS), "(by the endpoint's port or path)",
            "How OTLP is spoken.";
        OTLP_HEADERS otlp_headers Kind::Headers, "(none)",
            "Headers of each request.";
        OTLP_HEADERS_FILE otlp_headers_file Kind::SecretFile, "(none)",
            "File that holds the value of OTLP_HEADERS.";
        OTLP_TIMEOUT otlp_timeout Kind::Duration(bounds::TIMEOUT), "10s",
            "One request's limit.";
        OTLP_COMPRESSION otlp_compression Kind::OneOf(COMPRESSIONS), "none",
            "Compression of the bodies.";
        OTLP_CERTIFICATE otlp_certificate Kind::Path, "(bundled and system roots)",
            "PEM file with certificate authorities to trust as well.";
        OTLP_CLIENT_CERTIFICATE otlp_client_certificate Kind::Path, "(none)",
            "PEM file with the client's certificate chain; goes with OTLP_CLIENT_KEY.";
        OTLP_CLIENT_KEY otlp_client_key Kind::Path, "(none)",
            "PEM file with the client's private key; goes with OTLP_CLIENT_CERTIFICATE.";
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT otel_exporter_otlp_traces_endpoint Kind::Url(Endpoint::HTTP), "(not set)",
            "Full URL of the receiver, used as it is.";
        OTEL_EXPORTER_OTLP_ENDPOINT otel_exporter_otlp_endpoint Kind::Url(Endpoint::HTTP), "(not set)",
            "Base URL of the receiver.";
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL otel_exporter_otlp_traces_protocol Kind::OneOf(PROTOCOLS), "(not set)",
            "How OTLP is spoken.";
        OTEL_EXPORTER_OTLP_PROTOCOL otel_exporter_otlp_protocol Kind::OneOf(PROTOCOLS), "(not set)",
            "How OTLP is spoken.";
        OTEL_EXPORTER_OTLP_TRACES_HEADERS otel_exporter_otlp_traces_headers Kind::Headers, "(none)",
            "Headers of each request.";
        OTEL_EXPORTER_OTLP_TRACES_HEADERS_FILE otel_exporter_otlp_traces_headers_file Kind::SecretFile, "(none)",
            "File that holds the value of OTEL_EXPORTER_OTLP_TRACES_HEADERS.";
        OTEL_EXPORTER_OTLP_HEADERS otel_exporter_otlp_headers Kind::Headers, "(none)",
            "Headers of each request.";
        OTEL_EXPORTER_OTLP_HEADERS_FILE otel_exporter_otlp_headers_file Kind::SecretFile, "(none)",
            "File that holds the value of OTEL_EXPORTER_OTLP_HEADERS.";
        OTEL_EXPORTER_OTLP_TRACES_TIMEOUT otel_exporter_otlp_traces_timeout Kind::Millis(bounds::TIMEOUT), "(not set)",
            "One request's limit.";
        OTEL_EXPORTER_OTLP_TIMEOUT otel_exporter_otlp_timeout Kind::Millis(bounds::TIMEOUT), "(not set)",
            "One request's limit.";
        OTEL_EXPORTER_OTLP_TRACES_COMPRESSION otel_exporter_otlp_traces_compression Kind::OneOf(COMPRESSIONS), "(not set)",
            "Compression of the bodies.";
        OTEL_EXPORTER_OTLP_COMPRESSION otel_exporter_otlp_compression Kind::OneOf(COMPRESSIONS), "(not set)",
            "Compression of the bodies.";
        OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE otel_exporter_otlp_traces_certificate Kind::Path, "(not set)",
            "PEM file with certificate authorities.";
        OTEL_EXPORTER_OTLP_CERTIFICATE otel_exporter_otlp_certificate Kind::Path, "(not set)",
            "PEM file with certificate authorities.";
        OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE otel_exporter_otlp_traces_client_certificate Kind::Path, "(not set)",
            "PEM file with the client's certificate chain.";
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE otel_exporter_otlp_client_certificate Kind::Path, "(not set)",
            "PEM file with the client's certificate chain.";
        OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY otel_exporter_otlp_traces_client_key Kind::Path, "(not set)",
            "PEM file with the client's private key.";
        OTEL_EXPORTER_OTLP_CLIENT_KEY otel_exporter_otlp_client_key Kind::Path, "(not set)",
            "PEM file with the client's private key.";
    }
    "Jaeger" {
        JAEGER_ENDPOINT jaeger_endpoint Kind::Url(Endpoint::HTTP_OR_UDP), "http://localhost:14268/api/traces",
            "Thrift over HTTP, udp:// for compact Thrift, or an OTLP URL on port 4317 or 4318.";
        JAEGER_TIMEOUT jaeger_timeout Kind::Duration(bounds::TIMEOUT), "10s",
            "One request's limit.";
        OTEL_EXPORTER_JAEGER_ENDPOINT otel_exporter_jaeger_endpoint Kind::Url(Endpoint::HTTP_OR_UDP), "(not set)",
            "URL of the collector.";
        OTEL_EXPORTER_JAEGER_TIMEOUT otel_exporter_jaeger_timeout Kind::Millis(bounds::TIMEOUT), "(not set)",
            "One request's limit.";
    }
    "Zipkin" {
        ZIPKIN_ENDPOINT zipkin_endpoint Kind::Url(Endpoint::HTTP), "http://localhost:9411/api/v2/spans",
            "URL of the v2 collector.";
        ZIPKIN_TIMEOUT zipkin_timeout Kind::Duration(bounds::TIMEOUT), "10s",
            "One request's limit.";
        OTEL_EXPORTER_ZIPKIN_ENDPOINT otel_exporter_zipkin_endpoint Kind::Url(Endpoint::HTTP), "(not set)",
            "URL of the v2 collector.";
        OTEL_EXPORTER_ZIPKIN_TIMEOUT otel_exporter_zipkin_timeout Kind::Millis(bounds::TIMEOUT), "(not set)",
            "One request's limit.";
    }
    "Console" {
        TRACER_CONSOLE_FORMAT tracer_console_format Kind::OneOf(&["tree", "json"]), "tree",
            "A tree for people or a JSON object a line for programs.";
        TRACER_CONSOLE_STREAM tracer_console_stream Kind::OneOf(&["stdout", "stderr"]), "stdout",
            "Where the console's output goes.";
    }
    "Agent sessions" {
        AGENTOPS_MANAGED agentops_managed Kind::Bool, "true",
            "Whether a trace server is started or joined. The default turns to false when AGENTOPS_EXPORTER_ENDPOINT or AGENTOPS_API_ENDPOINT says where one is.";
        AGENTOPS_DAEMON agentops_daemon Kind::Bool, "true",
            "true: the managed server lives in this process and ends with it; false: it is a process of its own that outlives this one.";
        AGENTOPS_EXPORTER_ENDPOINT agentops_exporter_endpoint Kind::Url(Endpoint::HTTP), "(the managed server)",
            "Full URL that spans are sent to, used as it is.";
        AGENTOPS_API_ENDPOINT agentops_api_endpoint Kind::Url(Endpoint::HTTP), "(the managed server)",
            "Base URL of a trace server.";
        AGENTOPS_API_KEY agentops_api_key Kind::Token, "(none)",
            "Sent as a bearer token to a server that is not managed; never to a managed one.";
        AGENTOPS_API_KEY_FILE agentops_api_key_file Kind::SecretFile, "(none)",
            "File that holds the value of AGENTOPS_API_KEY.";
        TRACER_SERVER_LISTEN tracer_server_listen Kind::Listen, "127.0.0.1:4319",
            "Where a managed server listens; the next free port is taken when this one is someone else's.";
        TRACER_SERVER_BIN tracer_server_bin Kind::Path, "(tracer-factory on PATH)",
            "The program of a server with AGENTOPS_DAEMON=false.";
        TRACER_SERVER_DATA tracer_server_data Kind::PathOrMemory, "(in memory, or per user)",
            "Where the embedded server keeps traces: a directory, which one server has at a time, or memory, which ends with it. By default a server in the worker's process uses memory, and `tracer-factory serve` the user's state directory.";
        TRACER_SERVER_MAX_BYTES tracer_server_max_bytes Kind::Size(bounds::SERVER_BYTES), "256MiB",
            "Bytes of spans the embedded server keeps; the oldest go first.";
        TRACER_SERVER_MAX_AGE tracer_server_max_age Kind::Duration(bounds::SERVER_AGE), "168h",
            "How long the embedded server keeps spans.";
    }
}
