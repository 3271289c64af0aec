//! What was planted about Advanced Security of a repository.

use crate::truth::Defect;
use crate::world::{Draw, RepositoryIndex, Topic};

/// Which of the two products are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AdvancedSecurity {
    /// Both.
    On,
    /// Neither.
    Off,
    /// Secret protection alone.
    OnlySecretProtection,
    /// Code security alone.
    OnlyCodeSecurity,
}

impl AdvancedSecurity {
    pub(crate) fn plant(seed: u64, index: RepositoryIndex) -> Self {
        Draw::new(seed, Topic::AdvancedSecurity, &[index.project.0, index.position]).weighted(&[
            (35, Self::On),
            (40, Self::Off),
            (15, Self::OnlySecretProtection),
            (10, Self::OnlyCodeSecurity),
        ])
    }

    pub(crate) fn defect(self) -> Option<Defect> {
        match self {
            Self::On => None,
            Self::Off => Some(Defect::AdvancedSecurityOff),
            Self::OnlySecretProtection => Some(Defect::CodeSecurityOff),
            Self::OnlyCodeSecurity => Some(Defect::SecretProtectionOff),
        }
    }

    pub(crate) fn has_secret_protection(self) -> bool {
        matches!(self, Self::On | Self::OnlySecretProtection)
    }

    pub(crate) fn has_code_security(self) -> bool {
        matches!(self, Self::On | Self::OnlyCodeSecurity)
    }
}
