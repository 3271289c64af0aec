//! The general pipeline settings of a project.

use serde_json::{Map, Value};

use crate::truth::Defect;
use crate::world::{Draw, ForkProtection, ProjectIndex, Topic};

/// What was planted about classic pipelines, and in which shape the project tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SettingsIntent {
    pub(crate) shape: SettingsShape,
    pub(crate) build_disabled: bool,
    pub(crate) release_disabled: bool,
    /// What the project does about builds of forks, for all its pipelines.
    pub(crate) forks: ForkProtection,
}

/// Which keys the answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SettingsShape {
    /// All twenty.
    Full,
    /// One key for classic pipelines of both kinds, and none of the newer ones.
    Older,
}

/// Settings that nothing was planted about; the newer ones are absent from the older shape.
const OTHER_SETTINGS: [(&str, bool); 14] = [
    ("enforceReferencedRepoScopedToken", false),
    ("enforceJobAuthScope", false),
    ("enforceJobAuthScopeForReleases", false),
    ("enforceSettableVar", false),
    ("publishPipelineMetadata", false),
    ("statusBadgesArePrivate", false),
    ("auditEnforceSettableVar", false),
    ("disableImpliedYAMLCiTrigger", true),
    ("enableShellTasksArgsSanitizing", true),
    ("enableShellTasksArgsSanitizingAudit", true),
    ("enforceJobAuthScopeForForks", true),
    ("isCommentRequiredForPullRequest", true),
    ("requireCommentsForNonTeamMemberAndNonContributors", true),
    ("requireCommentsForNonTeamMembersOnly", true),
];

impl SettingsIntent {
    pub(crate) fn plant(seed: u64, project: ProjectIndex) -> Self {
        let mut draw = Draw::new(seed, Topic::ProjectSettings, &[project.0, 0]);
        if draw.percent(15) {
            let disabled = draw.percent(50);
            return Self {
                shape: SettingsShape::Older,
                build_disabled: disabled,
                release_disabled: disabled,
                forks: ForkProtection::plant_older(&mut draw),
            };
        }
        let (build_disabled, release_disabled) = draw.weighted(&[
            (45, (true, true)),
            (15, (true, false)),
            (10, (false, true)),
            (30, (false, false)),
        ]);
        let forks = ForkProtection::plant(&mut draw);
        Self { shape: SettingsShape::Full, build_disabled, release_disabled, forks }
    }

    /// The same shape with both kinds of classic pipelines switched.
    pub(crate) fn switched(self, disabled: bool) -> Self {
        Self { build_disabled: disabled, release_disabled: disabled, ..self }
    }

    pub(crate) fn defect(self) -> Option<Defect> {
        match (self.build_disabled, self.release_disabled) {
            (true, true) => None,
            (true, false) => Some(Defect::ClassicReleaseAllowed),
            (false, true) => Some(Defect::ClassicBuildAllowed),
            (false, false) => Some(Defect::ClassicPipelinesAllowed),
        }
    }

    pub(crate) fn to_json(self, seed: u64, project: ProjectIndex) -> Map<String, Value> {
        let mut draw = Draw::new(seed, Topic::ProjectSettings, &[project.0, 1]);
        let mut settings = Map::new();
        let mut set = |key: &str, value: bool| settings.insert(key.to_owned(), Value::Bool(value));
        set("disableClassicPipelineCreation", self.build_disabled && self.release_disabled);
        if self.shape == SettingsShape::Full {
            set("disableClassicBuildPipelineCreation", self.build_disabled);
            set("disableClassicReleasePipelineCreation", self.release_disabled);
        }
        self.forks.switches().iter().for_each(|(key, value)| drop(set(key, *value)));
        for (key, is_newer) in OTHER_SETTINGS {
            let value = draw.percent(60);
            if self.shape == SettingsShape::Full || !is_newer {
                set(key, value);
            }
        }
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_shape_has_twenty_booleans_and_the_older_one_no_newer_key() {
        let full = SettingsIntent {
            shape: SettingsShape::Full,
            build_disabled: true,
            release_disabled: false,
            forks: ForkProtection::Lax,
        };
        let json = full.to_json(1, ProjectIndex(0));
        assert_eq!(json.len(), 20);
        assert_eq!(json["disableClassicBuildPipelineCreation"], true);
        assert_eq!(json["disableClassicReleasePipelineCreation"], false);
        let older = SettingsIntent {
            shape: SettingsShape::Older,
            build_disabled: true,
            release_disabled: true,
            forks: ForkProtection::OlderOff,
        };
        let json = older.to_json(1, ProjectIndex(0));
        assert_eq!(json["disableClassicPipelineCreation"], true);
        assert!(!json.contains_key("disableClassicBuildPipelineCreation"));
        assert!(!json.contains_key("buildsEnabledForForks"));
        assert_eq!(json["forkProtectionEnabled"], false);
    }

    #[test]
    fn every_outcome_is_planted_somewhere() {
        let planted: Vec<_> = (0..300).map(|index| SettingsIntent::plant(1, ProjectIndex(index))).collect();
        for defect in [
            None,
            Some(Defect::ClassicBuildAllowed),
            Some(Defect::ClassicReleaseAllowed),
            Some(Defect::ClassicPipelinesAllowed),
        ] {
            assert!(planted.iter().any(|intent| intent.defect() == defect));
        }
        assert!(planted.iter().any(|intent| intent.shape == SettingsShape::Older));
    }
}
