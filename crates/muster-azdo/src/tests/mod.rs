//! The client against services on this machine.

mod admission;
mod calls;
mod entra;
mod failing_hosts;
mod gate;
mod listings;
mod log;
mod organization_calls;
mod outcomes;
mod pages;
mod project_calls;
mod service;
mod simulator;
mod simulator_library;
mod simulator_organization;
mod slowed_down;
mod streaming;
mod undocumented;

use crate::{Authorization, AzureDevOps, ClientOptions, Hosts, Session};
use chrono::{DateTime, Utc};
use gate::FakeGate;
use muster_domain::budget::ConsumptionClass;
use muster_domain::clock::TestClock;
use muster_domain::{IdentityKey, OrganizationName, ProjectId};
use std::sync::Arc;
use std::time::Duration;
use uuid::uuid;

const TOKEN: &str = "a-token-that-must-not-be-seen";
const PROJECT: ProjectId = ProjectId(uuid!("6ce954b1-ce1f-45d1-b94d-e6bf2464ba2c"));

/// Long enough for a busy machine, short enough for a hanging test.
const DEADLINE: Duration = Duration::from_secs(20);

fn organization() -> OrganizationName {
    OrganizationName::new("Contoso")
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

/// Options that reach `url`.
fn options(url: &str) -> ClientOptions {
    ClientOptions { base: Hosts::Override(url.to_owned()), ..ClientOptions::default() }
}

/// A client, its gate and its clock.
struct Fixture {
    client: AzureDevOps,
    gate: Arc<FakeGate>,
    clock: TestClock,
}

impl Fixture {
    fn new(options: ClientOptions) -> Self {
        Self::with_gate(options, FakeGate::default())
    }

    fn with_gate(options: ClientOptions, gate: FakeGate) -> Self {
        // Another test may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let gate = Arc::new(gate);
        let clock = TestClock::at(now());
        let client = AzureDevOps::new(options, gate.clone(), Arc::new(clock.clone())).unwrap();
        Self { client, gate, clock }
    }

    fn session(&self, class: ConsumptionClass) -> Session {
        let identity = IdentityKey::subject("aad.fixture");
        self.client.session(identity, Authorization::PersonalAccessToken(TOKEN.into()), class)
    }

    fn background(&self) -> Session {
        self.session(ConsumptionClass::Background)
    }
}

/// Waits until `condition` holds.
async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let poll = async {
        while !condition() {
            // Waits for the condition: the pause only spares the processor.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, poll).await.unwrap_or_else(|_| panic!("never: {what}"));
}
