//! Starting and stopping a simulator.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::change::Change;
use crate::control;
use crate::fault::Fault;
use crate::grant::Grant;
use crate::identity::SimulatedIdentity;
use crate::input::InputError;
use crate::options::{OptionError, SimulatorOptions};
use crate::state::SimulatorState;
use crate::stats::Stats;
use crate::truth::{self, Truth};
use crate::world::{Totals, World};

/// How long a stop waits for answers that are being written.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// A simulated Azure DevOps, to be started.
#[derive(Debug, Clone, Copy)]
pub struct Simulator;

impl Simulator {
    /// Generates the world and listens. Requests are answered until the result is stopped or dropped.
    ///
    /// # Errors
    /// An option cannot work, or the address cannot be listened on.
    pub async fn start(options: SimulatorOptions) -> Result<RunningSimulator, SimulatorError> {
        options.validate()?;
        let listen = options.listen;
        let bind_error = |source| SimulatorError::Bind { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(bind_error)?;
        let base_url = format!("http://{}", listener.local_addr().map_err(bind_error)?);
        let totals = Totals {
            organizations: options.organizations,
            projects: options.projects,
            repositories: options.repositories,
        };
        let world = World::generate(options.seed, totals, base_url.clone());
        let state = Arc::new(SimulatorState::new(options, world));
        let stopping = CancellationToken::new();
        let stopped = CancellationToken::new();
        tokio::spawn(serve(listener, Arc::clone(&state), stopping.clone(), stopped.clone()));
        Ok(RunningSimulator { base_url, state, stopping, stopped })
    }
}

async fn serve(
    listener: TcpListener,
    state: Arc<SimulatorState>,
    stopping: CancellationToken,
    stopped: CancellationToken,
) {
    let _report_end = stopped.drop_guard();
    // Small answers must not wait for each other's acknowledgement; a socket that refuses is still a socket.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let server = axum::serve(listener, control::router(state))
        .with_graceful_shutdown(stopping.clone().cancelled_owned());
    let too_long = async {
        stopping.cancelled().await;
        tokio::time::sleep(STOP_GRACE).await;
    };
    tokio::select! {
        _ = server.into_future() => {}
        () = too_long => {}
    }
}

/// A simulator that listens. Dropping it stops it.
pub struct RunningSimulator {
    base_url: String,
    state: Arc<SimulatorState>,
    stopping: CancellationToken,
    stopped: CancellationToken,
}

impl RunningSimulator {
    /// The URL below which every simulated host is.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The names of the organizations.
    #[must_use]
    pub fn organizations(&self) -> Vec<String> {
        self.state.world.organizations.iter().map(|organization| organization.name.clone()).collect()
    }

    /// The tenant that the organizations belong to.
    #[must_use]
    pub fn tenant_id(&self) -> uuid::Uuid {
        self.state.world.tenant_id
    }

    /// A personal access token that may read everything.
    #[must_use]
    pub fn pat(&self) -> &str {
        &self.state.identities[0].pats[0]
    }

    /// All identities with their tokens; the last one is an application.
    #[must_use]
    pub fn identities(&self) -> &[SimulatedIdentity] {
        &self.state.identities
    }

    /// All tenants; the first is [`Self::tenant_id`]. Organizations belong to them in turns.
    #[must_use]
    pub fn tenants(&self) -> &[uuid::Uuid] {
        self.state.tenants()
    }

    /// The application: it has client credentials, and no list of organizations.
    #[must_use]
    pub fn application(&self) -> &SimulatedIdentity {
        // There always is one, and it is the last.
        &self.state.identities[self.state.identities.len() - 1]
    }

    /// What to tell whoever started the simulator, as one line of JSON.
    #[must_use]
    pub fn banner(&self) -> Banner {
        let pat = self.pat().to_owned();
        Banner { base_url: self.base_url.clone(), organizations: self.organizations(), pat }
    }

    /// What was counted, as in `GET /_sim/stats`.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.state.stats()
    }

    /// Counts from zero again, as `POST /_sim/stats/reset` does.
    pub fn reset_stats(&self) {
        self.state.reset_stats();
    }

    /// What is true now, as in `GET /_sim/truth`.
    #[must_use]
    pub fn truth(&self) -> Vec<Truth> {
        truth::of_world(&self.state.view()).collect()
    }

    /// Changes the world, as `POST /_sim/changes` does.
    ///
    /// # Errors
    /// The change names something that does not exist, or lacks a field.
    pub fn change(&self, change: &Change) -> Result<(), InputError> {
        self.state.change(change)
    }

    /// Decides what an identity may see, as `POST /_sim/rights` does.
    ///
    /// # Errors
    /// There is no such identity, or a share is above 100 percent.
    pub fn grant(&self, grant: &Grant) -> Result<(), InputError> {
        self.state.grant(grant)
    }

    /// Installs a fault, as `POST /_sim/faults` does.
    ///
    /// # Errors
    /// The fault cannot happen.
    pub fn install_fault(&self, fault: Fault) -> Result<(), InputError> {
        self.state.install_fault(fault)
    }

    /// Removes all faults, as `DELETE /_sim/faults` does.
    pub fn clear_faults(&self) {
        self.state.clear_faults();
    }

    /// Stops listening and waits until the last answer is written, or two seconds.
    pub async fn stop(self) {
        self.stopping.cancel();
        self.stopped.cancelled().await;
    }

    /// Waits until the simulator no longer listens.
    pub async fn wait(&self) {
        self.stopped.cancelled().await;
    }
}

impl Drop for RunningSimulator {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

// Written by hand: the tokens do not belong in a log.
impl fmt::Debug for RunningSimulator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RunningSimulator").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// What a started simulator says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Banner {
    /// The URL below which every simulated host is.
    pub base_url: String,
    /// The names of the organizations.
    pub organizations: Vec<String>,
    /// A personal access token that may read everything.
    pub pat: String,
}

/// Why a simulator could not start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// An option cannot work.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}; choose a free port, or 0 for any: {source}")]
    Bind {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}
