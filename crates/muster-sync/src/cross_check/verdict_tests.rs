//! Single decisions, by example; [`simulation`] has whole organizations come to the truth.

mod simulation;

use super::verdict::{Answers, News, Step, View, advance, note_told};
use chrono::NaiveDate;
use muster_domain::ProjectId;
use muster_domain::protected::ProtectedResource::{self, Endpoint, SecureFile, VariableGroup};
use muster_domain::snapshot::PipelineAccess::{self, AllPipelines, PermittedOnly};
use muster_domain::snapshot::{AuthorizedResourceList, ListCheck};
use muster_store::changes::ListCheckDocument;
use std::collections::BTreeMap;
use uuid::Uuid;

const TYPES: [ProtectedResource; 3] = [Endpoint, VariableGroup, SecureFile];

fn day(number: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, number).unwrap()
}

/// A project whose resources and list are given, in one pass.
struct Project {
    id: ProjectId,
    resources: BTreeMap<ProtectedResource, Vec<String>>,
    list: Option<AuthorizedResourceList>,
    answers: Answers,
}

impl Project {
    fn new(number: u128, endpoints: &[&str], listed: &[&str]) -> Self {
        let mut project = Self {
            id: ProjectId(Uuid::from_u128(number)),
            resources: BTreeMap::new(),
            list: Some(AuthorizedResourceList::default()),
            answers: Answers::new(),
        };
        project.with(Endpoint, endpoints, listed);
        project
    }

    fn with(&mut self, resource: ProtectedResource, ids: &[&str], listed: &[&str]) {
        self.resources.insert(resource, ids.iter().map(ToString::to_string).collect());
        if let Some(list) = &mut self.list
            && !listed.is_empty()
        {
            list.open.insert(resource, listed.iter().map(ToString::to_string).collect());
        }
    }

    fn advance(&self, document: &mut ListCheckDocument, today: NaiveDate) -> Step {
        let view = View {
            project_id: self.id,
            types: &TYPES,
            resources: &self.resources,
            list: self.list.as_ref(),
            answers: &self.answers,
        };
        advance(document, today, &view)
    }

    /// Ids that are asked for now.
    fn asks(&self, document: &mut ListCheckDocument, today: NaiveDate) -> Vec<String> {
        self.advance(document, today).questions.into_iter().map(|(_, id)| id).collect()
    }

    fn answer(&mut self, resource: ProtectedResource, id: &str, access: Option<PipelineAccess>) {
        self.answers.entry(resource).or_default().insert(id.to_owned(), access);
    }

    /// Asks until nothing is left to ask; `open` says what is true.
    fn pass(&mut self, document: &mut ListCheckDocument, today: NaiveDate, open: &[&str]) -> Vec<String> {
        let mut asked = Vec::new();
        loop {
            let questions = self.advance(document, today).questions;
            if questions.is_empty() {
                return asked;
            }
            for (resource, id) in questions {
                let access = if open.contains(&id.as_str()) { AllPipelines } else { PermittedOnly };
                self.answer(resource, &id, Some(access));
                asked.push(id);
            }
        }
    }
}

fn check(document: &ListCheckDocument, resource: ProtectedResource) -> ListCheck {
    document.types.get(&resource).map(|check| check.check).unwrap_or_default()
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

#[test]
fn one_listed_and_one_unlisted_resource_prove_the_list() {
    let mut document = ListCheckDocument::default();
    let asked = Project::new(1, &["a", "b", "c"], &["b"]).pass(&mut document, day(1), &["b"]);
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert_eq!(asked[0], "b");
    assert_eq!(check(&document, Endpoint), ListCheck::Agrees);
    assert_eq!(document.types[&Endpoint].calls_today, 2);
    let asked = Project::new(2, &["d", "e"], &["d"]).pass(&mut document, day(1), &["d"]);
    assert!(asked.is_empty(), "{asked:?}");
    // The next day it is checked again, on another resource, and believed meanwhile.
    let next = Project::new(1, &["a", "b", "c"], &["b"]).asks(&mut document, day(2));
    assert_eq!(next.len(), 2);
    assert_eq!(check(&document, Endpoint), ListCheck::Agrees);
    assert_ne!(next[1], asked_unlisted(&mut ListCheckDocument::default(), day(1)));
}

fn asked_unlisted(document: &mut ListCheckDocument, today: NaiveDate) -> String {
    Project::new(1, &["a", "b", "c"], &["b"]).asks(document, today).remove(1)
}

#[test]
fn the_two_resources_may_lie_in_two_projects() {
    let mut document = ListCheckDocument::default();
    let mut closed = Project::new(1, &["a"], &[]);
    assert_eq!(closed.pass(&mut document, day(1), &[]), ["a"]);
    assert_eq!(check(&document, Endpoint), ListCheck::NotVerified, "an empty list proves nothing");
    assert_eq!(Project::new(2, &["b", "c"], &["b"]).pass(&mut document, day(1), &["b"]), ["b"]);
    assert_eq!(check(&document, Endpoint), ListCheck::Agrees);
}

#[test]
fn a_listed_resource_that_is_closed_puts_the_list_out_of_use() {
    let mut document = ListCheckDocument::default();
    let mut project = Project::new(1, &["a", "b"], &["a"]);
    // From then on every resource is asked for.
    assert_eq!(sorted(project.pass(&mut document, day(1), &[])), ["a", "b"]);
    assert_eq!(check(&document, Endpoint), ListCheck::Disagrees);
    assert_eq!(check(&document, SecureFile), ListCheck::NotVerified);
    let asked = Project::new(2, &["d", "e", "f"], &["d"]).pass(&mut document, day(1), &["d"]);
    assert_eq!(sorted(asked), ["d", "e", "f"]);
}

#[test]
fn an_open_resource_where_nothing_of_any_type_is_listed_disproves_every_list() {
    let mut document = ListCheckDocument::default();
    Project::new(1, &["a"], &[]).pass(&mut document, day(1), &["a"]);
    for resource in TYPES {
        assert_eq!(check(&document, resource), ListCheck::Disagrees, "{resource}");
    }
    // Where something of another type is listed, that type knows better.
    let mut document = ListCheckDocument::default();
    let mut project = Project::new(1, &["a"], &[]);
    project.with(SecureFile, &["x"], &["x"]);
    project.pass(&mut document, day(1), &["a", "x"]);
    assert_eq!(check(&document, Endpoint), ListCheck::Disagrees);
    assert_eq!(check(&document, SecureFile), ListCheck::NotVerified);
}

#[test]
fn where_nothing_is_listed_two_closed_resources_lead_to_reading_one_by_one() {
    let mut document = ListCheckDocument::default();
    let mut project = Project::new(1, &["a", "b", "c", "d"], &[]);
    assert_eq!(project.asks(&mut document, day(1)).len(), 2, "two calls a day for the list");
    assert_eq!(sorted(project.pass(&mut document, day(1), &[])), ["a", "b", "c", "d"]);
    assert_eq!(check(&document, Endpoint), ListCheck::NothingListed);
    // One listed resource that is open, and the list is believed again; the others are not asked for.
    let mut other = Project::new(2, &["e", "f"], &["e"]);
    assert_eq!(sorted(other.pass(&mut document, day(1), &["e"])), ["e", "f"]);
    assert_eq!(check(&document, Endpoint), ListCheck::Agrees);
    let asked = Project::new(3, &["g", "h"], &[]).pass(&mut document, day(1), &[]);
    assert!(asked.is_empty(), "{asked:?}");
}

#[test]
fn where_every_resource_is_listed_nothing_needs_to_be_proved() {
    let mut document = ListCheckDocument::default();
    assert_eq!(Project::new(1, &["a"], &["a"]).pass(&mut document, day(1), &["a"]), ["a"]);
    assert_eq!(check(&document, Endpoint), ListCheck::NotVerified);
    assert_eq!(Project::new(2, &["b"], &[]).pass(&mut document, day(1), &[]), ["b"]);
    assert_eq!(check(&document, Endpoint), ListCheck::Agrees);
}

#[test]
fn types_are_checked_apart_and_all_together_within_their_calls() {
    let mut document = ListCheckDocument::default();
    let mut project = Project::new(1, &["a", "b"], &["a"]);
    project.with(VariableGroup, &["1", "2"], &["2"]);
    project.with(SecureFile, &["x", "y"], &["x"]);
    let asked = project.pass(&mut document, day(1), &["a", "2", "x"]);
    assert_eq!(asked.len(), 6);
    assert_eq!(document.checks().into_values().collect::<Vec<_>>(), [ListCheck::Agrees; 3]);
}

#[test]
fn a_pass_that_comes_again_asks_the_same_again_without_another_call() {
    let mut document = ListCheckDocument::default();
    let project = Project::new(1, &["a", "b"], &["a"]);
    let asked = project.asks(&mut document, day(1));
    assert!(
        Project::new(2, &["c", "d"], &["c"]).asks(&mut document, day(1)).is_empty(),
        "they are under way"
    );
    assert_eq!(project.asks(&mut document, day(1)), asked);
    assert_eq!(document.types[&Endpoint].calls_today, 2);
}

#[test]
fn calls_that_are_refused_or_never_come_back_do_not_leave_the_list_unproved_for_ever() {
    let mut document = ListCheckDocument::default();
    let mut refused = Project::new(1, &["a", "b", "c"], &["a"]);
    for id in refused.asks(&mut document, day(1)) {
        refused.answer(Endpoint, &id, None);
    }
    assert_eq!(refused.asks(&mut document, day(1)).len(), 1, "what is left is read one by one");
    assert_eq!(check(&document, Endpoint), ListCheck::NothingListed);

    let mut document = ListCheckDocument::default();
    Project::new(1, &["a", "b"], &[]).asks(&mut document, day(1));
    assert!(Project::new(2, &["c"], &[]).asks(&mut document, day(1)).is_empty());
    assert_eq!(Project::new(2, &["c"], &[]).asks(&mut document, day(2)), ["c"]);
    assert_eq!(check(&document, Endpoint), ListCheck::NothingListed);
}

#[test]
fn a_resource_that_disappears_before_it_is_asked_for_settles_its_call() {
    let mut document = ListCheckDocument::default();
    Project::new(1, &["a", "b"], &[]).asks(&mut document, day(1));
    assert_eq!(Project::new(1, &["c"], &[]).asks(&mut document, day(1)), ["c"]);
    assert_eq!(check(&document, Endpoint), ListCheck::NothingListed);
}

#[test]
fn a_list_that_is_unknown_is_not_checked_but_read_around_where_others_disproved_it() {
    let mut document = ListCheckDocument::default();
    let mut project = Project::new(1, &["a"], &[]);
    project.list = None;
    assert!(project.asks(&mut document, day(1)).is_empty());
    Project::new(2, &["b"], &["b"]).pass(&mut document, day(1), &[]);
    assert_eq!(check(&document, Endpoint), ListCheck::Disagrees);
    assert_eq!(project.asks(&mut document, day(1)), ["a"]);
}

#[test]
fn what_was_disproved_is_believed_again_after_a_week_without_contradiction() {
    let mut document = ListCheckDocument::default();
    Project::new(1, &["a", "b"], &["a"]).pass(&mut document, day(1), &[]);
    for number in 1..8 {
        Project::new(1, &["a", "b"], &["a"]).pass(&mut document, day(number), &["a"]);
        assert_eq!(check(&document, Endpoint), ListCheck::Disagrees, "day {number}");
    }
    Project::new(1, &["a", "b"], &["a"]).pass(&mut document, day(8), &["a"]);
    assert_eq!(check(&document, Endpoint), ListCheck::Agrees);
}

#[test]
fn what_was_proved_is_proved_again_after_a_week_in_which_nothing_was_listed() {
    let mut document = ListCheckDocument::default();
    Project::new(1, &["a", "b"], &["a"]).pass(&mut document, day(1), &["a"]);
    for number in 2..8 {
        assert_eq!(Project::new(1, &["a", "b"], &[]).pass(&mut document, day(number), &[]).len(), 1);
        assert_eq!(check(&document, Endpoint), ListCheck::Agrees, "day {number}");
    }
    assert_eq!(Project::new(1, &["a", "b"], &[]).pass(&mut document, day(8), &[]).len(), 2);
    assert_eq!(check(&document, Endpoint), ListCheck::NothingListed);
}

#[test]
fn others_are_told_once_and_read_only_where_judging_is_not_enough() {
    let mut document = ListCheckDocument::default();
    let mut project = Project::new(1, &["a", "b"], &[]);
    project.pass(&mut document, day(1), &[]);
    let told = project.advance(&mut document, day(1)).news;
    let news = News { resource: Endpoint, told: ListCheck::NotVerified, now: ListCheck::NothingListed };
    assert_eq!(told, [news]);
    assert!(news.asks_for_reading());
    note_told(&mut document, &told);
    assert!(project.advance(&mut document, day(1)).news.is_empty());
    let mut other = Project::new(2, &["c"], &["c"]);
    other.pass(&mut document, day(1), &["c"]);
    let later = other.advance(&mut document, day(1)).news;
    let news = News { resource: Endpoint, told: ListCheck::NothingListed, now: ListCheck::Agrees };
    assert_eq!(later, [news]);
    assert!(!news.asks_for_reading());
    // Who was told of a verdict that has changed since was not told the last word.
    note_told(&mut document, &told);
    assert_eq!(other.advance(&mut document, day(1)).news, later);
}
