//! Whose turn it is, on a virtual clock.

use crate::budget::fairness::{DueJob, Standing, in_turn};
use crate::{ConnectorId, IdentityKey};
use proptest::prelude::*;
use std::collections::BTreeMap;
use uuid::Uuid;

fn connector(number: u128) -> ConnectorId {
    ConnectorId(Uuid::from_u128(number))
}

fn identity(name: &str) -> Option<IdentityKey> {
    Some(IdentityKey::subject(name))
}

fn due(id: u32, whose: &str, of: u128, organization: &str) -> DueJob<u32> {
    DueJob {
        id,
        identity: identity(whose),
        connector_id: connector(of),
        fairness_key: format!("{of}/{organization}"),
        priority: 100,
        due_at_ms: i64::from(id),
    }
}

fn standing(whose: &str, of: u128, organization: &str, spent_tstu: f64, on_the_way: u32) -> Standing {
    Standing {
        identity: identity(whose),
        connector_id: connector(of),
        fairness_key: format!("{of}/{organization}"),
        spent_tstu,
        on_the_way,
    }
}

#[test]
fn who_spent_least_is_next() {
    let jobs = || vec![due(1, "a", 1, "big"), due(2, "a", 1, "big"), due(3, "a", 1, "small")];
    assert_eq!(in_turn(jobs(), &[standing("a", 1, "big", 80.0, 0)], 3), [3, 1, 2]);
    assert_eq!(in_turn(jobs(), &[standing("a", 1, "small", 80.0, 0)], 2), [1, 2]);
    assert_eq!(in_turn(jobs(), &[], 3), [1, 3, 2], "nobody spent anything: by turns");
    assert_eq!(in_turn(jobs(), &[standing("a", 1, "big", 0.0, 5)], 1), [3], "who has places is behind");
    assert_eq!(in_turn(jobs(), &[standing("b", 1, "small", 80.0, 0)], 3), [1, 3, 2], "on another budget");
    assert!(in_turn(jobs(), &[], 0).is_empty());
}

#[test]
fn connectors_share_an_identity_whatever_the_number_of_their_organizations() {
    let mut jobs: Vec<_> = (0..40).map(|id| due(id, "a", 1, &format!("organization-{}", id % 20))).collect();
    jobs.extend((100..140).map(|id| due(id, "a", 2, "only")));
    let chosen = in_turn(jobs, &[], 20);
    assert_eq!(chosen.iter().filter(|id| **id >= 100).count(), 10, "{chosen:?}");
}

#[test]
fn identities_take_turns() {
    let mut jobs: Vec<_> = (0..40).map(|id| due(id, "a", 1, &format!("organization-{}", id % 20))).collect();
    jobs.extend((100..110).map(|id| due(id, "b", 2, "only")));
    // What one spent is nothing to the other: they have limits of their own.
    let chosen = in_turn(jobs, &[standing("b", 2, "only", 170.0, 0)], 10);
    assert_eq!(chosen.iter().filter(|id| **id >= 100).count(), 5, "{chosen:?}");
}

#[test]
fn within_an_organization_priority_goes_before_age() {
    let mut jobs = vec![due(1, "a", 1, "one"), due(2, "a", 1, "one"), due(3, "a", 1, "one")];
    jobs[2].priority = 75;
    assert_eq!(in_turn(jobs, &[], 3), [3, 1, 2]);
}

/// Workers with a few places and a budget that fills, hour after hour: cost of a job, and jobs that come, by organization.
fn spent_over_time(
    organizations: &[(&str, f64, usize)],
    places: usize,
) -> BTreeMap<String, (f64, Vec<usize>)> {
    const ROUNDS: usize = 4_000;
    const FADE: f64 = 0.99;
    let mut waiting: BTreeMap<String, usize> = BTreeMap::new();
    let mut spent: BTreeMap<String, f64> = BTreeMap::new();
    let mut ends: BTreeMap<String, (f64, Vec<usize>)> = BTreeMap::new();
    for (name, _, jobs) in organizations {
        waiting.insert((*name).to_owned(), *jobs);
    }
    for round in 0..ROUNDS {
        let jobs = waiting
            .iter()
            .flat_map(|(name, count)| (0..(*count).min(places)).map(move |_| name))
            .enumerate()
            .map(|(id, name)| due(id as u32, "a", 1, name))
            .collect::<Vec<_>>();
        let names: Vec<String> = jobs.iter().map(|job| job.fairness_key[2..].to_owned()).collect();
        let standings: Vec<_> = spent.iter().map(|(name, spent)| standing("a", 1, name, *spent, 0)).collect();
        for id in in_turn(jobs, &standings, places) {
            let name = &names[id as usize];
            let cost =
                organizations.iter().find(|(other, _, _)| other == name).map_or(0.0, |(_, cost, _)| *cost);
            *spent.entry(name.clone()).or_default() += cost;
            *waiting.entry(name.clone()).or_default() -= 1;
            let (total, rounds) = ends.entry(name.clone()).or_default();
            *total += cost;
            rounds.push(round);
        }
        spent.values_mut().for_each(|spent| *spent *= FADE);
    }
    ends
}

#[test]
fn a_small_organization_is_done_long_before_a_big_one() {
    let ends = spent_over_time(&[("big", 1.5, 100_000), ("small", 1.5, 12)], 4);
    assert!(ends["small"].1.iter().all(|round| *round < 10), "{:?}", ends["small"].1);
    assert!(ends["big"].1.len() > 15_000, "the big one gets what is left");
}

#[test]
fn organizations_spend_alike_whatever_their_jobs_cost() {
    let ends = spent_over_time(&[("cheap", 0.4, 1_000_000), ("dear", 6.0, 1_000_000)], 4);
    let (cheap, dear) = (ends["cheap"].0, ends["dear"].0);
    assert!((0.8..1.25).contains(&(cheap / dear)), "{cheap} and {dear} TSTU");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_job_has_its_turn_once(
        jobs in prop::collection::vec((0_u8..3, 0_u128..3, 0_u8..4), 0..60),
        spent in prop::collection::vec((0_u8..3, 0_u128..3, 0_u8..4, 0.0..200.0, 0_u32..5), 0..12),
        places in 0_usize..70,
    ) {
        let jobs: Vec<_> = (0..).zip(&jobs)
            .map(|(id, (whose, of, organization))| due(id, &whose.to_string(), *of, &organization.to_string()))
            .collect();
        let standings: Vec<_> = spent.iter()
            .map(|(whose, of, organization, tstu, on_the_way)| {
                standing(&whose.to_string(), *of, &organization.to_string(), *tstu, *on_the_way)
            })
            .collect();
        let count = jobs.len();
        let mut chosen = in_turn(jobs.clone(), &standings, places);
        prop_assert_eq!(chosen.len(), count.min(places), "no place stays empty while a job is due");
        // The oldest of an organization is never overtaken by a younger one.
        for (position, id) in chosen.iter().enumerate() {
            let key = &jobs[*id as usize].fairness_key;
            let whose = &jobs[*id as usize].identity;
            let older = jobs.iter().filter(|job| job.id < *id && job.fairness_key == *key && job.identity == *whose);
            for job in older {
                prop_assert!(chosen[..position].contains(&job.id));
            }
        }
        chosen.sort_unstable();
        chosen.dedup();
        prop_assert_eq!(chosen.len(), count.min(places));
    }
}
