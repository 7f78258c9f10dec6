//! A whole tracer before receivers whose TLS is wrong: nothing is sent, everything is kept, and once it is right
//! everything arrives.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::faults::tracer;
use crate::support::config;
use crate::tls::Authority;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tracer_factory_core::config::{OtlpConfig, OtlpProtocol};
use tracer_factory_core::recording::RecordingTracer;
use tracer_factory_core::tracer::BaseTracer;

const PATIENCE: Duration = Duration::from_secs(30);
/// In a span's name and in a header.
const CANARY: &str = "canary-5b1f";

/// A receiver whose certificate is replaced while it runs.
struct Receiver {
    url: String,
    tls: Arc<Mutex<Arc<ServerConfig>>>,
    /// Bytes that came out of the encryption.
    received: Arc<AtomicU64>,
}

impl Receiver {
    fn start(tls: ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://127.0.0.1:{}/v1/traces", listener.local_addr().unwrap().port());
        let tls = Arc::new(Mutex::new(Arc::new(tls)));
        let received = Arc::new(AtomicU64::new(0));
        let (current, counter) = (Arc::clone(&tls), Arc::clone(&received));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = ServerConnection::new(Arc::clone(&current.lock().unwrap())).unwrap();
                let mut stream = StreamOwned::new(connection, stream.unwrap());
                let counter = Arc::clone(&counter);
                std::thread::spawn(move || {
                    let (mut head, mut chunk) = (Vec::new(), [0; 4096]);
                    while let Ok(read) = stream.read(&mut chunk)
                        && read > 0
                    {
                        counter.fetch_add(read as u64, Relaxed);
                        head.extend_from_slice(&chunk[..read]);
                        if is_whole(&head) {
                            head.clear();
                            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                        }
                    }
                });
            }
        });
        Self { url, tls, received }
    }

    fn use_certificate(&self, tls: ServerConfig) {
        *self.tls.lock().unwrap() = Arc::new(tls);
    }
}

/// Whether the body is as long as the head says.
pub(crate) fn is_whole(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = std::str::from_utf8(&request[..end]).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    request.len() == end + 4 + length.parse::<usize>().unwrap()
}

/// TLS with this certificate; clients have to show one of `clients_of`.
pub(crate) fn server(
    certificate: &rcgen::Certificate,
    key: &KeyPair,
    clients_of: Option<&Authority>,
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients_of {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority.issuer.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    builder.with_single_cert(vec![certificate.der().clone()], key).unwrap()
}

pub(crate) fn good(authority: &Authority) -> ServerConfig {
    let (certificate, key) = authority.certify("127.0.0.1");
    server(&certificate, &key, None)
}

/// Trusts the authority and sends the canary wherever it sends anything.
fn trusting(url: &str, authority: &Authority) -> OtlpConfig {
    let mut config = config(url);
    config.tls.ca_file = Some(authority.ca_file());
    config.headers.push(("x-api-key".to_owned(), CANARY.to_owned().into()));
    config
}

/// Records three spans and returns what delivery says of its failure.
fn record_until_failure(tracer: &RecordingTracer) -> String {
    for _ in 0..3 {
        drop(tracer.trace_context(CANARY));
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(error) = tracer.health().destinations[0].error.clone() {
            // Several tries change nothing.
            let report = tracer.flush(Duration::from_millis(100));
            assert!(report.adds_up(), "{report}");
            let d = &report.destinations[0];
            assert_eq!((report.accepted, d.pending, d.delivered, d.rejected), (3, 3, 0, 0), "{report}");
            assert!(!error.contains(CANARY), "{error}");
            return error;
        }
        assert!(Instant::now() < deadline, "no failure was noticed");
        std::thread::yield_now();
    }
}

#[track_caller]
fn assert_arrives(tracer: &RecordingTracer) {
    let deadline = Instant::now() + PATIENCE;
    let mut report = tracer.flush(PATIENCE);
    while !report.is_complete() && Instant::now() < deadline {
        report = tracer.flush(PATIENCE);
    }
    assert!(report.is_complete() && report.adds_up(), "{report}");
}

#[test]
fn a_wrong_certificate_gets_nothing_and_its_successor_everything() {
    let authority = Authority::new();
    let expired = {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
        server(&params.signed_by(&key, &authority.issuer).unwrap(), &key, None)
    };
    let not_yet = {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(3000, 1, 1), date_time_ymd(3001, 1, 1));
        server(&params.signed_by(&key, &authority.issuer).unwrap(), &key, None)
    };
    let wrong_host = {
        let (certificate, key) = authority.certify("elsewhere.example");
        server(&certificate, &key, None)
    };
    let self_signed = {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        server(&params.self_signed(&key).unwrap(), &key, None)
    };
    for (name, tls, words) in [
        ("expired", expired, "its certificate has expired; renew it there"),
        ("not yet valid", not_yet, "not valid yet"),
        ("wrong host", wrong_host, "another host name"),
        ("self-signed", self_signed, "OTLP_CERTIFICATE"),
        ("another authority's", good(&Authority::new()), "OTLP_CERTIFICATE"),
    ] {
        let receiver = Receiver::start(tls);
        let tracer = tracer(trusting(&receiver.url, &authority));
        let error = record_until_failure(&tracer);
        assert!(error.contains(words), "{name}: {error}");
        assert_eq!(receiver.received.load(Relaxed), 0, "{name}: something was sent");
        receiver.use_certificate(good(&authority));
        assert_arrives(&tracer);
        assert!(receiver.received.load(Relaxed) > 0, "{name}");
    }
}

/// The worker ends before the certificate is replaced, and its successor delivers.
#[cfg(target_os = "linux")]
#[test]
fn spans_wait_on_disk_for_the_right_certificate() {
    use crate::faults::tracer_with_spool;
    use tracer_factory_core::config::SpoolDirectory;
    let (authority, stranger) = (Authority::new(), Authority::new());
    let receiver = Receiver::start(good(&stranger));
    let directory = tempfile::tempdir().unwrap();
    let start = || {
        let spool = SpoolDirectory::At(directory.path().to_owned());
        tracer_with_spool(trusting(&receiver.url, &authority), spool)
    };
    let first = start();
    record_until_failure(&first);
    let report = first.teardown();
    assert!(report.adds_up() && report.is_safe(), "{report}");
    assert_eq!(report.destinations[0].pending, 3, "{report}");
    assert_eq!(receiver.received.load(Relaxed), 0);
    receiver.use_certificate(good(&authority));
    let second = start();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let recovered = second.report().destinations[0].recovered.clone();
        if (recovered.found, recovered.delivered, recovered.pending) == (3, 3, 0) {
            break;
        }
        assert!(Instant::now() < deadline, "{recovered:?}");
        std::thread::yield_now();
    }
    assert!(receiver.received.load(Relaxed) > 0);
}

#[test]
fn a_client_certificate_that_is_missing_or_of_no_use_is_named() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (certificate, key) = authority.certify("127.0.0.1");
    for shown in [false, true] {
        let receiver = Receiver::start(server(&certificate, &key, Some(&authority)));
        let mut config = trusting(&receiver.url, &authority);
        if shown {
            let (certificate, key) = stranger.certify("worker");
            config.tls.client_certificate_file = Some(stranger.file("client.pem", &certificate.pem()));
            config.tls.client_key_file = Some(stranger.file("client.key", &key.serialize_pem()));
        }
        let tracer = tracer(config);
        let error = record_until_failure(&tracer);
        let words =
            if shown { "does not accept the client certificate" } else { "asks for a client certificate" };
        assert!(error.contains(words), "{error}");
        assert_eq!(receiver.received.load(Relaxed), 0);
        receiver.use_certificate(server(&certificate, &key, None));
        assert_arrives(&tracer);
    }
}

/// A peer that speaks plain text gets the beginning of a handshake, and nothing that was recorded or is secret.
#[test]
fn nothing_is_sent_in_the_clear_to_an_https_url() {
    for protocol in [OtlpProtocol::HttpProtobuf, OtlpProtocol::Grpc] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
                let mut bytes = Vec::new();
                let _ = stream.read_to_end(&mut bytes);
                hearing.lock().unwrap().extend(bytes);
            }
        });
        let authority = Authority::new();
        let mut config = trusting(&url, &authority);
        config.protocol = Some(protocol);
        let error = record_until_failure(&tracer(config));
        assert!(error.contains("does not speak TLS on this port; use http://"), "{error}");
        let heard = heard.lock().unwrap();
        assert!(!heard.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()));
    }
}

/// The other way round the URL asks for plain text: the peer understands none of it, and says so or hangs up.
#[test]
fn a_peer_that_wants_tls_is_recognised() {
    let authority = Authority::new();
    let receiver = Receiver::start(good(&authority));
    for protocol in [OtlpProtocol::HttpProtobuf, OtlpProtocol::Grpc] {
        let mut config = config(receiver.url.replace("https", "http"));
        config.protocol = Some(protocol);
        let error = record_until_failure(&tracer(config));
        assert!(error.contains("https://"), "{error}");
    }
    assert_eq!(receiver.received.load(Relaxed), 0);
}
