//! rustls with its provider named, so that nothing depends on a process-wide default.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::config::TlsConfig;
use crate::error::ConfigError;

/// The variables that a destination's certificates come from, for the words about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsVariables {
    /// Authorities to trust as well.
    pub(super) ca: &'static str,
    /// The client's certificate.
    pub(super) certificate: &'static str,
    /// The client's key.
    pub(super) key: &'static str,
}

impl TlsVariables {
    /// Those of every destination that has none of its own.
    pub const TRACER: Self =
        Self { ca: "TRACER_CERTIFICATE", certificate: "TRACER_CLIENT_CERTIFICATE", key: "TRACER_CLIENT_KEY" };
    /// Those of OTLP.
    pub const OTLP: Self =
        Self { ca: "OTLP_CERTIFICATE", certificate: "OTLP_CLIENT_CERTIFICATE", key: "OTLP_CLIENT_KEY" };
}

/// For `http` URLs: the connector wants a configuration and never uses it.
pub(super) fn unused() -> Result<ClientConfig, ConfigError> {
    Ok(builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// Bundled roots, the system's, and what `tls` adds.
pub(super) fn client_config(tls: &TlsConfig, from: TlsVariables) -> Result<ClientConfig, ConfigError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    // A system without a store, or with a broken entry, still has the bundled roots.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = &tls.ca_file {
        for certificate in certificates(from.ca, path)? {
            roots.add(certificate).map_err(|error| bad_file(from.ca, path, &error.to_string()))?;
        }
    }
    let builder = builder()?.with_root_certificates(roots);
    match (&tls.client_certificate_file, &tls.client_key_file) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(chain), Some(key)) => {
            let certificates = certificates(from.certificate, chain)?;
            let key_der = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| bad_file(from.key, key, &format!("no private key in PEM form: {error}")))?;
            builder.with_client_auth_cert(certificates, key_der).map_err(|error| {
                bad_file(from.key, key, &format!("does not go with {}: {error}", chain.display()))
            })
        }
        (Some(path), None) => {
            Err(bad_file(from.certificate, path, &format!("{} is needed as well", from.key)))
        }
        (None, Some(path)) => {
            Err(bad_file(from.key, path, &format!("{} is needed as well", from.certificate)))
        }
    }
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, ConfigError> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::Setup { backend: "TLS".to_owned(), what: error.to_string() })
}

fn certificates(setting: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let certificates =
        CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| bad_file(setting, path, &format!("no certificates in PEM form: {error}")))?;
    if certificates.is_empty() {
        return Err(bad_file(setting, path, "no certificate in it"));
    }
    Ok(certificates)
}

fn bad_file(setting: &str, path: &Path, why: &str) -> ConfigError {
    ConfigError::invalid(setting, path.display(), why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_there_without_any_setting() {
        assert!(client_config(&TlsConfig::default(), TlsVariables::TRACER).is_ok());
        assert!(webpki_roots::TLS_SERVER_ROOTS.len() > 50);
    }

    #[test]
    fn a_wrong_file_is_named_with_its_variable() {
        for from in [TlsVariables::TRACER, TlsVariables::OTLP] {
            let missing = |tls: TlsConfig| client_config(&tls, from).unwrap_err().to_string();
            let ca = missing(TlsConfig { ca_file: Some("/no/such/ca.pem".into()), ..TlsConfig::default() });
            assert!(ca.contains(from.ca) && ca.contains("/no/such/ca.pem"), "{ca}");
            let not_pem = missing(TlsConfig {
                ca_file: Some(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml").into()),
                ..TlsConfig::default()
            });
            assert!(not_pem.contains("no certificate in it"), "{not_pem}");
            let half =
                missing(TlsConfig { client_key_file: Some("/key.pem".into()), ..TlsConfig::default() });
            assert!(half.contains(from.key) && half.contains(from.certificate), "{half}");
        }
    }
}
