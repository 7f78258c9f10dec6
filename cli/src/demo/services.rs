//! The three services: bound, wired to each other, served, stopped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracer_factory::BaseTracer;

use super::DemoError;
use super::client::JsonClient;
use super::finished::{self, FinishedTraces};
use super::gateway::{self, Gateway};
use super::llm::{self, LlmService};
use super::service::Held;
use super::user::{self, UserService};

/// How long requests that are under way at the end may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// A tracer for each service.
#[derive(Clone)]
pub(super) struct Tracers {
    pub(super) gateway: Arc<dyn BaseTracer>,
    pub(super) user: Arc<dyn BaseTracer>,
    pub(super) llm: Arc<dyn BaseTracer>,
}

pub(super) struct Services {
    pub(super) gateway: Address,
    pub(super) user: Address,
    pub(super) llm: Address,
    stop: watch::Sender<()>,
    tasks: Vec<JoinHandle<std::io::Result<()>>>,
}

/// Where a service is.
#[derive(Clone, Copy)]
pub(super) struct Address {
    pub(super) service: &'static str,
    path: &'static str,
    addr: SocketAddr,
    /// The port it should have had.
    pub(super) instead_of: Option<u16>,
}

impl Address {
    fn new(service: &'static str, path: &'static str, held: &Held) -> Self {
        Self { service, path, addr: held.addr, instead_of: held.instead_of }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}{}", self.addr, self.path)
    }
}

impl Services {
    /// The gateway at `port` and the others at the two that follow; at any free ones instead of taken ones or for 0.
    pub(super) async fn start(port: u16, tracers: &Tracers) -> Result<(Self, FinishedTraces), DemoError> {
        let nth = |n| if port == 0 { 0 } else { port.saturating_add(n) };
        // All ports first: each service is told where the next one is.
        let gateway = Held::take(gateway::NAME, nth(0)).await?;
        let user = Held::take(user::NAME, nth(1)).await?;
        let llm = Held::take(llm::NAME, nth(2)).await?;
        let at_gateway = Address::new(gateway::NAME, gateway::PATH, &gateway);
        let at_user = Address::new(user::NAME, user::PATH, &user);
        let at_llm = Address::new(llm::NAME, llm::PATH, &llm);

        let (stop, stopped) = watch::channel(());
        let (sender, finished) = finished::channel();
        let client = JsonClient::new();
        let llm_service = LlmService { tracer: Arc::clone(&tracers.llm) };
        let user_service = UserService {
            tracer: Arc::clone(&tracers.user),
            client: client.clone(),
            llm_service: at_llm.url(),
        };
        let api_gateway = Gateway {
            tracer: Arc::clone(&tracers.gateway),
            client,
            user_service: at_user.url(),
            finished: sender,
        };
        let tasks = vec![
            gateway.serve(api_gateway.router(), stopped.clone()),
            user.serve(user_service.router(), stopped.clone()),
            llm.serve(llm_service.router(), stopped),
        ];
        Ok((Self { gateway: at_gateway, user: at_user, llm: at_llm, stop, tasks }, finished))
    }

    /// Finishes the requests under way and ends the services.
    pub(super) async fn stop(self) {
        drop(self.stop);
        for mut task in self.tasks {
            if tokio::time::timeout(PATIENCE, &mut task).await.is_err() {
                task.abort();
            }
        }
    }
}
