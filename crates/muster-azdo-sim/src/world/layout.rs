//! How the totals spread over organizations and projects: unevenly, and exactly.

use crate::world::{Draw, Topic};

/// How many projects each organization has. Where there are enough, each has one at least.
pub(crate) fn projects_per_organization(seed: u64, organizations: usize, projects: usize) -> Vec<usize> {
    let mut counts = vec![0; organizations];
    let sure = projects.min(organizations);
    counts.iter_mut().take(sure).for_each(|count| *count = 1);
    let weights: Vec<u64> = (0..organizations)
        .map(|index| {
            let draw = Draw::new(seed, Topic::OrganizationWeight, &[index]).below(5) as u64;
            1 + draw * draw
        })
        .collect();
    for (count, more) in counts.iter_mut().zip(apportion(projects - sure, &weights)) {
        *count += more;
    }
    counts
}

/// How many repositories each project has. Some have none, a few have most.
pub(crate) fn repositories_per_project(seed: u64, projects: usize, repositories: usize) -> Vec<usize> {
    let weights: Vec<u64> = (0..projects).map(|index| project_weight(seed, index)).collect();
    apportion(repositories, &weights)
}

fn project_weight(seed: u64, index: usize) -> u64 {
    let mut draw = Draw::new(seed, Topic::ProjectWeight, &[index]);
    let kind = draw.below(100);
    let spread = draw.below(15) as u64;
    match kind {
        // The first project always takes part, so that there is always somewhere to put a repository.
        0..=7 if index > 0 => 0,
        8..=17 => 40 + 5 * spread,
        _ => 1 + spread,
    }
}

/// Splits `total` by weight with whole numbers only: the floor of each share, then one more to the largest
/// remainders. The sum is exactly `total`.
fn apportion(total: usize, weights: &[u64]) -> Vec<usize> {
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    if sum == 0 {
        return weights.iter().map(|_| 0).collect();
    }
    let shares: Vec<u128> = weights.iter().map(|weight| total as u128 * u128::from(*weight)).collect();
    let mut counts: Vec<usize> =
        shares.iter().map(|share| usize::try_from(share / sum).unwrap_or(usize::MAX)).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|index| (std::cmp::Reverse(shares[*index] % sum), *index));
    let missing = total - counts.iter().sum::<usize>();
    for index in order.into_iter().take(missing) {
        counts[index] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_exact_for_any_numbers() {
        for seed in 0..20 {
            for (organizations, projects, repositories) in [
                (1, 1, 1),
                (3, 40, 1_000),
                (3, 40, 10_000),
                (50, 7, 3),
                (7, 7, 100_000),
                (2, 0, 0),
                (1, 500, 20),
            ] {
                let per_organization = projects_per_organization(seed, organizations, projects);
                assert_eq!(per_organization.iter().sum::<usize>(), projects);
                assert_eq!(per_organization.len(), organizations);
                let per_project = repositories_per_project(seed, projects, repositories);
                assert_eq!(per_project.iter().sum::<usize>(), repositories);
                assert_eq!(per_project.len(), projects);
            }
        }
    }

    #[test]
    fn a_large_world_has_empty_and_large_projects_and_no_empty_organization() {
        let per_project = repositories_per_project(1, 200, 10_000);
        assert!(per_project.contains(&0));
        assert!(per_project.iter().max() > Some(&200));
        assert!(projects_per_organization(1, 20, 40).iter().all(|count| *count > 0));
    }
}
