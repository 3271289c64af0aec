//! What a store gives access to.

use crate::Store;
use crate::assessments::Assessments;
use crate::audit::Audit;
use crate::budget::BudgetGate;
use crate::connectors::Connectors;
use crate::consumption_controls::ConsumptionControls;
use crate::credentials::Credentials;
use crate::dead_letters::DeadLetters;
use crate::heartbeats::Heartbeats;
use crate::inbox::Inbox;
use crate::inventory::Inventory;
use crate::ledger::Ledger;
use crate::outbox::Outbox;
use crate::retention::Retention;
use crate::schedules::Schedules;
use crate::snapshots::Snapshots;
use muster_domain::budget::BudgetSettings;

macro_rules! facades {
    ($($(#[$doc:meta])* $name:ident: $type:ident,)*) => {
        impl Store {
            $($(#[$doc])*
            pub fn $name(&self) -> $type {
                $type { store: self.clone() }
            })*
        }
    };
}

facades! {
    /// Jobs: asked for, dispatched, claimed, ended.
    ledger: Ledger,
    /// Connectors and their states.
    connectors: Connectors,
    /// Encrypted credentials.
    credentials: Credentials,
    /// Resources, relations, readings, claims.
    inventory: Inventory,
    /// Verdicts with their history.
    assessments: Assessments,
    /// What rules judge.
    snapshots: Snapshots,
    /// Requests in.
    inbox: Inbox,
    /// Facts out.
    outbox: Outbox,
    /// What could not be done.
    dead_letters: DeadLetters,
    /// Periodic work.
    schedules: Schedules,
    /// What people set about consumption.
    consumption_controls: ConsumptionControls,
    /// Who is alive.
    heartbeats: Heartbeats,
    /// Who changed what.
    audit: Audit,
    /// Forgets what has served.
    retention: Retention,
}

impl Store {
    /// The consumption budget, with the settings of this installation.
    pub fn budget(&self, settings: BudgetSettings) -> BudgetGate {
        BudgetGate::new(self.clone(), settings)
    }
}
