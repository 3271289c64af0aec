//! Why a request is not taken.

use super::REQUEST_TYPES;
use crate::event::CloudEvent;
use crate::fact;

/// A request that is not taken: which field, why, and what its publisher does about it. Never repeats a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}; {remedy}", field.as_ref().map(|field| format!("`{field}` ")).unwrap_or_default())]
pub struct RejectedRequest {
    /// What the receiver does with it.
    pub kind: RejectionKind,
    /// The field that is wrong, as a path from the envelope (`data.subscriptionId`).
    pub field: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

/// What the receiver does with a request that is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectionKind {
    /// Nobody here knows the type: dead letter.
    UnknownType,
    /// A known type in a version that this binary does not read: kept for a newer one.
    UnsupportedVersion,
    /// A field is missing or wrong: dead letter.
    Invalid,
    /// Holds what looks like a secret: dead letter without its body.
    ContainsSecret,
}

impl RejectedRequest {
    pub(super) fn invalid(field: &str, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            kind: RejectionKind::Invalid,
            field: Some(field.to_owned()),
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }

    pub(super) fn contains_secret(field: &str) -> Self {
        Self {
            kind: RejectionKind::ContainsSecret,
            ..Self::invalid(
                field,
                "looks like a secret",
                "revoke it, store a new one with `muster credential set`, and send the name of that credential",
            )
        }
    }

    pub(super) fn unreadable_type(event_type: &str) -> Self {
        let newer = is_newer_version_of_known(event_type);
        let is_fact = fact::FACT_TYPES.contains(&event_type);
        let (kind, reason) = if newer {
            (RejectionKind::UnsupportedVersion, "is of a newer version than this binary reads")
        } else if is_fact {
            (RejectionKind::UnknownType, "is a fact that Muster publishes, not a request")
        } else {
            (RejectionKind::UnknownType, "is not a known request")
        };
        Self { kind, ..Self::invalid("type", reason, format!("send one of {}", REQUEST_TYPES.join(", "))) }
    }

    /// The fact that tells the publisher.
    pub fn to_fact(&self, event: &CloudEvent) -> fact::RequestRejected {
        fact::RequestRejected {
            source: Some(event.source.clone()),
            id: Some(event.id.clone()),
            field: self.field.clone(),
            reason: self.reason.clone(),
            remedy: self.remedy.clone(),
        }
    }
}

fn is_newer_version_of_known(event_type: &str) -> bool {
    let Some((stem, version)) = split_version(event_type) else { return false };
    REQUEST_TYPES
        .into_iter()
        .filter_map(split_version)
        .any(|(known_stem, known_version)| known_stem == stem && version > known_version)
}

/// `muster.x.y.v2` is `muster.x.y` in version 2.
fn split_version(event_type: &str) -> Option<(&str, u32)> {
    let (stem, version) = event_type.rsplit_once(".v")?;
    let is_number = version.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| version.parse().ok()).flatten().map(|version| (stem, version))
}
