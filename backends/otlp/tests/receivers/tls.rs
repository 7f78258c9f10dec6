//! TLS: who is trusted, who is not, and what is said about it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::support::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tracer_factory_core::config::{OtlpConfig, OtlpProtocol};
use tracer_factory_core::delivery::Outcome;

/// An authority, and files that clients may be given.
pub(crate) struct Authority {
    pub(crate) issuer: CertifiedIssuer<'static, KeyPair>,
    files: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, files: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.file("ca.pem", &self.issuer.pem())
    }

    pub(crate) fn certify(&self, host: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        (certificate, key)
    }

    /// A receiver with a certificate for `host`; the URL of `localhost`.
    async fn serve(&self, host: &str, clients_too: bool) -> (String, mpsc::UnboundedReceiver<Received>) {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if clients_too {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(self.issuer.der().clone()).unwrap();
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap(),
            )
        } else {
            builder.with_no_client_auth()
        };
        let (certificate, key) = self.certify(host);
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://127.0.0.1:{}/v1/traces", listener.local_addr().unwrap().port());
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(stream) = acceptor.accept(stream).await {
                    tokio::spawn(handle(stream, 0, sender.clone(), Arc::new(|| answer("200 OK", "", b""))));
                }
            }
        });
        (url, requests)
    }
}

async fn deliver(config: OtlpConfig) -> Outcome {
    connect(config).unwrap().deliver(&batch()).await
}

#[tokio::test]
async fn an_own_authority_is_trusted_when_given() {
    let authority = Authority::new();
    let (url, mut requests) = authority.serve("127.0.0.1", false).await;
    let error = retried(deliver(config(&url)).await).1;
    assert!(error.contains("OTLP_CERTIFICATE"), "{error}");
    assert!(requests.try_recv().is_err(), "nothing was sent to whom nobody trusts");
    let mut trusting = config(&url);
    trusting.tls.ca_file = Some(authority.ca_file());
    assert_eq!(deliver(trusting).await, Outcome::all());
    assert!(requests.recv().await.is_some());
}

#[tokio::test]
async fn another_host_s_certificate_is_refused() {
    let authority = Authority::new();
    let (url, mut requests) = authority.serve("elsewhere.example", false).await;
    let mut config = config(url);
    config.tls.ca_file = Some(authority.ca_file());
    let error = retried(deliver(config).await).1;
    assert!(error.contains("another host name"), "{error}");
    assert!(requests.try_recv().is_err());
}

#[tokio::test]
async fn a_client_certificate_is_shown_when_asked_for() {
    let authority = Authority::new();
    let (url, mut requests) = authority.serve("127.0.0.1", true).await;
    let mut config = config(url);
    config.tls.ca_file = Some(authority.ca_file());
    let error = retried(deliver(config.clone()).await).1;
    assert!(error.contains("OTLP_CLIENT_CERTIFICATE"), "{error}");
    assert!(requests.try_recv().is_err());

    let (certificate, key) = authority.certify("worker");
    config.tls.client_certificate_file = Some(authority.file("client.pem", &certificate.pem()));
    config.tls.client_key_file = Some(authority.file("client.key", &key.serialize_pem()));
    assert_eq!(deliver(config.clone()).await, Outcome::all());

    config.tls.client_key_file =
        Some(authority.file("other.key", &KeyPair::generate().unwrap().serialize_pem()));
    let error = connect(config).err().unwrap().to_string();
    assert!(error.contains("other.key") && error.contains("does not go with"), "{error}");
}

#[tokio::test]
async fn tls_and_plain_text_are_told_apart() {
    for protocol in [OtlpProtocol::HttpProtobuf, OtlpProtocol::Grpc] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = config(format!("https://{}", listener.local_addr().unwrap()));
        config.protocol = Some(protocol);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    .await;
                let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            }
        });
        let error = retried(deliver(config).await).1;
        assert!(error.contains("http://"), "{error}");
    }
    let authority = Authority::new();
    let (url, _requests) = authority.serve("127.0.0.1", false).await;
    let error = retried(deliver(config(url.replace("https", "http"))).await).1;
    assert!(error.contains("https://"), "{error}");
}
