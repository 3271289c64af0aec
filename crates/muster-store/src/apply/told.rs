//! What subscribers are told of resources: drawn from the rows before and after, in the transaction that writes them.

use super::Applied;
use super::endings::Ending;
use super::naming::{Named, Names};
use crate::error::StoreError;
use crate::session::Session;
use crate::store::Subscribers;
use muster_domain::assessment::AssessmentState;
use muster_domain::properties::Properties;
use muster_domain::resource::{Presence, ResourceKey};
use muster_domain::{ConnectorId, RecommendationKey, arm};
use muster_messages::fact::{
    AssessmentChanged, FactPayload, PropertyChange, ResourceChanged, ResourceDiscovered, ResourceRemoved,
};
use muster_messages::{Fact, TraceContext};

/// Something that happened to a resource, before it has a name for subscribers.
pub(super) struct Happened<'a> {
    pub(super) connector_id: ConnectorId,
    pub(super) key: ResourceKey,
    pub(super) name: String,
    pub(super) sequence: i64,
    pub(super) what: What,
    pub(super) trace: Option<&'a TraceContext>,
}

/// What happened.
pub(super) enum What {
    Discovered,
    Changed(Vec<PropertyChange>),
    Removed,
    AssessmentEnded {
        recommendation: RecommendationKey,
        from: AssessmentState,
        expected: String,
        ending: Ending,
    },
}

/// The facts of what happened, with present names.
pub(super) async fn facts<'a>(
    session: &Session,
    applied: &Applied,
    happened: Vec<Happened<'a>>,
) -> Result<Vec<(Fact, Option<&'a TraceContext>)>, StoreError> {
    if happened.is_empty() || session.subscribers() == Subscribers::None {
        return Ok(Vec::new());
    }
    let names = Names::load(session, happened.iter().map(|one| (one.connector_id, &one.key))).await?;
    let named = happened.into_iter().filter_map(|one| {
        let named = names.name(one.connector_id, &one.key, &one.name)?;
        Some((fact(applied, &one, named), one.trace))
    });
    Ok(named.collect())
}

fn fact(applied: &Applied, one: &Happened<'_>, named: Named) -> Fact {
    let Named { subject, reference: resource } = named;
    let connector_id = one.connector_id;
    let (subject, payload) = match &one.what {
        What::Discovered => {
            (subject, FactPayload::ResourceDiscovered(ResourceDiscovered { connector_id, resource }))
        }
        What::Changed(changes) => {
            let changes = changes.clone();
            (subject, FactPayload::ResourceChanged(ResourceChanged { connector_id, resource, changes }))
        }
        What::Removed => (subject, FactPayload::ResourceRemoved(ResourceRemoved { connector_id, resource })),
        What::AssessmentEnded { recommendation, from, expected, ending } => {
            let payload = AssessmentChanged {
                assessment_key: *recommendation,
                connector_id,
                resource,
                from: Some(*from),
                to: None,
                cause: ending.cause().to_owned(),
                observed: ending.observation().to_owned(),
                expected: expected.clone(),
                since: applied.now(),
            };
            (arm::assessment_id(&subject, *recommendation), FactPayload::AssessmentChanged(payload))
        }
    };
    Fact { subject, sequence: one.sequence, time: applied.now(), payload }
}

/// A resource before or after a change, as far as subscribers hold on to it.
pub(super) struct Seen<'a> {
    pub(super) name: &'a str,
    pub(super) presence: Presence,
    /// Absent where they are not understood.
    pub(super) properties: Option<&'a Properties>,
}

/// What is different that subscribers hold on to.
pub(super) fn differences(before: &Seen<'_>, after: &Seen<'_>) -> Vec<PropertyChange> {
    let mut changes = Vec::new();
    let mut compare = |property: &str, from: Option<String>, to: Option<String>| {
        if from != to {
            changes.push(PropertyChange { property: property.to_owned(), from, to });
        }
    };
    compare("name", Some(before.name.to_owned()), Some(after.name.to_owned()));
    let presence = |seen: &Seen<'_>| Some(seen.presence.as_str().to_owned());
    compare("presence", presence(before), presence(after));
    if let (Some(before), Some(after)) = (before.properties, after.properties) {
        compare("defaultBranch", default_branch(before), default_branch(after));
        compare("isDisabled", is_disabled(before), is_disabled(after));
        compare("visibility", visibility(before), visibility(after));
    }
    changes
}

fn default_branch(properties: &Properties) -> Option<String> {
    match properties {
        Properties::Repository(repository) => repository.default_branch.clone(),
        _ => None,
    }
}

fn is_disabled(properties: &Properties) -> Option<String> {
    match properties {
        Properties::Repository(repository) => Some(repository.is_disabled.to_string()),
        Properties::Extension(extension) => Some(extension.is_disabled.to_string()),
        _ => None,
    }
}

fn visibility(properties: &Properties) -> Option<String> {
    match properties {
        Properties::Project(project) => {
            let name = serde_json::to_value(&project.visibility).ok()?;
            name.as_str().map(str::to_owned)
        }
        _ => None,
    }
}
