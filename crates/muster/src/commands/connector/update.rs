//! `muster connector update`.

use super::list::Shown;
use crate::cli::Global;
use crate::exit::Failed;
use crate::lookup;
use crate::output::{Format, Row, note, print_json, print_rows};
use crate::session::Session;
use clap::{Args, ValueEnum};
use muster_domain::connector::{Connector, ConnectorState, OrganizationsChoice, Plan};
use muster_domain::credential::Credential;
use muster_domain::job::{JobKind, JobSubject};
use muster_domain::{OrganizationName, arm};
use muster_store::StoreError;
use muster_store::connectors::ConnectorUpdate;
use muster_store::inbox::RequestEffects;
use serde::Serialize;
use serde_json::json;

pub(super) const EXAMPLES: &str = "\
Examples:
  muster connector update contoso --credential contoso-reader-2
  muster connector update contoso --add-organization contoso-labs \\
    --remove-organization contoso-old
  muster connector update contoso --all-organizations
  muster connector update contoso --all-organizations existing --plan DefenderCspm";

#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Name or id of the connector.
    #[arg(value_name = "NAME|ID")]
    connector: String,
    /// Name of the stored credential to use from now on.
    #[arg(long, value_name = "NAME")]
    credential: Option<String>,
    /// What is paid for.
    #[arg(long, value_parser = lookup::plan(), ignore_case = true)]
    plan: Option<Plan>,
    #[command(flatten)]
    choice: Choice,
}

/// What becomes of the choice of organizations.
#[derive(Clone, Debug, Default, Args)]
struct Choice {
    /// Connect this organization too; may be given several times.
    #[arg(long = "add-organization", value_name = "NAME")]
    add: Vec<String>,
    /// Do not connect this organization any more; may be given several times.
    #[arg(long = "remove-organization", value_name = "NAME")]
    remove: Vec<String>,
    /// Connect exactly these organizations; may be given several times.
    #[arg(long = "organization", value_name = "NAME", conflicts_with_all = ["add", "remove", "all"])]
    replace: Vec<String>,
    /// Connect all organizations that the credential reaches: those that exist now, or (`future`, where nothing is said)
    /// also those that come to be.
    #[arg(
        long = "all-organizations",
        value_name = "WHICH",
        num_args = 0..=1,
        default_missing_value = "future",
        conflicts_with_all = ["add", "remove"]
    )]
    all: Option<Which>,
}

/// Which of all organizations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Those that exist at the next discovery.
    Existing,
    /// Those, and those that come to be.
    Future,
}

impl Update {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let store = &session.store;
            let connector = lookup::connector(store, &self.connector).await?;
            let before = super::show::credential_name(store, &connector).await?;
            let credential = match &self.credential {
                Some(name) => Some(lookup::credential(store, name).await?),
                None => None,
            };
            let update = ConnectorUpdate {
                plan: self.plan,
                credential_id: credential.as_ref().map(|credential| credential.id),
                organizations: self.choice.applied_to(&connector)?,
            };
            let changed = if has_changes(&connector, &update) {
                apply(session, &connector, &update, credential.as_ref()).await?
            } else {
                note("nothing changes: it is so already; see `muster connector update --help`");
                connector.clone()
            };
            let after = super::show::credential_name(store, &changed).await?;
            let (before, after) = (Shown::of(connector, before), Shown::of(changed, after));
            let changes = differences(&before, &after);
            match global.output {
                Format::Json => print_json(&Document { connector: after, changes }),
                format => print_rows(format, &changes),
            }
        })
        .await
    }
}

fn has_changes(connector: &Connector, update: &ConnectorUpdate) -> bool {
    update.plan.is_some_and(|plan| plan != connector.plan)
        || update.credential_id.is_some_and(|id| id != connector.credential_id)
        || update.organizations.as_ref().is_some_and(|choice| *choice != connector.organizations)
}

/// Changes the connector, and lets it discover at once: with a new credential it proves itself first.
async fn apply(
    session: &Session,
    connector: &Connector,
    update: &ConnectorUpdate,
    credential: Option<&Credential>,
) -> Result<Connector, Failed> {
    let store = &session.store;
    let credential_id = update.credential_id.unwrap_or(connector.credential_id);
    let kind = if credential_id == connector.credential_id {
        JobKind::ConnectorDiscover
    } else {
        JobKind::ConnectorAuthorize
    };
    let job = session.asked().job(kind, JobSubject::connector(connector.id), Some(credential_id));
    let changed = store.connectors().update(connector.id, update, &[job]).await;
    let changed = changed.map_err(|error| cannot_update(connector, error))?;
    let detail = json!({
        "id": connector.id,
        "plan": update.plan,
        "credential": credential.map(|credential| &credential.name),
        "organizations": update.organizations,
    });
    session.note("connector.update", &arm::connector_id(&changed), detail).await;
    let waits = matches!(
        changed.state,
        ConnectorState::NeedsAuth | ConnectorState::NeedsPermission | ConnectorState::Conflict
    );
    if waits {
        let resume = RequestEffects::resume(&changed, &session.asked());
        store.inbox().perform(&resume).await?;
    }
    if changed.state == ConnectorState::Paused {
        note(&format!("it is paused: it discovers after `muster connector resume {}`", changed.name));
    }
    Ok(store.connectors().get(connector.id).await?.unwrap_or(changed))
}

fn cannot_update(connector: &Connector, error: StoreError) -> Failed {
    match error {
        StoreError::Conflict { what, .. } => Failed::conflict(what),
        StoreError::Invalid(what) => Failed::usage(what),
        // What is being removed cannot be changed any more.
        StoreError::NotFound { what: "connector", .. } => Failed::conflict(format!(
            "the connector {} is {} and cannot be changed any more",
            connector.name, connector.state
        )),
        error => error.into(),
    }
}

impl Choice {
    /// The choice after the options; absent where they do not speak of it.
    fn applied_to(&self, connector: &Connector) -> Result<Option<OrganizationsChoice>, Failed> {
        let named = |names: &[String]| names.iter().map(|name| OrganizationName::new(name.trim())).collect();
        if let Some(which) = self.all {
            return Ok(Some(match which {
                Which::Existing => OrganizationsChoice::Selected { organizations: Vec::new() },
                Which::Future => OrganizationsChoice::AllExistingAndFuture,
            }));
        }
        if !self.replace.is_empty() {
            return Ok(Some(OrganizationsChoice::Selected { organizations: distinct(named(&self.replace)) }));
        }
        if self.add.is_empty() && self.remove.is_empty() {
            return Ok(None);
        }
        let (added, removed): (Vec<OrganizationName>, Vec<OrganizationName>) =
            (named(&self.add), named(&self.remove));
        let OrganizationsChoice::Selected { organizations } = &connector.organizations else {
            return Err(Failed::usage(format!(
                "--add-organization and --remove-organization change a list, but the connector {} connects all \
                 organizations: name those that you want with --organization",
                connector.name
            )));
        };
        if organizations.is_empty() {
            return Err(Failed::conflict(format!(
                "the connector {} has not listed its organizations yet: wait for its discovery, or name all that you \
                 want with --organization",
                connector.name
            )));
        }
        if let Some(stranger) = removed.iter().find(|name| !organizations.contains(name)) {
            return Err(Failed::not_found(format!(
                "--remove-organization {stranger}: the connector {} does not name it; it names {}",
                connector.name,
                organizations.iter().map(OrganizationName::as_str).collect::<Vec<_>>().join(", ")
            )));
        }
        let mut after: Vec<OrganizationName> = organizations.clone();
        after.extend(added);
        after.retain(|name| !removed.contains(name));
        let after = distinct(after);
        if after.is_empty() {
            return Err(Failed::usage(
                "--remove-organization leaves none: an empty list would connect all; delete the connector with \
                 `muster connector delete` instead",
            ));
        }
        Ok(Some(OrganizationsChoice::Selected { organizations: after }))
    }
}

fn distinct(names: Vec<OrganizationName>) -> Vec<OrganizationName> {
    let mut kept: Vec<OrganizationName> = Vec::new();
    for name in names {
        if !kept.contains(&name) {
            kept.push(name);
        }
    }
    kept
}

/// A connector after a change, with the difference.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(flatten)]
    connector: Shown,
    changes: Vec<Difference>,
}

/// One field that is not as before.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Difference {
    field: &'static str,
    before: String,
    after: String,
}

impl Row for Difference {
    const COLUMNS: &'static [&'static str] = &["field", "before", "after"];

    fn cells(&self) -> Vec<String> {
        vec![self.field.to_owned(), self.before.clone(), self.after.clone()]
    }
}

fn differences(before: &Shown, after: &Shown) -> Vec<Difference> {
    let texts = |shown: &Shown| {
        [
            ("plan", shown.plan.as_str().to_owned()),
            ("credential", shown.credential.clone().unwrap_or_else(|| "-".to_owned())),
            ("organizations", shown.choice()),
            ("state", shown.state.to_string()),
        ]
    };
    texts(before)
        .into_iter()
        .zip(texts(after))
        .filter(|(before, after)| before != after)
        .map(|((field, before), (_, after))| Difference { field, before, after })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::list::tests::connector;
    use super::*;
    use crate::exit::Exit;
    use clap::Parser as _;

    #[derive(Debug, clap::Parser)]
    struct Wrapper {
        #[command(flatten)]
        update: Update,
    }

    fn choice(arguments: &[&str]) -> Choice {
        let arguments = ["update", "contoso"].iter().chain(arguments);
        Wrapper::try_parse_from(arguments).unwrap().update.choice
    }

    fn named(names: &[&str]) -> OrganizationsChoice {
        OrganizationsChoice::Selected {
            organizations: names.iter().copied().map(OrganizationName::new).collect(),
        }
    }

    #[test]
    fn organizations_are_added_removed_and_replaced_without_case() {
        let before = connector(named(&["Contoso", "labs"]));
        for (arguments, after) in [
            (&["--add-organization", "new"][..], named(&["Contoso", "labs", "new"])),
            (&["--add-organization", "CONTOSO"], named(&["Contoso", "labs"])),
            (&["--remove-organization", "contoso"], named(&["labs"])),
            (&["--organization", "a", "--organization", "A"], named(&["a"])),
            (&["--all-organizations"], OrganizationsChoice::AllExistingAndFuture),
            (&["--all-organizations", "existing"], named(&[])),
        ] {
            assert_eq!(choice(arguments).applied_to(&before).unwrap(), Some(after), "{arguments:?}");
        }
        assert_eq!(choice(&[]).applied_to(&before).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_option_and_the_remedy() {
        let all = connector(OrganizationsChoice::AllExistingAndFuture);
        let two = connector(named(&["a", "b"]));
        let unsettled = connector(named(&[]));
        for (connector, arguments, exit) in [
            (&all, &["--add-organization", "x"][..], Exit::Usage),
            (&unsettled, &["--add-organization", "x"], Exit::Conflict),
            (&two, &["--remove-organization", "x"], Exit::NotFound),
            (&two, &["--remove-organization", "a", "--remove-organization", "b"], Exit::Usage),
        ] {
            let failed = choice(arguments).applied_to(connector).unwrap_err();
            assert_eq!(failed.exit, exit, "{failed}");
            assert!(failed.message.contains("organization"), "{failed}");
        }
        for both in [
            ["--organization", "a", "--add-organization", "b"],
            ["--all-organizations", "future", "--organization", "a"],
        ] {
            assert!(Wrapper::try_parse_from(["update", "contoso"].iter().chain(&both)).is_err(), "{both:?}");
        }
    }

    #[test]
    fn only_what_changed_is_a_difference() {
        let before = Shown::of(connector(named(&["a"])), Some("old".to_owned()));
        let after = Shown::of(connector(named(&["a", "b"])), Some("old".to_owned()));
        let expected =
            Difference { field: "organizations", before: "a".to_owned(), after: "a, b".to_owned() };
        assert_eq!(differences(&before, &after), [expected]);
        assert!(differences(&before, &before).is_empty());
    }
}
