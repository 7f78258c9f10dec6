//! Where the destinations are and how they are spoken to.

use std::path::PathBuf;

use super::parse;
use super::resolver::{Found, Resolver};
use super::show::{self, word};
use super::var::Var;
use super::vars::*;
use crate::config::{AgentSessionConfig, ConsoleConfig, JaegerConfig, OtlpConfig, TlsConfig, ZipkinConfig};
use crate::error::ConfigError;

/// An endpoint and whether it is used as it is.
type Address = (Option<String>, bool);

fn address(exact: bool) -> impl Fn(Found<String>) -> Found<Address> {
    move |found| found.map(|url| (Some(url), exact))
}

fn shown_address(address: &Address) -> String {
    show::optional(&address.0)
}

pub(super) fn otlp(r: &mut Resolver, c: &mut OtlpConfig) {
    let found = [
        r.read(&OTLP_ENDPOINT, parse::url).map(address(false)),
        r.read(&OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, parse::url).map(address(true)),
        r.read(&OTEL_EXPORTER_OTLP_ENDPOINT, parse::url).map(address(false)),
    ];
    let mut endpoint = (c.endpoint.take(), c.endpoint_is_exact);
    r.settle("otlp.endpoint", &mut endpoint, shown_address, &OTLP_ENDPOINT, found);
    (c.endpoint, c.endpoint_is_exact) = endpoint;

    let vars = [&OTLP_PROTOCOL, &OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, &OTEL_EXPORTER_OTLP_PROTOCOL];
    let shown = |protocol: &Option<_>| protocol.as_ref().map(word(parse::PROTOCOLS)).unwrap_or_default();
    r.set("otlp.protocol", &mut c.protocol, parse::protocol, shown, &vars);

    // Nothing of the headers is shown, and their absence is in the table's words.
    let vars = [&OTLP_HEADERS, &OTEL_EXPORTER_OTLP_TRACES_HEADERS, &OTEL_EXPORTER_OTLP_HEADERS];
    let source = r.set("otlp.headers", &mut c.headers, parse::headers, |_| String::new(), &vars);
    c.headers_file = r.file_of(source);

    let vars = [
        &OTLP_TIMEOUT,
        &OTEL_EXPORTER_OTLP_TRACES_TIMEOUT,
        &OTEL_EXPORTER_OTLP_TIMEOUT,
        &OTEL_BSP_EXPORT_TIMEOUT,
    ];
    r.set("otlp.timeout", &mut c.timeout, parse::duration, show::duration, &vars);

    let vars = [&OTLP_COMPRESSION, &OTEL_EXPORTER_OTLP_TRACES_COMPRESSION, &OTEL_EXPORTER_OTLP_COMPRESSION];
    r.set("otlp.compression", &mut c.compression, parse::compression, word(parse::COMPRESSIONS), &vars);
    otlp_tls(r, &mut c.tls);
}

fn shown_path(path: &Option<PathBuf>) -> String {
    path.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
}

/// The names of one destination's settings.
struct TlsNames {
    ca: &'static str,
    certificate: &'static str,
    key: &'static str,
}

/// Variables of a certificate or key, the strongest first.
type FileVars = [&'static Var];
type Files = Vec<Option<Found<Option<PathBuf>>>>;

fn otlp_tls(r: &mut Resolver, c: &mut TlsConfig) {
    let names = TlsNames {
        ca: "otlp.tls.ca_file",
        certificate: "otlp.tls.client_certificate_file",
        key: "otlp.tls.client_key_file",
    };
    let authorities = [
        &OTLP_CERTIFICATE,
        &OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE,
        &OTEL_EXPORTER_OTLP_CERTIFICATE,
        &TRACER_CERTIFICATE,
    ];
    let certificates = [
        &OTLP_CLIENT_CERTIFICATE,
        &OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE,
        &OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE,
        &TRACER_CLIENT_CERTIFICATE,
    ];
    let keys = [
        &OTLP_CLIENT_KEY,
        &OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY,
        &OTEL_EXPORTER_OTLP_CLIENT_KEY,
        &TRACER_CLIENT_KEY,
    ];
    tls(r, c, &names, &authorities, &certificates, &keys);
}

/// For a destination without variables of its own.
fn tracer_tls(r: &mut Resolver, c: &mut TlsConfig, names: &TlsNames) {
    tls(r, c, names, &[&TRACER_CERTIFICATE], &[&TRACER_CLIENT_CERTIFICATE], &[&TRACER_CLIENT_KEY]);
}

fn tls(
    r: &mut Resolver,
    c: &mut TlsConfig,
    names: &TlsNames,
    authorities: &FileVars,
    certificates: &FileVars,
    keys: &FileVars,
) {
    r.set(names.ca, &mut c.ca_file, parse::path, shown_path, authorities);
    let mut read = |vars: &FileVars| -> Files { vars.iter().map(|var| r.read(var, parse::path)).collect() };
    let (mut certificate, mut key) = (read(certificates), read(keys));
    refuse_half(r, &mut certificate, &key, keys);
    refuse_half(r, &mut key, &certificate, certificates);
    if let ([first_certificate, ..], [first_key, ..]) = (certificates, keys) {
        let file = &mut c.client_certificate_file;
        r.settle(names.certificate, file, shown_path, first_certificate, certificate);
        r.settle(names.key, &mut c.client_key_file, shown_path, first_key, key);
    }
}

/// A certificate without its key, or the other way round, is of no use: in our variables it is an
/// error, in `OTEL_*` ones it is passed over.
fn refuse_half(r: &mut Resolver, half: &mut Files, other: &Files, others: &FileVars) {
    // A bad value of the other half has been complained of already.
    if other.iter().any(Option::is_some) || others.iter().any(|var| r.is_set(var)) {
        return;
    }
    let Some((at, Found { var, value })) =
        half.iter().enumerate().find_map(|(at, found)| Some((at, found.as_ref()?)))
    else {
        return;
    };
    // That of the same name but for the end.
    let Some(missing) = others.get(at) else { return };
    let why = format!("it goes with {}, which is not set", missing.name);
    if var.is_otel() {
        r.warn(var, format!("{} is ignored: {why}", var.name));
        half.clear();
    } else {
        r.complain(ConfigError::invalid(var.name, shown_path(value), why));
    }
}

pub(super) fn jaeger(r: &mut Resolver, c: &mut JaegerConfig) {
    let vars = [&JAEGER_ENDPOINT, &OTEL_EXPORTER_JAEGER_ENDPOINT];
    r.set("jaeger.endpoint", &mut c.endpoint, parse::url, show::plain, &vars);
    let vars = [&JAEGER_TIMEOUT, &OTEL_EXPORTER_JAEGER_TIMEOUT, &OTEL_BSP_EXPORT_TIMEOUT];
    r.set("jaeger.timeout", &mut c.timeout, parse::duration, show::duration, &vars);
    let names = TlsNames {
        ca: "jaeger.tls.ca_file",
        certificate: "jaeger.tls.client_certificate_file",
        key: "jaeger.tls.client_key_file",
    };
    tracer_tls(r, &mut c.tls, &names);
}

pub(super) fn zipkin(r: &mut Resolver, c: &mut ZipkinConfig) {
    let vars = [&ZIPKIN_ENDPOINT, &OTEL_EXPORTER_ZIPKIN_ENDPOINT];
    r.set("zipkin.endpoint", &mut c.endpoint, parse::url, show::plain, &vars);
    let vars = [&ZIPKIN_TIMEOUT, &OTEL_EXPORTER_ZIPKIN_TIMEOUT, &OTEL_BSP_EXPORT_TIMEOUT];
    r.set("zipkin.timeout", &mut c.timeout, parse::duration, show::duration, &vars);
    let names = TlsNames {
        ca: "zipkin.tls.ca_file",
        certificate: "zipkin.tls.client_certificate_file",
        key: "zipkin.tls.client_key_file",
    };
    tracer_tls(r, &mut c.tls, &names);
}

pub(super) fn console(r: &mut Resolver, c: &mut ConsoleConfig) {
    let vars = [&TRACER_CONSOLE_FORMAT];
    r.set("console.format", &mut c.format, parse::format, word(parse::FORMATS), &vars);
    let vars = [&TRACER_CONSOLE_STREAM];
    r.set("console.stderr", &mut c.stderr, parse::stream, word(parse::STREAMS), &vars);
}

pub(super) fn agent_session(r: &mut Resolver, c: &mut AgentSessionConfig) {
    let exporter = r.read(&AGENTOPS_EXPORTER_ENDPOINT, parse::url).map(address(true));
    let api = r.read(&AGENTOPS_API_ENDPOINT, parse::url).map(address(false));
    let elsewhere = exporter.as_ref().or(api.as_ref()).map(|found| found.var);
    let managed = r.read(&AGENTOPS_MANAGED, parse::boolean);
    if let (Some(var), Some(Found { value: true, .. })) = (elsewhere, &managed) {
        let text =
            format!("{} is not used: AGENTOPS_MANAGED=true sends spans to the managed server", var.name);
        r.warn(var, text);
    }
    // Whoever says where a server is does not want another one started.
    let unmanaged = elsewhere.map(|var| Found { var, value: false });
    let managed_by = [managed, unmanaged];
    r.settle("agent_session.managed", &mut c.managed, show::plain, &AGENTOPS_MANAGED, managed_by);
    let daemon = &mut c.daemon;
    r.set("agent_session.daemon", daemon, parse::boolean, show::plain, &[&AGENTOPS_DAEMON]);

    let mut endpoint = (c.endpoint.take(), c.endpoint_is_exact);
    let found = [exporter, api];
    r.settle("agent_session.endpoint", &mut endpoint, shown_address, &AGENTOPS_EXPORTER_ENDPOINT, found);
    (c.endpoint, c.endpoint_is_exact) = endpoint;

    let key = &mut c.api_key;
    let source = r.set("agent_session.api_key", key, parse::token, |_| String::new(), &[&AGENTOPS_API_KEY]);
    c.api_key_file = r.file_of(source);
    let names = TlsNames {
        ca: "agent_session.tls.ca_file",
        certificate: "agent_session.tls.client_certificate_file",
        key: "agent_session.tls.client_key_file",
    };
    tracer_tls(r, &mut c.tls, &names);
    let listen = &mut c.listen;
    r.set("agent_session.listen", listen, parse::listen, show::plain, &[&TRACER_SERVER_LISTEN]);
    let bin = &mut c.server_bin;
    r.set("agent_session.server_bin", bin, parse::path, shown_path, &[&TRACER_SERVER_BIN]);
    let bytes = &mut c.max_bytes;
    r.set("agent_session.max_bytes", bytes, parse::size, show::size, &[&TRACER_SERVER_MAX_BYTES]);
}
