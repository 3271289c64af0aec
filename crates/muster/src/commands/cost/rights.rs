//! Which reads a credential may make, which recommendations stay Unknown without, and what to grant.

use super::estimate::Line;
use crate::output::Row;
use muster_domain::RecommendationKey;
use muster_domain::read::{Read, UnknownReason};
use muster_domain::recommendation::{Recommendation, Severity};
use muster_store::changes::ReadingKind;
use muster_store::inventory::ReadingView;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What is known of the right to make a read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub(super) enum Access {
    /// Nobody asked yet.
    NotKnown,
    /// It was answered.
    Granted,
    /// It was refused, at least once.
    Refused {
        /// What to grant to the token.
        scope: Option<&'static str>,
        /// What to grant to the identity.
        right: &'static str,
    },
    /// The organization does not offer it.
    NotOffered,
    /// It is switched off in the configuration.
    SwitchedOff,
    /// It failed otherwise.
    Failed {
        /// How.
        reason: String,
    },
}

impl Access {
    pub(super) fn refused(read: Read) -> Self {
        Self::Refused { scope: read.token_scope(), right: read.needed_right() }
    }

    /// How much it says: what stands in the way is never hidden by what worked elsewhere.
    fn weight(&self) -> u8 {
        match self {
            Self::NotKnown => 0,
            Self::Granted => 1,
            Self::Failed { .. } => 2,
            Self::NotOffered => 3,
            Self::Refused { .. } => 4,
            Self::SwitchedOff => 5,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::NotKnown => "not known".to_owned(),
            Self::Granted => "granted".to_owned(),
            Self::Refused { .. } => "refused".to_owned(),
            Self::NotOffered => "not offered".to_owned(),
            Self::SwitchedOff => "switched off".to_owned(),
            Self::Failed { reason } => format!("failed: {reason}"),
        }
    }

    /// False where recommendations that need it stay Unknown.
    fn may_judge(&self) -> bool {
        matches!(self, Self::NotKnown | Self::Granted)
    }
}

/// The rights to all reads of a pass.
#[derive(Debug)]
pub(super) struct Rights(BTreeMap<Read, Access>);

impl Rights {
    pub(super) fn new(reads: &BTreeSet<Read>, switched_off: &BTreeSet<Read>) -> Self {
        let mut access: BTreeMap<Read, Access> = reads.iter().map(|read| (*read, Access::NotKnown)).collect();
        access.extend(switched_off.iter().map(|read| (*read, Access::SwitchedOff)));
        Self(access)
    }

    pub(super) fn access(&self) -> &BTreeMap<Read, Access> {
        &self.0
    }

    /// Reads that are worth asking for.
    pub(super) fn askable(&self) -> Vec<Read> {
        let askable = self.0.iter().filter(|(_, access)| **access != Access::SwitchedOff);
        askable.map(|(read, _)| *read).collect()
    }

    /// What was asked now is truer than what is known from earlier.
    pub(super) fn asked(&mut self, read: Read, access: Access) {
        self.0.insert(read, access);
    }

    /// What earlier passes say: the worst counts.
    pub(super) fn readings(&mut self, readings: &[ReadingView]) {
        for reading in readings {
            let ReadingKind::Read(read) = reading.key.kind else { continue };
            let found = match reading.unknown {
                None => Access::Granted,
                Some(UnknownReason::Forbidden) => Access::refused(read),
                Some(UnknownReason::NotOffered) => Access::NotOffered,
                Some(UnknownReason::SwitchedOff) => Access::SwitchedOff,
                Some(UnknownReason::NotReadYet) => Access::NotKnown,
                Some(reason) => Access::Failed { reason: reason.explanation().to_owned() },
            };
            // The permissions of single resources are read where the list form is not to be believed: no part of the plan
            // of a pass, and yet something may rest on them.
            let known = self.0.entry(read).or_insert(Access::NotKnown);
            if found.weight() > known.weight() {
                *known = found;
            }
        }
    }

    /// Recommendations that stay Unknown because of reads that give nothing, in the order of the catalogue.
    pub(super) fn unknown_recommendations(&self) -> Vec<Unjudged> {
        let giving_nothing = self.0.iter().filter(|(_, access)| !access.may_judge()).map(|(read, _)| *read);
        let mut missing: HashMap<RecommendationKey, Vec<Read>> = HashMap::new();
        for read in giving_nothing {
            for recommendation in muster_rules::rules_reading(read) {
                missing.entry(recommendation.key).or_default().push(read);
            }
        }
        let recommendations = muster_rules::catalogue().iter().map(|rule| rule.recommendation());
        let unjudged = recommendations.filter_map(|recommendation| {
            let missing = missing.remove(&recommendation.key)?;
            let Recommendation { key, title, severity, .. } = *recommendation;
            Some(Unjudged { key, title, severity, missing })
        });
        unjudged.collect()
    }

    /// The least that unlocks what is refused, each once.
    pub(super) fn grant(&self) -> Grant {
        let mut grant = Grant::default();
        for access in self.0.values() {
            if let Access::Refused { scope, right } = access {
                grant.token_scopes.extend(scope.iter().copied());
                grant.rights.insert(right);
            }
        }
        grant
    }
}

/// A recommendation that stays Unknown.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Unjudged {
    key: RecommendationKey,
    title: &'static str,
    severity: Severity,
    /// Reads that give nothing.
    missing: Vec<Read>,
}

impl Unjudged {
    pub(super) fn text(&self) -> String {
        let missing: Vec<&str> = self.missing.iter().map(|read| read.as_str()).collect();
        format!("{} ({}): needs {}", self.title, self.severity, missing.join(", "))
    }
}

/// What to grant.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Grant {
    /// Scopes of a personal access token.
    pub(super) token_scopes: BTreeSet<&'static str>,
    /// Rights of the identity itself.
    pub(super) rights: BTreeSet<&'static str>,
}

/// A read with its cost and the right to it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CostRow {
    #[serde(flatten)]
    line: Line,
    access: Option<Access>,
}

impl CostRow {
    pub(super) fn new(line: Line, access: Option<&Access>) -> Self {
        Self { line, access: access.cloned() }
    }
}

impl Row for CostRow {
    const COLUMNS: &'static [&'static str] = &["read", "calls", "tstu per call", "from", "tstu", "access"];

    fn cells(&self) -> Vec<String> {
        let mut cells = self.line.cells();
        cells.push(self.access.as_ref().map_or_else(|| "-".to_owned(), Access::text));
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use muster_domain::{ConnectorId, OrganizationId};
    use muster_store::changes::ReadingKey;
    use uuid::Uuid;

    fn reading(read: Read, unknown: Option<UnknownReason>) -> ReadingView {
        ReadingView {
            key: ReadingKey {
                connector_id: ConnectorId(Uuid::nil()),
                organization_id: OrganizationId(Uuid::nil()),
                project_id: None,
                kind: ReadingKind::Read(read),
                subject: String::new(),
            },
            unknown,
            item_count: None,
            read_at: DateTime::UNIX_EPOCH,
            changed_at: DateTime::UNIX_EPOCH,
        }
    }

    fn rights() -> Rights {
        Rights::new(&super::super::reads_of_a_pass(&BTreeSet::new()), &BTreeSet::new())
    }

    #[test]
    fn one_refusal_counts_whatever_was_answered_elsewhere() {
        let mut rights = rights();
        rights.readings(&[
            reading(Read::ServiceEndpoints, None),
            reading(Read::ServiceEndpoints, Some(UnknownReason::Forbidden)),
            reading(Read::ServiceEndpoints, None),
        ]);
        assert_eq!(rights.access()[&Read::ServiceEndpoints], Access::refused(Read::ServiceEndpoints));
        let grant = rights.grant();
        assert!(grant.token_scopes.contains("vso.serviceendpoint"), "{grant:?}");
        assert_eq!(grant.rights.len(), 1);
        let unknown = rights.unknown_recommendations();
        assert!(unknown.iter().all(|found| found.missing.contains(&Read::ServiceEndpoints)));
        assert!(!unknown.is_empty(), "a recommendation judges service connections");
    }

    #[test]
    fn what_is_asked_now_is_truer_and_what_nobody_asked_is_no_refusal() {
        let mut rights = rights();
        rights.readings(&[reading(Read::ServiceEndpoints, Some(UnknownReason::Forbidden))]);
        rights.asked(Read::ServiceEndpoints, Access::Granted);
        assert!(rights.unknown_recommendations().is_empty());
        assert_eq!(rights.grant(), Grant::default());
    }

    #[test]
    fn what_may_not_be_asked_of_single_resources_stays_unknown_too() {
        let mut rights = rights();
        rights.readings(&[reading(Read::PipelinePermissions, Some(UnknownReason::Forbidden))]);
        let unknown = rights.unknown_recommendations();
        let resting_on_it = muster_rules::rules_reading(Read::PipelinePermissions);
        let keys: Vec<_> = unknown.iter().map(|found| found.key).collect();
        assert_eq!(keys, resting_on_it.iter().map(|rule| rule.key).collect::<Vec<_>>());
        assert!(unknown.iter().all(|found| found.missing == [Read::PipelinePermissions]));
        assert!(!rights.grant().rights.is_empty());
    }

    #[test]
    fn what_is_switched_off_is_not_asked_for() {
        let off = BTreeSet::from([Read::OrganizationPolicies]);
        let rights = Rights::new(&super::super::reads_of_a_pass(&off), &off);
        assert!(!rights.askable().contains(&Read::OrganizationPolicies));
        assert_eq!(rights.access()[&Read::OrganizationPolicies], Access::SwitchedOff);
    }
}
