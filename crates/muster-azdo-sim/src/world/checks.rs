//! Approvals and checks of protected resources.

use crate::world::{Draw, ProjectIndex, ResourceKind, Topic, World, moment};

/// One check of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) id: usize,
    pub(crate) kind: CheckKind,
    pub(crate) created: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckKind {
    Approval,
    BranchControl,
    BusinessHours,
    RequiredTemplate,
    ExclusiveLock,
}

impl CheckKind {
    /// Type and its name. Source: the published Terraform provider, `approvalsandchecks`.
    pub(crate) fn type_of(self) -> (&'static str, &'static str) {
        match self {
            Self::Approval => ("8c6f20a7-a545-4486-9777-f762fafe0d4d", "Approval"),
            Self::BranchControl | Self::BusinessHours => {
                ("fe1de3ee-a436-41b4-bb20-f6eb4cb879a7", "Task Check")
            }
            Self::RequiredTemplate => ("4020e66e-b0f3-47e1-bc88-48f3cc59b5f3", "ExtendsCheck"),
            Self::ExclusiveLock => ("2ef31ad6-baa0-403a-8b45-2cbc9b4e5563", "ExclusiveLock"),
        }
    }
}

/// Ids of checks are drawn below this.
const HIGHEST_ID: usize = 1 << 30;

/// The checks of one resource, by its id.
pub(crate) fn of_resource(world: &World, project: ProjectIndex, kind: ResourceKind, id: &str) -> Vec<Check> {
    let hash =
        id.to_lowercase().bytes().fold(0_usize, |hash, byte| hash.wrapping_mul(31) + usize::from(byte));
    let mut draw = Draw::new(world.seed, Topic::Checks, &[project.0, kind as usize, hash]);
    // Checks are mostly for environments and connections.
    let unlikely = match kind {
        ResourceKind::Environment => 1,
        ResourceKind::Endpoint => 2,
        _ => 5,
    };
    let chances = [
        (CheckKind::Approval, 40),
        (CheckKind::BranchControl, 25),
        (CheckKind::BusinessHours, 10),
        (CheckKind::RequiredTemplate, 10),
        (CheckKind::ExclusiveLock, 15),
    ];
    let chosen: Vec<CheckKind> = chances
        .into_iter()
        .filter(|(_, chance)| draw.percent(chance / unlikely))
        .map(|(kind, _)| kind)
        .collect();
    let check = |kind| Check { id: 1 + draw.below(HIGHEST_ID), kind, created: moment(&mut draw) };
    chosen.into_iter().map(check).collect()
}
