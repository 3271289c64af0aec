//! `muster budget pause|resume|set|clear`: of a connector, or of one organization of it.

use super::quiet::{quiet_hours, share};
use crate::cli::Global;
use crate::exit::Failed;
use crate::lookup;
use crate::output::{note, print_row};
use crate::session::Session;
use clap::Args;
use muster_api::scopes::organization_of;
use muster_api::views::consumption::ConsumptionDocument;
use muster_domain::OrganizationName;
use muster_domain::connector::Connector;
use muster_domain::consumption_control::{ControlChange, ControlScope, QuietHours, Setting, Share};

pub(super) const PAUSE_EXAMPLES: &str = "\
Examples:
  muster budget pause contoso --reason 'migration of the weekend'
  muster budget pause contoso --organization contoso-payments";

pub(super) const RESUME_EXAMPLES: &str = "\
Examples:
  muster budget resume contoso
  muster budget resume contoso --organization contoso-payments --reason 'release is out'";

pub(super) const SET_EXAMPLES: &str = "\
Examples:
  muster budget set contoso --share 30%
  muster budget set contoso --organization contoso-payments \\
    --quiet 'Mon-Fri 08:00-18:00 Europe/Berlin' --reason 'people work then'
  muster budget set contoso --share none --quiet none";

pub(super) const CLEAR_EXAMPLES: &str = "\
Examples:
  muster budget clear contoso
  muster budget clear contoso --organization contoso-payments";

/// Of what the consumption is controlled.
#[derive(Debug, Args)]
struct Scope {
    /// The connector.
    #[arg(value_name = "CONNECTOR")]
    connector: String,
    /// Only this organization of it; without it, all of its organizations together.
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Toggle {
    #[command(flatten)]
    scope: Scope,
    /// Why, kept with the pause and in the audit.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Set {
    #[command(flatten)]
    scope: Scope,
    /// Part of the stated limit that background work of it may use, as 0.3 or 30%; none takes it away.
    #[arg(long, value_name = "PART", value_parser = share, required_unless_present = "quiet")]
    share: Option<Setting<Share>>,
    /// When its background work rests, as 'Mon-Fri 08:00-18:00 Europe/Berlin'; none takes it away.
    #[arg(long, value_name = "HOURS", value_parser = quiet_hours)]
    quiet: Option<Setting<QuietHours>>,
    /// Why, kept with it and in the audit.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Clear {
    #[command(flatten)]
    scope: Scope,
}

impl Toggle {
    pub(super) async fn run(self, global: &Global, paused: bool) -> Result<(), Failed> {
        let change = ControlChange { paused: Some(paused), reason: self.reason, ..ControlChange::default() };
        change_scope(global, &self.scope, change).await
    }
}

impl Set {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        let change = ControlChange {
            paused: None,
            share: self.share.unwrap_or_default(),
            quiet_hours: self.quiet.unwrap_or_default(),
            reason: self.reason,
        };
        change_scope(global, &self.scope, change).await
    }
}

impl Clear {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let connector = lookup::connector(&session.store, &self.scope.connector).await?;
            // Also of an organization that the connector does not have any more.
            let scope = match &self.scope.organization {
                Some(name) => ControlScope::organization(connector.id, OrganizationName::new(name)),
                None => ControlScope::connector(connector.id),
            };
            let cleared = session.store.consumption_controls().clear(&scope, &session.asked().cause).await?;
            if cleared.is_none() {
                // A mistyped name is told from one of which nothing is set.
                self.scope.find(session, &connector).await?;
                note(&format!("nothing was set for {}", described(&connector, &scope)));
            }
            print_row(global.output, &ConsumptionDocument::nothing(&connector, scope))
        })
        .await
    }
}

impl Scope {
    async fn find(&self, session: &Session, connector: &Connector) -> Result<ControlScope, Failed> {
        let Some(name) = &self.organization else { return Ok(ControlScope::connector(connector.id)) };
        match organization_of(&session.store, connector, &OrganizationName::new(name)).await? {
            Some(organization) => Ok(ControlScope::organization(connector.id, organization)),
            None => Err(Failed::not_found(format!(
                "the connector {0} has no organization {name}; see `muster connector show {0}`",
                connector.name
            ))),
        }
    }
}

async fn change_scope(global: &Global, scope: &Scope, change: ControlChange) -> Result<(), Failed> {
    Session::run(global, async |session| {
        let connector = lookup::connector(&session.store, &scope.connector).await?;
        let scope = scope.find(session, &connector).await?;
        let controls = session.store.consumption_controls();
        let control = controls.set(&scope, change, &session.asked().cause).await?;
        let now = session.store.now().await?;
        print_row(global.output, &ConsumptionDocument::of(&connector, control, now))
    })
    .await
}

fn described(connector: &Connector, scope: &ControlScope) -> String {
    match &scope.organization {
        Some(organization) => format!("{organization} of the connector {}", connector.name),
        None => format!("the connector {}", connector.name),
    }
}
