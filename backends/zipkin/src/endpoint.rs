//! Zipkin's endpoints: who made a span (local) and who was on the other side (remote).
//!
//! Zipkin draws its dependency graph from the service names of both.

use std::net::IpAddr;

use tracer_factory_core::otlp::SpanRef;
use tracer_factory_core::span::{Resource, SpanKind};
use tracer_factory_core::value::{AttrValue, Value};

use crate::json::{Object, write_display};

/// Attributes with the port that goes with each, in order of preference.
type Sources = &'static [(&'static str, &'static str)];

/// Names of the other side as OpenTelemetry's Zipkin exporter ranks them. Behind its last one,
/// `db.name`, come the attributes that took its place: a database's system names it for the graph.
const REMOTE_NAMES: Sources = &[
    ("peer.service", ""),
    ("server.address", "server.port"),
    ("net.peer.name", "net.peer.port"),
    ("network.peer.address", "network.peer.port"),
    ("server.socket.domain", "server.socket.port"),
    ("server.socket.address", "server.socket.port"),
    ("net.sock.peer.name", "net.sock.peer.port"),
    ("net.sock.peer.addr", "net.sock.peer.port"),
    ("peer.hostname", "peer.port"),
    ("peer.address", "peer.port"),
    ("db.name", ""),
    ("db.namespace", ""),
    ("db.system.name", ""),
    ("db.system", ""),
    ("messaging.system", ""),
];

/// Addresses of the other side, the actual connection's before the one that was asked for.
const REMOTE_ADDRESSES: Sources = &[
    ("network.peer.address", "network.peer.port"),
    ("server.socket.address", "server.socket.port"),
    ("net.sock.peer.addr", "net.sock.peer.port"),
    ("net.peer.ip", "net.peer.port"),
    ("server.address", "server.port"),
    ("net.peer.name", "net.peer.port"),
    ("peer.ipv4", "peer.port"),
    ("peer.ipv6", "peer.port"),
    ("peer.address", "peer.port"),
];

/// On a server's span `server.*` describes the server itself; the caller is the remote side.
const CALLER_ADDRESSES: Sources = &[
    ("network.peer.address", "network.peer.port"),
    ("client.address", "client.port"),
    ("net.sock.peer.addr", "net.sock.peer.port"),
    ("net.peer.ip", "net.peer.port"),
];

const LOCAL_ADDRESSES: Sources = &[
    ("network.local.address", "network.local.port"),
    ("net.sock.host.addr", "net.sock.host.port"),
    ("net.host.ip", "net.host.port"),
];

/// What the resource says of the side that records.
#[derive(Debug, Default)]
pub(crate) struct Host {
    service_name: String,
    address: Option<IpAddr>,
}

impl Host {
    pub(crate) fn of(resource: &Resource) -> Self {
        Self { service_name: resource.service_name().to_owned(), address: host_address(resource) }
    }
}

/// One side of an exchange; what is unknown is left out of the JSON.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Endpoint<'a> {
    pub(crate) service_name: Option<&'a str>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: Option<u16>,
}

impl<'a> Endpoint<'a> {
    /// The side that recorded `span`. The address is the connection's, else the host's.
    pub(crate) fn local(span: &'a SpanRef<'_>, host: &'a Host) -> Self {
        let (mut address, mut port) = find_address(span, LOCAL_ADDRESSES);
        if address.is_none() && span.kind == SpanKind::Server {
            (address, port) = find_address(span, &[("server.address", "server.port")]);
            port = port.or_else(|| find_port(span, "server.port"));
        }
        Self { service_name: Some(&host.service_name), address: address.or(host.address), port }
    }

    /// The other side, when the span's attributes tell of one.
    pub(crate) fn remote(span: &'a SpanRef<'_>) -> Option<Self> {
        let endpoint = match span.kind {
            SpanKind::Client | SpanKind::Producer | SpanKind::Consumer => Self::callee(span),
            // A host name would become a service that calls this one in the graph: only a service's name will do.
            SpanKind::Server => {
                let (address, port) = find_address(span, CALLER_ADDRESSES);
                Self { service_name: find_text(span, "peer.service"), address, port }
            }
            // Zipkin takes a span without kind for a client's once it has two service names.
            _ => Self { service_name: find_text(span, "peer.service"), ..Self::default() },
        };
        (endpoint != Self::default()).then_some(endpoint)
    }

    fn callee(span: &'a SpanRef<'_>) -> Self {
        let (address, port) = find_address(span, REMOTE_ADDRESSES);
        let named = REMOTE_NAMES.iter().find_map(|(key, port_key)| {
            let name = find_text(span, key).filter(|name| parse_address(name).is_none())?;
            Some((name, *port_key))
        });
        let port = port
            .or_else(|| named.and_then(|(_, port_key)| find_port(span, port_key)))
            .or_else(|| find_port(span, "server.port"));
        Self { service_name: named.map(|(name, _)| name), address, port }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut object = Object::begin(out);
        if let Some(name) = self.service_name {
            object.text("serviceName", name);
        }
        if let Some(address) = self.address {
            let out = object.key(if address.is_ipv4() { "ipv4" } else { "ipv6" });
            out.push(b'"');
            write_display(out, address);
            out.push(b'"');
        }
        if let Some(port) = self.port {
            object.number("port", port.into());
        }
        object.end();
    }
}

/// The first of `sources` that is an address, with the port beside it.
fn find_address(span: &SpanRef<'_>, sources: Sources) -> (Option<IpAddr>, Option<u16>) {
    for (key, port_key) in sources {
        if let Some(address) = find_text(span, key).and_then(parse_address) {
            return (Some(address), find_port(span, port_key));
        }
    }
    (None, None)
}

fn find_text<'a>(span: &'a SpanRef<'_>, key: &str) -> Option<&'a str> {
    span.attribute(key).and_then(AttrValue::as_str).filter(|text| !text.is_empty())
}

/// A port as a number, or as the text that some libraries record.
fn find_port(span: &SpanRef<'_>, key: &str) -> Option<u16> {
    let port = match span.attribute(key)? {
        AttrValue::Int(port) => u16::try_from(*port).ok()?,
        AttrValue::Str(port) => port.parse().ok()?,
        _ => return None,
    };
    (port != 0).then_some(port)
}

/// `host.ip` of the resource: one address or several; loopback says nothing to others.
fn host_address(resource: &Resource) -> Option<IpAddr> {
    let usable = |value: &Value| value.as_str().and_then(parse_address).filter(|ip| !ip.is_loopback());
    match resource.get("host.ip")? {
        AttrValue::Array(addresses) => addresses.iter().find_map(usable),
        single => usable(single),
    }
}

fn parse_address(text: &str) -> Option<IpAddr> {
    text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text).parse().ok()
}

#[cfg(test)]
mod tests {
    use tracer_factory_core::span::SpanData;

    use super::*;

    fn span(kind: SpanKind, attributes: &[(&str, Value)]) -> SpanData {
        let attributes = attributes.iter().map(|(k, v)| (k.to_string(), v.clone())).collect();
        SpanData { kind, attributes, ..SpanData::default() }
    }

    fn remote(kind: SpanKind, attributes: &[(&str, Value)]) -> Option<String> {
        Endpoint::remote(&SpanRef::of(&span(kind, attributes))).map(|endpoint| {
            let mut out = Vec::new();
            endpoint.write(&mut out);
            String::from_utf8(out).unwrap()
        })
    }

    #[test]
    fn the_ranking_decides() {
        let all: Vec<(&str, Value)> = REMOTE_NAMES
            .iter()
            .filter(|(key, _)| *key != "network.peer.address")
            .map(|(key, _)| (*key, Value::from(*key)))
            .collect();
        for first in 0..all.len() {
            let mut attributes = all[first..].to_vec();
            attributes.reverse();
            let span = span(SpanKind::Client, &attributes);
            assert_eq!(Endpoint::remote(&SpanRef::of(&span)).unwrap().service_name, Some(all[first].0));
        }
    }

    #[test]
    fn addresses_and_names_complete_each_other() {
        let cases: [(&[(&str, Value)], &str); 6] = [
            (
                &[
                    ("server.address", "10.0.0.3".into()),
                    ("server.port", 5432.into()),
                    ("db.system", "postgresql".into()),
                ],
                r#"{"serviceName":"postgresql","ipv4":"10.0.0.3","port":5432}"#,
            ),
            (
                &[
                    ("peer.service", "llm".into()),
                    ("server.address", "llm.internal".into()),
                    ("server.port", 443.into()),
                    ("network.peer.address", "2001:db8::1".into()),
                    ("network.peer.port", "8443".into()),
                ],
                r#"{"serviceName":"llm","ipv6":"2001:db8::1","port":8443}"#,
            ),
            (
                &[("server.address", "api".into()), ("server.port", 80.into())],
                r#"{"serviceName":"api","port":80}"#,
            ),
            (
                &[("peer.service", "api".into()), ("server.port", 80.into())],
                r#"{"serviceName":"api","port":80}"#,
            ),
            (&[("net.peer.ip", "[::1]".into()), ("net.peer.port", 70000.into())], r#"{"ipv6":"::1"}"#),
            (&[("network.peer.address", "/run/db.sock".into())], r#"{"serviceName":"/run/db.sock"}"#),
        ];
        for (attributes, expected) in cases {
            assert_eq!(remote(SpanKind::Client, attributes).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_server_is_not_its_own_remote_side() {
        let own = [("server.address", "api".into()), ("server.port", 80.into())];
        assert_eq!(remote(SpanKind::Server, &own), None);
        let caller = [("client.address", "10.1.1.1".into()), ("client.port", 5000.into()), own[0].clone()];
        assert_eq!(remote(SpanKind::Server, &caller).as_deref(), Some(r#"{"ipv4":"10.1.1.1","port":5000}"#));
        assert_eq!(remote(SpanKind::Internal, &own), None);
        assert_eq!(remote(SpanKind::Client, &[("http.request.method", "GET".into())]), None);
    }

    #[test]
    fn local_address_of_connection_then_host() {
        let resource = Resource {
            attributes: vec![
                ("service.name".into(), "s".into()),
                ("host.ip".into(), Value::Array(vec!["127.0.0.1".into(), "10.2.2.2".into()])),
            ],
        };
        let mut span =
            span(SpanKind::Server, &[("server.address", "10.9.9.9".into()), ("server.port", 80.into())]);
        let host = Host::of(&resource);
        let view = SpanRef::of(&span);
        let endpoint = Endpoint::local(&view, &host);
        assert_eq!((endpoint.address, endpoint.port), (Some("10.9.9.9".parse().unwrap()), Some(80)));
        span.attributes.clear();
        let view = SpanRef::of(&span);
        let endpoint = Endpoint::local(&view, &host);
        assert_eq!((endpoint.address, endpoint.port), (Some("10.2.2.2".parse().unwrap()), None));
        assert_eq!(endpoint.service_name, Some("s"));
    }
}
