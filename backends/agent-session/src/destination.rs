//! The client's side: spans to the managed server, or to one that somebody else looks after.

use std::net::SocketAddr;

use secrecy::{ExposeSecret, SecretString};
use tracer_factory_core::config::{AgentSessionConfig, Endpoint, OtlpProtocol, TracerConfig};
use tracer_factory_core::delivery::{Batch, BoxFuture, Connected, Destination, Outcome, Plan};
use tracer_factory_core::error::ConfigError;
use tracer_factory_core::http::HeaderFile;
use tracer_factory_core::http::otlp::{OtlpDestination, OtlpTarget, otlp_destination, otlp_plan};

use crate::config::NAME;
use crate::managed::{Found, Managed, Tie, probe};

const ENDPOINT: &str = "AGENTOPS_EXPORTER_ENDPOINT";
const OFF: &str = "off with AGENTOPS_MANAGED=false or TRACER_TYPE=noop";

/// Checks the configuration without touching network or disk.
pub(crate) fn plan(config: &TracerConfig) -> Result<Plan, ConfigError> {
    let config = config.agent_session.clone();
    if !config.managed {
        let default = || format!("http://127.0.0.1:{}", AgentSessionConfig::DEFAULT_PORT);
        let url = config.endpoint.clone().unwrap_or_else(default);
        let mut target = target(&url, config.endpoint_is_exact)?.tls(config.tls.clone());
        if let Some(key) = &config.api_key {
            let bearer = SecretString::from(format!("Bearer {}", key.expose_secret()));
            target.headers.push(("authorization".to_owned(), bearer));
        }
        target.header_file = config.api_key_file.clone().map(HeaderFile::Bearer);
        return otlp_plan(NAME, target);
    }
    if !config.listen.ip().is_loopback() {
        return Err(ConfigError::invalid(
            "TRACER_SERVER_LISTEN",
            config.listen,
            "a loopback address such as 127.0.0.1:4319 or [::1]:4319, because the server knows no authentication yet",
        ));
    }
    let planned = format!("http://{}", config.listen);
    Ok(Plan::new(NAME, planned, move || connect(config)).networked())
}

/// Without the API key: a managed server asks for none, and any user of this machine may listen on its port and
/// pass for one.
fn target(url: &str, exact: bool) -> Result<OtlpTarget, ConfigError> {
    let mut target = OtlpTarget::new(ENDPOINT, Endpoint::of_setting(ENDPOINT, url, Endpoint::HTTP)?);
    target.exact = exact;
    target.protocol = Some(OtlpProtocol::HttpProtobuf);
    Ok(target)
}

fn connect(config: AgentSessionConfig) -> Result<Connected, ConfigError> {
    let managed = Managed::establish(&config)?;
    let (endpoint, notice) = (managed.url.clone(), notice(&managed));
    let otlp = otlp_destination(target(&managed.url, false)?)?;
    let destination = ManagedDestination { config, otlp, managed: Some(managed) };
    Ok(Connected { destination: Box::new(destination), endpoint: Some(endpoint), notice: Some(notice) })
}

fn notice(managed: &Managed) -> String {
    let url = &managed.url;
    let what = match managed.tie {
        Tie::Lease(_) => format!("trace server in this process at {url}"),
        Tie::Joined => format!("joined the trace server at {url}"),
        Tie::Started => format!("started a trace server of its own at {url}; it outlives this process"),
    };
    match managed.instead_of {
        Some(taken) => format!("{what} (something else has {taken}); {OFF}"),
        None => format!("{what}; {OFF}"),
    }
}

/// OTLP to a managed server, and the server's tie to this process.
#[derive(Debug)]
struct ManagedDestination {
    config: AgentSessionConfig,
    otlp: OtlpDestination,
    /// `None` once closed.
    managed: Option<Managed>,
}

impl ManagedDestination {
    /// A joined server may end before we do: then its port is free for one of ours, or another worker's is there.
    async fn replace_lost_server(&mut self) {
        let Some(Managed { url, tie: Tie::Joined | Tie::Started, .. }) = &self.managed else { return };
        let Some(addr) = url.strip_prefix("http://").and_then(|addr| addr.parse::<SocketAddr>().ok()) else {
            return;
        };
        let config = self.config.clone();
        // Off the delivery thread: a probe may take half a second and a new process longer.
        let found = tokio::task::spawn_blocking(move || match probe(addr) {
            Found::Ours(_) => None,
            Found::Foreign | Found::Nobody => Some(Managed::establish(&config)),
        });
        let managed = match found.await {
            Ok(Some(Ok(managed))) => managed,
            Ok(Some(Err(error))) => {
                tracing::debug!(%error, lost = %url, "no trace server could be started in place of a lost one");
                return;
            }
            Ok(None) | Err(_) => return,
        };
        match target(&managed.url, false).and_then(otlp_destination) {
            Ok(otlp) => {
                tracing::info!(lost = %url, "{}", notice(&managed));
                self.otlp = otlp;
                self.managed = Some(managed);
            }
            Err(error) => tracing::debug!(%error, "no client for the new trace server"),
        }
    }
}

impl Destination for ManagedDestination {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let outcome = self.otlp.deliver(batch).await;
            if matches!(outcome, Outcome::Retry { .. }) {
                self.replace_lost_server().await;
            }
            outcome
        })
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.otlp.close().await;
            let managed = self.managed.take();
            // Stopping the server waits for its thread.
            let _ = tokio::task::spawn_blocking(move || drop(managed)).await;
        })
    }
}
