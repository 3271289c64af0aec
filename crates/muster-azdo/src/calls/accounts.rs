//! `GET /_apis/accounts?memberId=`: the organizations of a person.

use crate::call::Call;
use crate::calls::profile::ProfileId;
use crate::error::CallError;
use crate::json::{Violation, Wire};
use crate::session::Session;
use muster_domain::read::Read;
use muster_domain::{OrganizationId, OrganizationName};
use serde::Deserialize;
use tracing::instrument;
use uuid::Uuid;

/// An organization that a person belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: OrganizationName,
    /// Its immutable id.
    pub id: OrganizationId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountWire {
    account_id: Uuid,
    account_name: String,
}

impl Wire for AccountWire {
    type Item = Account;

    fn into_item(self) -> Result<Account, Violation> {
        if self.account_name.is_empty() {
            return Err(Violation("an account has no name"));
        }
        Ok(Account { name: OrganizationName::new(self.account_name), id: OrganizationId(self.account_id) })
    }
}

impl Session {
    /// The organizations of `member`. Empty for every service principal, whatever it belongs to: no proof that
    /// there are none.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.accounts", skip_all)]
    pub async fn accounts(&self, member: ProfileId) -> Result<Vec<Account>, CallError> {
        let call = Call::of_credential(Read::Accounts, "_apis/accounts").with("memberId", member.to_string());
        self.list_of::<AccountWire>(call).await
    }
}
