//! What was planted about builds of forks: of a pipeline the intent of its trigger, of a project the protection that
//! overrules all its pipelines. The truth is read from both, the answers carry them out.

use serde::{Deserialize, Serialize};

use crate::world::Draw;

/// What the triggers of a pipeline are meant to do with pull requests from forks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ForkIntent {
    /// No pull request starts it.
    NoPullRequests,
    /// Pull requests start it, those from forks do not; that their builds would get secrets is without effect.
    OwnPullRequests,
    /// Builds of forks get no secrets.
    WithoutSecrets,
    /// Builds of forks get no secrets, and the same access token as others.
    WithFullToken,
    /// Builds of forks get secrets, of a public repository.
    WithSecrets,
    /// The same, by the second of two triggers.
    WithSecretsBySecondTrigger,
    /// Builds of forks get secrets, of a private repository.
    PrivateWithSecrets,
}

impl ForkIntent {
    pub(crate) fn plant(draw: &mut Draw) -> Self {
        draw.weighted(&[
            (40, Self::NoPullRequests),
            (14, Self::OwnPullRequests),
            (10, Self::WithoutSecrets),
            (6, Self::WithFullToken),
            (14, Self::WithSecrets),
            (6, Self::WithSecretsBySecondTrigger),
            (10, Self::PrivateWithSecrets),
        ])
    }

    /// Whether strangers get at secrets unless the project keeps them from it.
    pub(crate) fn exposes_secrets(self) -> bool {
        matches!(self, Self::WithSecrets | Self::WithSecretsBySecondTrigger)
    }

    /// Whether the repository is private, where the intent needs it to be one or the other.
    pub(crate) fn needs_private(self) -> Option<bool> {
        match self {
            Self::PrivateWithSecrets => Some(true),
            _ if self.exposes_secrets() => Some(false),
            _ => None,
        }
    }
}

/// What a project is meant to do about builds of forks, as three switches of its general settings tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ForkProtection {
    /// Nothing.
    Off,
    /// Everything else is set, but the protection as a whole is switched off.
    SwitchedOff,
    /// The protection is on, and allows builds with secrets.
    Lax,
    /// Forks are not built.
    NoForkBuilds,
    /// Forks are built without secrets.
    NoSecrets,
    /// The older shape of the settings: nothing but that the protection is off.
    OlderOff,
    /// The older shape of the settings: nothing but that builds of forks get no secrets.
    OlderNoSecrets,
}

impl ForkProtection {
    pub(crate) fn plant(draw: &mut Draw) -> Self {
        draw.weighted(&[
            (25, Self::Off),
            (15, Self::SwitchedOff),
            (20, Self::Lax),
            (18, Self::NoForkBuilds),
            (22, Self::NoSecrets),
        ])
    }

    pub(crate) fn plant_older(draw: &mut Draw) -> Self {
        draw.weighted(&[(50, Self::OlderOff), (50, Self::OlderNoSecrets)])
    }

    /// Whether no build of a fork gets a secret, whatever pipelines say.
    pub(crate) fn protects(self) -> bool {
        matches!(self, Self::NoForkBuilds | Self::NoSecrets | Self::OlderNoSecrets)
    }

    /// The switches and their positions; those that are left out are not in the answer.
    pub(crate) fn switches(self) -> &'static [(&'static str, bool)] {
        const PROTECTED: &str = "forkProtectionEnabled";
        const BUILT: &str = "buildsEnabledForForks";
        const NO_SECRETS: &str = "enforceNoAccessToSecretsFromForks";
        match self {
            Self::Off => &[(PROTECTED, false), (BUILT, true), (NO_SECRETS, false)],
            Self::SwitchedOff => &[(PROTECTED, false), (BUILT, false), (NO_SECRETS, true)],
            Self::Lax => &[(PROTECTED, true), (BUILT, true), (NO_SECRETS, false)],
            Self::NoForkBuilds => &[(PROTECTED, true), (BUILT, false), (NO_SECRETS, false)],
            Self::NoSecrets => &[(PROTECTED, true), (BUILT, true), (NO_SECRETS, true)],
            Self::OlderOff => &[(PROTECTED, false)],
            Self::OlderNoSecrets => &[(NO_SECRETS, true)],
        }
    }
}
