//! The embedded trace server, the tracers that send to it, and reading back what arrived.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tracer_factory::agent_session::{QueryClient, Server, ServerConfig, ServerError, ServerHandle};
use tracer_factory::{
    BaseTracer, ConfigError, DestinationReport, SpanData, TraceId, TracerConfig, TracerType, create_tracer,
};

use super::services::Tracers;
use super::{DemoError, gateway, llm, user};

/// How long spans may take to the server in this very process.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Traces {
    server: ServerHandle,
    tracers: Tracers,
    query: QueryClient,
}

impl Traces {
    /// A server of its own, at `listen` or any free port instead, and a tracer for each service. What `TRACER_TYPE` says
    /// does not matter here.
    pub(super) fn start(listen: SocketAddr) -> Result<Self, DemoError> {
        let server = match Server::start(ServerConfig::new(listen)) {
            Err(ServerError::AddressInUse { .. }) => {
                Server::start(ServerConfig::new(SocketAddr::new(listen.ip(), 0)))?
            }
            other => other?,
        };
        let query = QueryClient::new(server.url())?;
        let tracer = |service| tracer_to(server.url(), service);
        let tracers =
            Tracers { gateway: tracer(gateway::NAME)?, user: tracer(user::NAME)?, llm: tracer(llm::NAME)? };
        Ok(Self { server, tracers, query })
    }

    pub(super) fn url(&self) -> &str {
        self.server.url()
    }

    pub(super) fn tracers(&self) -> &Tracers {
        &self.tracers
    }

    /// The trace as the server has it once every span that has ended is there; `None` for one that was not recorded. Blocks.
    pub(super) fn read(&self, id: TraceId) -> Result<Option<Vec<SpanData>>, DemoError> {
        for tracer in self.each() {
            let report = tracer.flush(PATIENCE);
            // Spans of other requests may be on their way again.
            let lost =
                |to: &DestinationReport| to.rejected > 0 || to.dropped_total() > 0 || to.last_error.is_some();
            if report.destinations.iter().any(lost) {
                return Err(DemoError::Undelivered { report: report.to_string() });
            }
        }
        Ok(self.query.trace(id)?)
    }

    /// Delivers what is left and ends tracers and server. Blocks.
    pub(super) fn stop(&self) {
        for tracer in self.each() {
            tracer.teardown();
        }
    }

    fn each(&self) -> [&Arc<dyn BaseTracer>; 3] {
        [&self.tracers.gateway, &self.tracers.user, &self.tracers.llm]
    }
}

fn tracer_to(server: &str, service: &str) -> Result<Arc<dyn BaseTracer>, ConfigError> {
    let config = TracerConfig::builder()
        .tracer_type(TracerType::AgentSession)
        .service_name(service)
        .project("demo")
        .with(|config| {
            config.agent_session.managed = false;
            config.agent_session.endpoint = Some(server.to_owned());
        });
    create_tracer(config.build())
}
