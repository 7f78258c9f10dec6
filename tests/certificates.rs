//! Receivers with a certificate of their own authority, which ask for one in turn: every destination that speaks TLS can
//! be told of both by the environment, and names the variable while it has not been.
#![allow(clippy::unwrap_used)]
#![cfg(all(feature = "agent-session", feature = "jaeger", feature = "otlp", feature = "zipkin"))]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tracer_factory::env::EnvMap;
use tracer_factory::{DestinationReport, TracerFactory};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn certify(authority: &Authority, host: &str) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    (certificate, key)
}

/// Takes requests of whoever shows a certificate of `authority`; its port.
fn serve(authority: &Authority) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
    let (certificate, key) = certify(authority, "127.0.0.1");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(stream) = acceptor.accept(stream).await {
                    tokio::spawn(answer(stream));
                }
            }
        });
    });
    port
}

/// Reads one request, says yes and hangs up.
async fn answer(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin) {
    let (mut request, mut whole) = (Vec::new(), usize::MAX);
    while request.len() < whole {
        if !matches!(stream.read_buf(&mut request).await, Ok(1..)) {
            return;
        }
        if let Some(end) = request.windows(4).position(|end| end == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            whole = end + 4 + length.unwrap().parse::<usize>().unwrap();
        }
    }
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    let _ = stream.shutdown().await;
}

/// What became of one span: until it is delivered, or something is said about it.
fn send(variables: &[(&str, &str)]) -> DestinationReport {
    const DEADLINE: Duration = Duration::from_secs(60);
    let general = [("TRACER_SPOOL_DIR", "off"), ("TRACER_SHUTDOWN_TIMEOUT", "100ms")];
    let variables = EnvMap::from_iter(variables.iter().copied().chain(general));
    let tracer = TracerFactory::create_tracer_from(&variables).unwrap();
    drop(tracer.trace_context("step"));
    let start = Instant::now();
    loop {
        let report = tracer.flush(Duration::from_millis(20));
        let destination = report.destinations.into_iter().next().unwrap();
        if destination.delivered == 1 || destination.last_error.is_some() || start.elapsed() > DEADLINE {
            tracer.teardown();
            return destination;
        }
    }
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn every_destination_knows_authorities_and_shows_a_certificate() {
    let (authority, folder) = (authority(), tempfile::tempdir().unwrap());
    let base = format!("https://127.0.0.1:{}", serve(&authority));
    let ca = write(folder.path(), "ca.pem", &authority.pem());
    let (certificate, key) = certify(&authority, "worker");
    let certificate = write(folder.path(), "client.pem", &certificate.pem());
    let key = write(folder.path(), "client.key", &key.serialize_pem());
    let url = |path: &str| format!("{base}{path}");
    for (tracer_type, endpoint, url, prefix) in [
        ("jaeger", "JAEGER_ENDPOINT", url("/api/traces"), "TRACER"),
        ("zipkin", "ZIPKIN_ENDPOINT", url("/api/v2/spans"), "TRACER"),
        ("agent-session", "AGENTOPS_EXPORTER_ENDPOINT", url("/v1/traces"), "TRACER"),
        ("otlp", "OTLP_ENDPOINT", url("/v1/traces"), "OTLP"),
    ] {
        let mut variables = vec![("TRACER_TYPE", tracer_type), (endpoint, url.as_str())];
        let error = send(&variables).last_error.unwrap();
        assert!(error.contains(&format!("in {prefix}_CERTIFICATE")), "{tracer_type}: {error}");
        variables.push(("TRACER_CERTIFICATE", &ca));
        let error = send(&variables).last_error.unwrap();
        let asked = format!("{prefix}_CLIENT_CERTIFICATE and {prefix}_CLIENT_KEY");
        assert!(error.contains(&asked), "{tracer_type}: {error}");
        variables.extend([("TRACER_CLIENT_CERTIFICATE", certificate.as_str()), ("TRACER_CLIENT_KEY", &key)]);
        let sent = send(&variables);
        assert_eq!((sent.delivered, sent.last_error), (1, None), "{tracer_type}");
    }
}
