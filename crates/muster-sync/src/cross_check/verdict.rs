//! Whether the lists of an organization are to be believed, and whom to ask about it: pure decisions on the document
//! that all projects of the organization share.
//!
//! The list of a type is believed once a listed resource is open and an unlisted one is closed, by at most two calls a
//! day. Where these calls contradict the list, or prove nothing, permissions are read one by one; that checks the
//! list as well, without a further call.

use chrono::{Datelike as _, NaiveDate, TimeDelta};
use muster_domain::ProjectId;
use muster_domain::protected::ProtectedResource;
use muster_domain::snapshot::{AuthorizedResourceList, ListCheck, PipelineAccess};
use muster_store::changes::{CheckedResource, ListCheckDocument, TypeCheck};
use std::collections::BTreeMap;

/// Calls of one type and day that only check the list: one listed and one unlisted resource.
const CALLS_PER_TYPE: usize = 2;
/// What was proved, or disproved, counts for so many days without further evidence.
const EVIDENCE_DAYS: i64 = 7;

/// Answers for single resources by type and id; `None` where the permissions could not be read.
pub(crate) type Answers = BTreeMap<ProtectedResource, BTreeMap<String, Option<PipelineAccess>>>;

/// What one pass knows.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    /// The project that it reads.
    pub project_id: ProjectId,
    /// Types that rules ask about.
    pub types: &'a [ProtectedResource],
    /// Resources of these types whose access matters, as far as they could be listed.
    pub resources: &'a BTreeMap<ProtectedResource, Vec<String>>,
    /// The list of what is open; absent where it could not be read.
    pub list: Option<&'a AuthorizedResourceList>,
    /// What single resources answered in this pass.
    pub answers: &'a Answers,
}

/// What is to be done next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Whom to ask.
    pub questions: Vec<(ProtectedResource, String)>,
    /// What other projects have to be told.
    pub news: Vec<News>,
}

/// The verdict on one type is not the one that other projects rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct News {
    /// The type.
    pub resource: ProtectedResource,
    /// What others rest on.
    pub told: ListCheck,
    /// What it is now.
    pub now: ListCheck,
}

impl News {
    /// True where others have to read permissions that they did not read before; else judging them anew is enough.
    pub(super) fn asks_for_reading(&self) -> bool {
        self.now.reads_one_by_one() && !self.told.reads_one_by_one()
    }
}

/// Concludes from the answers so far and decides whom to ask next. Calls are noted before they are made, so that
/// workers together keep to the bound; a pass that comes again after a crash asks the same again.
pub(super) fn advance(document: &mut ListCheckDocument, today: NaiveDate, view: &View<'_>) -> Step {
    if document.day.is_none_or(|day| day < today) {
        begin_day(document, today);
    }
    settle(document, view);
    let contradicted = find_contradictions(document, today, view);
    for (resource, check) in &mut document.types {
        if !contradicted.contains(resource) {
            conclude(check, today, is_spent(&document.asked, *resource));
        }
    }
    let mut questions = Vec::new();
    for (resource, ids) in view.resources {
        for id in questions_of(document, *resource, ids, view) {
            questions.push((*resource, id));
        }
    }
    let differs = |(resource, check): (&ProtectedResource, &TypeCheck)| {
        let news = News { resource: *resource, told: check.told, now: check.check };
        (news.told != news.now).then_some(news)
    };
    Step { questions, news: document.types.iter().filter_map(differs).collect() }
}

/// Notes that others were told, unless the verdict has changed since.
pub(super) fn note_told(document: &mut ListCheckDocument, news: &[News]) {
    for one in news {
        if let Some(check) = document.types.get_mut(&one.resource)
            && check.check == one.now
        {
            check.told = one.now;
        }
    }
}

fn begin_day(document: &mut ListCheckDocument, today: NaiveDate) {
    for (resource, check) in &mut document.types {
        let asked = document.asked.iter().filter(|asked| asked.resource == *resource).count();
        // Both calls of a day are gone and never came to anything; or nothing listed was seen for long, so that the
        // list may have stopped to list.
        let proved_nothing = check.check == ListCheck::NotVerified && asked >= CALLS_PER_TYPE;
        let is_stale = check.check == ListCheck::Agrees && is_old(check.evidence_on, today);
        if proved_nothing || is_stale {
            check.check = ListCheck::NothingListed;
        }
        check.calls_today = 0;
        check.listed_confirmed = false;
        check.unlisted_confirmed = false;
    }
    document.day = Some(today);
    document.asked.clear();
}

fn is_old(evidence_on: Option<NaiveDate>, today: NaiveDate) -> bool {
    evidence_on.is_none_or(|day| today - day >= TimeDelta::days(EVIDENCE_DAYS))
}

/// Calls of this pass that came to an end, one way or another. A resource that is not there any more answers nothing.
fn settle(document: &mut ListCheckDocument, view: &View<'_>) {
    for asked in document.asked.iter_mut().filter(|asked| asked.project_id == view.project_id) {
        let is_answered =
            view.answers.get(&asked.resource).is_some_and(|answers| answers.contains_key(&asked.id));
        let is_there = view.resources.get(&asked.resource).is_some_and(|ids| ids.contains(&asked.id));
        asked.is_settled |= is_answered || !is_there || view.list.is_none();
    }
}

fn is_spent(asked: &[CheckedResource], resource: ProtectedResource) -> bool {
    let of_type = || asked.iter().filter(|asked| asked.resource == resource);
    of_type().count() >= CALLS_PER_TYPE && of_type().all(|asked| asked.is_settled)
}

/// Compares the answers with the list; returns the types in which they differ.
fn find_contradictions(
    document: &mut ListCheckDocument,
    today: NaiveDate,
    view: &View<'_>,
) -> Vec<ProtectedResource> {
    let Some(list) = view.list else { return Vec::new() };
    let mut contradicted = Vec::new();
    let mut lists_nothing_at_all = false;
    for (resource, answers) in view.answers {
        let check = document.types.entry(*resource).or_default();
        for (id, answer) in answers {
            match (list.holds(*resource, id), answer) {
                (_, None) => (),
                (true, Some(PipelineAccess::AllPipelines)) => check.listed_confirmed = true,
                (false, Some(PipelineAccess::PermittedOnly)) => check.unlisted_confirmed = true,
                (is_listed, Some(_)) => {
                    disagree(check, today);
                    contradicted.push(*resource);
                    lists_nothing_at_all |= !is_listed && list.is_empty();
                }
            }
        }
    }
    if lists_nothing_at_all {
        // Something is open, and the project's list is empty for every type: it does not list. A type whose list was
        // borne out by a listed resource knows better.
        for resource in view.types {
            let check = document.types.entry(*resource).or_default();
            if check.check != ListCheck::Agrees {
                disagree(check, today);
            }
        }
    }
    contradicted
}

fn questions_of(
    document: &mut ListCheckDocument,
    resource: ProtectedResource,
    ids: &[String],
    view: &View<'_>,
) -> Vec<String> {
    let answers = view.answers.get(&resource);
    let is_open = |id: &String| answers.is_none_or(|answers| !answers.contains_key(id));
    let check = document.types.get(&resource).map(|check| check.check).unwrap_or_default();
    if check.reads_one_by_one() {
        return ids.iter().filter(|id| is_open(id)).cloned().collect();
    }
    let Some(list) = view.list else { return Vec::new() };
    choose(document, resource, check, ids, list, view.project_id);
    let mine = document.asked.iter().filter(|asked| {
        asked.resource == resource && asked.project_id == view.project_id && !asked.is_settled
    });
    mine.map(|asked| asked.id.clone()).filter(|id| is_open(id)).collect()
}

/// Spends the calls that are left of the day on this project, as far as it helps.
fn choose(
    document: &mut ListCheckDocument,
    resource: ProtectedResource,
    check: ListCheck,
    ids: &[String],
    list: &AuthorizedResourceList,
    project_id: ProjectId,
) {
    let asked_before = |is_listed: bool| {
        document.asked.iter().any(|asked| asked.resource == resource && asked.is_listed == is_listed)
    };
    let (listed, unlisted): (Vec<&String>, Vec<&String>) =
        ids.iter().partition(|id| list.holds(resource, id));
    let turn = usize::try_from(document.day.unwrap_or_default().num_days_from_ce()).unwrap_or_default();
    let wants_listed = !listed.is_empty() && !asked_before(true);
    let nothing_listed_yet = listed.is_empty() && !asked_before(true);
    let unlisted_wanted = match check {
        ListCheck::NotVerified if nothing_listed_yet => CALLS_PER_TYPE,
        _ => usize::from(!asked_before(false)),
    };
    let chosen = on_turn(&listed, turn)
        .take(usize::from(wants_listed))
        .map(|id| (id, true))
        .chain(on_turn(&unlisted, turn).take(unlisted_wanted).map(|id| (id, false)));
    let taken = document.asked.iter().filter(|asked| asked.resource == resource);
    let mine = |id: &str| {
        document
            .asked
            .iter()
            .any(|asked| asked.resource == resource && asked.project_id == project_id && asked.id == id)
    };
    let room = CALLS_PER_TYPE.saturating_sub(taken.count());
    let chosen: Vec<CheckedResource> = chosen
        .filter(|(id, _)| !mine(id))
        .take(room)
        .map(|(id, is_listed)| CheckedResource {
            resource,
            project_id,
            id: id.clone(),
            is_listed,
            is_settled: false,
        })
        .collect();
    if !chosen.is_empty() {
        let calls = u32::try_from(chosen.len()).unwrap_or(u32::MAX);
        document.types.entry(resource).or_default().calls_today += calls;
        document.asked.extend(chosen);
    }
}

/// The ids in turn: another one is asked first every day.
fn on_turn<'a>(ids: &'a [&'a String], turn: usize) -> impl Iterator<Item = &'a String> {
    let start = turn.checked_rem(ids.len()).unwrap_or_default();
    ids.iter().copied().cycle().skip(start).take(ids.len())
}

fn conclude(check: &mut TypeCheck, today: NaiveDate, is_spent: bool) {
    let proved = check.listed_confirmed && check.unlisted_confirmed;
    match check.check {
        ListCheck::NotVerified | ListCheck::NothingListed if proved => check.check = ListCheck::Agrees,
        ListCheck::NotVerified if is_spent => check.check = ListCheck::NothingListed,
        // Every resource was asked for days, and none contradicted the list any more.
        ListCheck::Disagrees if proved && is_old(check.evidence_on, today) => check.check = ListCheck::Agrees,
        _ => (),
    }
    if check.check == ListCheck::Agrees && check.listed_confirmed {
        check.evidence_on = Some(today);
    }
}

fn disagree(check: &mut TypeCheck, today: NaiveDate) {
    check.check = ListCheck::Disagrees;
    check.evidence_on = Some(today);
}
