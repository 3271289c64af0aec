//! Determinism: every attribute is a hash of the seed, its topic and the indices of what it belongs to.

use uuid::{Builder, Uuid};

/// What is drawn. Each topic is a stream of its own, so that a new attribute leaves the others as they are.
/// The numbers are part of the format: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    Identity = 1,
    Token = 2,
    Tenant = 3,
    Activity = 4,
    /// Which repositories and projects an identity may see.
    Visibility = 5,
    Application = 6,
    Organization = 10,
    OrganizationWeight = 11,
    OrganizationNames = 12,
    Project = 20,
    ProjectWeight = 21,
    ProjectNames = 22,
    ProjectSettings = 23,
    ProjectRegime = 24,
    ProjectResources = 25,
    ResourceId = 26,
    AddedResource = 27,
    Checks = 28,
    Roles = 29,
    Repository = 30,
    RepositoryId = 31,
    RepositoryNames = 32,
    RepositoryIntent = 33,
    Policy = 34,
    PolicyNoise = 35,
    AdvancedSecurity = 36,
    AccessControl = 37,
    Connections = 40,
    Connection = 41,
    ConnectionOpen = 42,
    SharedConnection = 43,
    Definitions = 50,
    Definition = 51,
    DefinitionForks = 52,
    OrganizationSettings = 60,
    Extension = 61,
    AuditStream = 62,
    People = 63,
    Person = 64,
    Group = 65,
}

/// A stream of pseudo-random numbers (`SplitMix64`), equal on every platform.
#[derive(Debug, Clone)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64, topic: Topic, indices: &[usize]) -> Self {
        let start = mix(seed ^ mix(topic as u64));
        Self(
            indices
                .iter()
                .fold(start, |state, index| mix(state ^ (*index as u64).wrapping_mul(GOLDEN_GAMMA))),
        )
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN_GAMMA);
        mix(self.0)
    }

    /// A number from 0 to `bound` - 1; 0 when `bound` is 0.
    #[expect(clippy::cast_possible_truncation, reason = "the product's upper half is below the bound")]
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// True in `chance` of 100 cases.
    pub(crate) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    pub(crate) fn pick<'list, T>(&mut self, list: &'list [T]) -> &'list T {
        &list[self.below(list.len())]
    }

    /// Picks by weight. The weights may sum to anything above 0.
    pub(crate) fn weighted<T: Copy>(&mut self, choices: &[(usize, T)]) -> T {
        let mut rest = self.below(choices.iter().map(|(weight, _)| weight).sum());
        for (weight, choice) in choices {
            if rest < *weight {
                return *choice;
            }
            rest -= weight;
        }
        choices[0].1
    }

    pub(crate) fn uuid(&mut self) -> Uuid {
        let [high, low] = [self.next(), self.next()];
        Builder::from_random_bytes(((u128::from(high) << 64) | u128::from(low)).to_be_bytes()).into_uuid()
    }
}

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ_by_seed_topic_and_index() {
        let first = |seed, topic, indices: &[usize]| Draw::new(seed, topic, indices).next();
        let base = first(1, Topic::Project, &[0, 0]);
        assert_eq!(base, first(1, Topic::Project, &[0, 0]));
        assert_ne!(base, first(2, Topic::Project, &[0, 0]));
        assert_ne!(base, first(1, Topic::Repository, &[0, 0]));
        assert_ne!(base, first(1, Topic::Project, &[0, 1]));
        assert_ne!(first(1, Topic::Project, &[0, 1]), first(1, Topic::Project, &[1, 0]));
    }

    #[test]
    fn the_stream_is_pinned_so_that_worlds_stay_equal_between_versions() {
        let mut draw = Draw::new(42, Topic::Repository, &[3, 4]);
        assert_eq!(draw.uuid().get_version_num(), 4);
        let mut again = Draw::new(42, Topic::Repository, &[3, 4]);
        assert_eq!(again.uuid().to_string(), "ef36958c-cb40-4bdd-9384-2fe976b9ce0e");
    }

    #[test]
    fn shares_come_out_about_right() {
        let mut draw = Draw::new(1, Topic::Policy, &[]);
        let hits = (0..10_000).filter(|_| draw.percent(30)).count();
        assert!((2_800..3_200).contains(&hits), "{hits}");
        let picks = (0..10_000).filter(|_| draw.weighted(&[(3, true), (1, false)])).count();
        assert!((7_300..7_700).contains(&picks), "{picks}");
        assert_eq!(draw.below(0), 0);
    }
}
