//! Credentials and certificates that are replaced while a worker runs: their files are looked at before
//! requests and read again when they have changed. A bad new file changes nothing and is complained of once.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use ::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, USER_AGENT};
use rustls::ClientConfig;
use secrecy::SecretString;

use super::target::header_map;
use super::{HeaderFile, HttpTarget, TlsVariables, basic_authorization, tls};
use crate::config::{Endpoint, TlsConfig};
use crate::error::ConfigError;

/// How often files are looked at while nothing is wrong.
const INTERVAL: Duration = Duration::from_secs(1);

/// When to look at the files.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Unless it has just been done.
    WhenDue,
    /// The receiver does not take what it is shown.
    AtOnce,
}

/// What has changed.
#[derive(Default)]
pub(super) struct Renewed {
    pub(super) headers: Option<HeaderMap>,
    pub(super) tls: Option<ClientConfig>,
}

/// The files of one destination, and what else its headers consist of.
pub(super) struct Rotation {
    setting: &'static str,
    endpoint: Endpoint,
    /// The headers that are in no file.
    own: Vec<(String, SecretString)>,
    header_file: Option<(HeaderFile, Watched)>,
    certificates: Option<(TlsConfig, TlsVariables, Watched)>,
    looked: Instant,
}

impl Rotation {
    /// Reads the headers of a target. Its certificates are read by the caller, after this.
    pub(super) fn new(target: &HttpTarget) -> Result<(Self, HeaderMap), ConfigError> {
        let mut this = Self {
            setting: target.setting,
            endpoint: target.endpoint.clone(),
            own: target.headers.clone(),
            header_file: None,
            certificates: None,
            looked: Instant::now(),
        };
        let paths = certificate_files(&target.tls);
        if target.endpoint.is_tls() && !paths.is_empty() {
            this.certificates = Some((target.tls.clone(), target.tls_variables, Watched::new(paths)));
        }
        let mut pairs = Vec::new();
        if let Some(file) = &target.header_file {
            let mut watched = Watched::new(vec![file.path().to_owned()]);
            match file.read() {
                Ok(read) => pairs = read,
                // It was there when the environment was read; what it held then has to do.
                Err(why) if !target.headers.is_empty() => watched.complain(&why),
                Err(why) => return Err(ConfigError::invalid_secret(target.setting, why)),
            }
            // What the file held when it was first read is its own, so that a header can also go away.
            this.own.retain(|(name, _)| !pairs.iter().any(|(read, _)| read.eq_ignore_ascii_case(name)));
            this.header_file = Some((file.clone(), watched));
        }
        let headers = headers(this.setting, &this.endpoint, &this.own, &pairs)?;
        Ok((this, headers))
    }

    pub(super) fn has_header_file(&self) -> bool {
        self.header_file.is_some()
    }

    /// What has changed since the last look. `sent` is what is sent so far.
    pub(super) fn look(&mut self, look: Look, sent: &HeaderMap) -> Renewed {
        let mut renewed = Renewed::default();
        if self.header_file.is_none() && self.certificates.is_none()
            || look == Look::WhenDue && self.looked.elapsed() < INTERVAL
        {
            return renewed;
        }
        self.looked = Instant::now();
        if let Some((file, watched)) = &mut self.header_file {
            let (setting, endpoint, own) = (self.setting, &self.endpoint, &self.own);
            renewed.headers = watched.take(|| {
                let pairs = file.read()?;
                let new = headers(setting, endpoint, own, &pairs).map_err(|error| error.to_string())?;
                // What was sent so far was looked at when the tracer was made.
                let is_open = !endpoint.is_tls() && !endpoint.is_loopback();
                if is_open && new.keys().any(|name| !sent.contains_key(name)) {
                    let path = file.path().display();
                    return Err(format!(
                        "{path} holds a header that was not there at first, and {endpoint} is not encrypted"
                    ));
                }
                Ok(new)
            });
        }
        if let Some((config, from, watched)) = &mut self.certificates {
            renewed.tls =
                watched.take(|| tls::client_config(config, *from).map_err(|error| error.to_string()));
        }
        renewed
    }
}

fn certificate_files(tls: &TlsConfig) -> Vec<PathBuf> {
    let files = [&tls.ca_file, &tls.client_certificate_file, &tls.client_key_file];
    files.into_iter().flatten().cloned().collect()
}

/// Everything that is sent with each request; what is in a file wins.
fn headers(
    setting: &str,
    endpoint: &Endpoint,
    own: &[(String, SecretString)],
    in_file: &[(String, SecretString)],
) -> Result<HeaderMap, ConfigError> {
    let mut headers = header_map(setting, own.iter().chain(in_file))?;
    if let Some(basic) = basic_authorization(endpoint) {
        headers.entry(AUTHORIZATION).or_insert(basic);
    }
    let agent = HeaderValue::from_static(concat!("tracer-factory/", env!("CARGO_PKG_VERSION")));
    headers.entry(USER_AGENT).or_insert(agent);
    Ok(headers)
}

/// Files that are read together, as they were when they were last good.
struct Watched {
    paths: Vec<PathBuf>,
    seen: Vec<Option<Stamp>>,
    is_bad: bool,
}

impl Watched {
    /// To be made before the files are read, so that a replacement meanwhile is seen later.
    fn new(paths: Vec<PathBuf>) -> Self {
        let seen = stamps(&paths);
        Self { paths, seen, is_bad: false }
    }

    /// What `read` makes of the files when they have changed. While it fails, it is asked again at each look:
    /// a certificate and its key are two files, and one is replaced first.
    fn take<T>(&mut self, read: impl FnOnce() -> Result<T, String>) -> Option<T> {
        let now = stamps(&self.paths);
        if now == self.seen {
            self.is_bad = false;
            return None;
        }
        match read() {
            Ok(value) => {
                self.seen = now;
                self.is_bad = false;
                tracing::info!(files = ?self.paths, "credentials were replaced and are in use");
                Some(value)
            }
            Err(why) => {
                self.complain(&why);
                None
            }
        }
    }

    /// Once, until the files are good again.
    fn complain(&mut self, why: &str) {
        if !std::mem::replace(&mut self.is_bad, true) {
            tracing::warn!("replaced credentials can't be used, the earlier ones stay in use: {why}");
        }
    }
}

/// What tells a file from its replacement; a link is followed, as those of mounted secrets change their target.
#[derive(PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
    identity: (u64, u64),
}

fn stamps(paths: &[PathBuf]) -> Vec<Option<Stamp>> {
    paths.iter().map(|path| stamp(path)).collect()
}

/// `None` for a file that is not there.
fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let identity = {
        use std::os::unix::fs::MetadataExt;
        (metadata.dev(), metadata.ino())
    };
    #[cfg(not(unix))]
    let identity = (0, 0);
    Some(Stamp { modified: metadata.modified().ok(), len: metadata.len(), identity })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A file that is replaced as mounted secrets are: by another one under its name.
    struct Secret {
        directory: tempfile::TempDir,
        path: PathBuf,
    }

    impl Secret {
        fn new(text: &str) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let this = Self { path: directory.path().join("secret"), directory };
            this.replace(text);
            this
        }

        fn replace(&self, text: &str) {
            let new = self.directory.path().join("new");
            fs::write(&new, text).unwrap();
            fs::rename(new, &self.path).unwrap();
        }
    }

    fn target(url: &str, file: HeaderFile) -> HttpTarget {
        let mut target = HttpTarget::new("OTLP_ENDPOINT", Endpoint::parse(url, Endpoint::HTTP).unwrap());
        target.headers = vec![("x-team".to_owned(), "blue".into()), ("X-Key".to_owned(), "old".into())];
        target.header_file = Some(file);
        target
    }

    #[test]
    fn headers_are_read_again_when_their_file_is_replaced() {
        let secret = Secret::new("x-key=one\n");
        let target = target("http://localhost:1", HeaderFile::Pairs(secret.path.clone()));
        let (mut rotation, mut headers) = Rotation::new(&target).unwrap();
        assert_eq!(
            (&headers["x-team"], &headers["x-key"]),
            (&"blue".parse().unwrap(), &"one".parse().unwrap())
        );
        assert!(rotation.look(Look::AtOnce, &headers).headers.is_none(), "nothing has changed");
        secret.replace("x-key=two");
        assert!(rotation.look(Look::WhenDue, &headers).headers.is_none(), "not yet");
        headers = rotation.look(Look::AtOnce, &headers).headers.unwrap();
        assert_eq!((&headers["x-key"], headers["x-key"].is_sensitive()), (&"two".parse().unwrap(), true));
        secret.replace("authorization=three");
        headers = rotation.look(Look::AtOnce, &headers).headers.unwrap();
        assert!(!headers.contains_key("x-key"), "what is not in the file any more is not sent");
        assert_eq!(
            (&headers["authorization"], headers.contains_key("x-team")),
            (&"three".parse().unwrap(), true)
        );
    }

    #[test]
    fn a_token_becomes_a_bearer() {
        let secret = Secret::new("one");
        let target = target("http://localhost:1", HeaderFile::Bearer(secret.path.clone()));
        let (mut rotation, headers) = Rotation::new(&target).unwrap();
        assert_eq!(headers["authorization"], "Bearer one");
        secret.replace("two");
        let headers = rotation.look(Look::AtOnce, &headers).headers.unwrap();
        assert_eq!(headers["authorization"], "Bearer two");
    }

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_bad_file_changes_nothing_and_is_complained_of_once() {
        let secret = Secret::new("x-key=one");
        let target = target("http://localhost:1", HeaderFile::Pairs(secret.path.clone()));
        let (mut rotation, headers) = Rotation::new(&target).unwrap();
        let log = Log::default();
        let lines = || {
            let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
            assert!(!text.contains("canary"), "{text}");
            (text.matches("WARN").count(), text.matches("INFO").count())
        };
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            for bad in ["canary", "", "x-key=canary\u{7f}", "content-length=canary"] {
                secret.replace(bad);
                for _ in 0..3 {
                    assert!(rotation.look(Look::AtOnce, &headers).headers.is_none(), "{bad}");
                }
            }
            fs::remove_file(&secret.path).unwrap();
            assert!(rotation.look(Look::AtOnce, &headers).headers.is_none());
            assert_eq!(lines(), (1, 0));
            secret.replace("x-key=two");
            assert_eq!(rotation.look(Look::AtOnce, &headers).headers.unwrap()["x-key"], "two");
            assert_eq!(lines(), (1, 1));
            secret.replace("canary");
            assert!(rotation.look(Look::AtOnce, &headers).headers.is_none());
            assert_eq!(lines(), (2, 1));
        });
    }

    #[test]
    fn no_new_header_goes_to_another_host_in_plain_text() {
        let secret = Secret::new("x-key=one");
        let target = target("http://collector:4318", HeaderFile::Pairs(secret.path.clone()));
        let (mut rotation, headers) = Rotation::new(&target).unwrap();
        secret.replace("x-key=two");
        assert_eq!(rotation.look(Look::AtOnce, &headers).headers.unwrap()["x-key"], "two");
        secret.replace("x-key=three,authorization=canary");
        assert!(rotation.look(Look::AtOnce, &headers).headers.is_none());
    }

    #[test]
    fn a_file_that_is_missing_at_first_is_an_error_unless_there_are_headers() {
        let mut target = target("http://localhost:1", HeaderFile::Pairs("/no/such/file".into()));
        let (_, headers) = Rotation::new(&target).unwrap();
        assert_eq!(headers["x-key"], "old");
        target.headers.clear();
        let error = Rotation::new(&target).err().unwrap().to_string();
        assert!(error.contains("/no/such/file") && error.contains("OTLP_ENDPOINT"), "{error}");
    }
}
