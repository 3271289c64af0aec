//! From what is written on the command line to what it names.

mod places;
mod since;

pub(crate) use places::{has_organization, one, organizations, project, projects};
pub(crate) use since::Since;

use crate::exit::Failed;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use muster_domain::ConnectorId;
use muster_domain::assessment::AssessmentState;
use muster_domain::connector::{Connector, ConnectorState, OrganizationAccess, Plan};
use muster_domain::credential::Credential;
use muster_domain::job::{JobKind, JobState, WaitingReason};
use muster_domain::recommendation::Severity;
use muster_domain::resource::{Presence, ResourceKind};
use muster_store::Store;
use muster_store::connectors::ConnectorFilter;

/// The connector of that name or id. A name may be used in several resource groups; then only the id will do.
pub(crate) async fn connector(store: &Store, name_or_id: &str) -> Result<Connector, Failed> {
    if let Ok(id) = name_or_id.parse::<ConnectorId>()
        && let Some(connector) = store.connectors().get(id).await?
    {
        return Ok(connector);
    }
    let filter = ConnectorFilter { name: Some(name_or_id.to_owned()), ..ConnectorFilter::default() };
    one_of(name_or_id, store.connectors().find(&filter).await?)
}

fn one_of(name: &str, mut found: Vec<Connector>) -> Result<Connector, Failed> {
    match (found.pop(), found.is_empty()) {
        (Some(connector), true) => Ok(connector),
        (None, _) => Err(Failed::not_found(format!(
            "there is no connector {name}; list them with `muster connector list`"
        ))),
        (Some(last), false) => {
            found.push(last);
            let ids: Vec<String> = found
                .iter()
                .map(|connector| {
                    format!(
                        "{} (subscription {}, resource group {})",
                        connector.id, connector.subscription_id, connector.resource_group
                    )
                })
                .collect();
            Err(Failed::usage(format!("{name} names several connectors, give the id: {}", ids.join(", "))))
        }
    }
}

/// The credential of that name.
pub(crate) async fn credential(store: &Store, name: &str) -> Result<Credential, Failed> {
    store.credentials().get_by_name(name).await?.ok_or_else(|| {
        Failed::not_found(format!(
            "there is no credential {name}; store it with `muster credential set {name} --pat-file PATH`"
        ))
    })
}

/// Reads one of the words of the domain, in any case.
fn word<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let values = PossibleValuesParser::new(all.iter().map(|value| name(*value)));
    values.try_map(move |written| {
        let named = all.iter().find(|value| name(**value).eq_ignore_ascii_case(&written));
        named.copied().ok_or_else(|| format!("{written} is none of the possible values"))
    })
}

/// Reads the state of an assessment.
pub(crate) fn assessment_state() -> impl TypedValueParser<Value = AssessmentState> {
    word(&AssessmentState::ALL, AssessmentState::as_str)
}

/// Reads the state of a connector.
pub(crate) fn connector_state() -> impl TypedValueParser<Value = ConnectorState> {
    word(&ConnectorState::ALL, ConnectorState::as_str)
}

/// Reads how an organization stands with its connector.
pub(crate) fn organization_access() -> impl TypedValueParser<Value = OrganizationAccess> {
    word(&OrganizationAccess::ALL, OrganizationAccess::as_str)
}

/// Reads the state of a job.
pub(crate) fn job_state() -> impl TypedValueParser<Value = JobState> {
    word(&JobState::ALL, JobState::as_str)
}

/// Reads the kind of a job.
pub(crate) fn job_kind() -> impl TypedValueParser<Value = JobKind> {
    word(&JobKind::ALL, JobKind::as_str)
}

/// Reads why a job waits.
pub(crate) fn waiting_reason() -> impl TypedValueParser<Value = WaitingReason> {
    word(&WaitingReason::ALL, WaitingReason::as_str)
}

/// Reads a kind of resource.
pub(crate) fn resource_kind() -> impl TypedValueParser<Value = ResourceKind> {
    word(&ResourceKind::ALL, ResourceKind::as_str)
}

/// Reads whether a resource is there.
pub(crate) fn presence() -> impl TypedValueParser<Value = Presence> {
    word(&[Presence::Present, Presence::Missing, Presence::Gone], Presence::as_str)
}

/// Reads a plan.
pub(crate) fn plan() -> impl TypedValueParser<Value = Plan> {
    word(&[Plan::Foundational, Plan::DefenderCspm], Plan::as_str)
}

/// Reads a severity.
pub(crate) fn severity() -> impl TypedValueParser<Value = Severity> {
    word(&Severity::ALL, |severity| match severity {
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use muster_domain::CredentialId;
    use muster_domain::connector::OrganizationsChoice;
    use uuid::Uuid;

    fn found(number: u128) -> Connector {
        Connector {
            id: ConnectorId(Uuid::from_u128(number)),
            name: "contoso".to_owned(),
            subscription_id: Uuid::nil().to_string(),
            resource_group: format!("group-{number}"),
            region: "centralus".to_owned(),
            tenant_id: None,
            plan: Plan::Foundational,
            credential_id: CredentialId(Uuid::nil()),
            organizations: OrganizationsChoice::AllExistingAndFuture,
            state: ConnectorState::Active,
            state_reason: None,
            state_since: chrono::DateTime::UNIX_EPOCH,
            change_sequence: 1,
            created_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_name_is_one_connector_or_an_error_that_says_what_to_do() {
        assert_eq!(one_of("contoso", vec![found(1)]).unwrap().id.0, Uuid::from_u128(1));
        let missing = one_of("contoso", Vec::new()).unwrap_err();
        assert_eq!(missing.exit, Exit::NotFound);
        assert!(missing.message.contains("muster connector list"), "{missing}");
        let ambiguous = one_of("contoso", vec![found(1), found(2)]).unwrap_err();
        assert_eq!(ambiguous.exit, Exit::Usage);
        for number in [1, 2] {
            assert!(ambiguous.message.contains(&Uuid::from_u128(number).to_string()), "{ambiguous}");
            assert!(ambiguous.message.contains(&format!("group-{number}")), "{ambiguous}");
        }
    }

    fn read<T: Clone + Send + Sync + 'static>(
        parser: impl TypedValueParser<Value = T>,
        written: &str,
    ) -> Option<T> {
        let argument =
            clap::Arg::new("value").value_parser(clap::builder::ValueParser::from(parser)).ignore_case(true);
        let matches =
            clap::Command::new("test").arg(argument).try_get_matches_from(["test", written]).ok()?;
        matches.get_one::<T>("value").cloned()
    }

    #[test]
    fn words_are_read_in_any_case_and_nothing_else() {
        assert_eq!(read(severity(), "HIGH"), Some(Severity::High));
        assert_eq!(read(assessment_state(), "notapplicable"), Some(AssessmentState::NotApplicable));
        assert_eq!(read(connector_state(), "needs_auth"), Some(ConnectorState::NeedsAuth));
        assert_eq!(read(job_state(), "Dead"), Some(JobState::Dead));
        assert_eq!(read(job_kind(), "project.sync"), Some(JobKind::ProjectSync));
        assert_eq!(read(plan(), "defendercspm"), Some(Plan::DefenderCspm));
        assert_eq!(read(waiting_reason(), "THROTTLED"), Some(WaitingReason::Throttled));
        assert_eq!(read(resource_kind(), "serviceconnection"), Some(ResourceKind::ServiceConnection));
        assert_eq!(read(presence(), "Missing"), Some(Presence::Missing));
        assert_eq!(read(severity(), "severe"), None);
        assert_eq!(read(plan(), ""), None);
    }
}
