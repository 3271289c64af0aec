//! `/api/v1`: operations on a fleet. One file per thing.

pub(crate) mod budget;
pub(crate) mod consumption;
pub(crate) mod dead_letter_deeds;
pub(crate) mod dead_letter_groups;
pub(crate) mod dead_letters;
pub(crate) mod index;
pub(crate) mod job_control;
pub(crate) mod jobs;
pub(crate) mod queues;
pub(crate) mod workers;

use crate::Api;
use crate::http::caller::Caller;
use muster_store::audit::AuditEntry;
use serde_json::Value;

/// Keeps who changed what. The change is done already: a missing note does not undo it.
pub(crate) async fn note(api: &Api, caller: &Caller, action: &str, target: &str, detail: Value) {
    let entry = AuditEntry {
        actor: caller.actor.clone(),
        action: action.to_owned(),
        target: target.to_owned(),
        detail,
    };
    if let Err(error) = api.store().audit().record(&entry).await {
        tracing::error!(error = %error, action, target, "a change is missing in the audit");
    }
}
