//! Giving an identity fewer rights, or all of them back.

use serde::{Deserialize, Serialize};

use crate::identity::{IdentityIndex, SimulatedIdentity};
use crate::input::{self, InputError};
use crate::world::ReadingRights;

/// What one identity may see from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grant {
    /// The identity: its id, subject descriptor or principal name.
    pub identity: String,
    /// Of 100 projects, about so many are shown; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projects_percent: Option<u8>,
    /// Of 100 repositories, about so many are shown; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repositories_percent: Option<u8>,
}

impl Grant {
    pub(crate) fn read(body: &[u8]) -> Result<Self, InputError> {
        input::read(body, "send {\"identity\", \"projectsPercent\", \"repositoriesPercent\"}")
    }

    pub(crate) fn find(&self, identities: &[SimulatedIdentity]) -> Result<IdentityIndex, InputError> {
        let is_it = |identity: &SimulatedIdentity| {
            identity.subject_descriptor == self.identity
                || identity.principal_name.eq_ignore_ascii_case(&self.identity)
                || identity.id.to_string().eq_ignore_ascii_case(&self.identity)
        };
        let found = identities.iter().position(is_it).map(IdentityIndex);
        found.ok_or_else(|| {
            InputError::new(
                "identity",
                format!("there is no {}", self.identity),
                "take an id, subject descriptor or principal name of GET /_sim/identities",
            )
        })
    }

    pub(crate) fn rights(&self) -> Result<ReadingRights, InputError> {
        let all = ReadingRights::default();
        let rights = ReadingRights {
            projects_percent: self.projects_percent.unwrap_or(all.projects_percent),
            repositories_percent: self.repositories_percent.unwrap_or(all.repositories_percent),
        };
        for (field, percent, most) in [
            ("projectsPercent", rights.projects_percent, all.projects_percent),
            ("repositoriesPercent", rights.repositories_percent, all.repositories_percent),
        ] {
            if percent > most {
                return Err(InputError::new(field, "more than everything", "give 0 to 100"));
            }
        }
        Ok(rights)
    }
}
