//! Whether the list of authorized resources is to be believed.
//!
//! `authorizedresources` without type and id is not documented to list. Per organization and day one listed and one
//! unlisted connection are asked for by `pipelinepermissions`; a small organization in which nothing is listed is
//! asked for connection by connection, as far as the calls of a day reach. Where the list is wrong, or where a whole
//! day found nothing listed to check by, permissions are read per connection in every pass.

use crate::pass::Pass;
use crate::reads::ReadError;
use chrono::NaiveDate;
use muster_azdo::CallError;
use muster_domain::job::{JobKind, JobSubject};
use muster_domain::protected::ProtectedResource;
use muster_domain::read::Read;
use muster_domain::snapshot::{ListCheck, PipelineAccess};
use muster_store::changes::{ListCheckDocument, PipelineAccessDocument, TypeCheck, permission_subject};
use std::collections::BTreeSet;

/// Calls per organization and day that only check the list.
const CALLS_PER_DAY: u32 = 8;
/// Of these, kept back for the one listed and the one unlisted connection that decide.
const DECIDING_CALLS: u32 = 2;

/// What one connection is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Question {
    /// It is listed: is it open?
    Listed(String),
    /// It is not listed: is it closed?
    Unlisted(String),
}

impl Question {
    fn id(&self) -> &str {
        match self {
            Self::Listed(id) | Self::Unlisted(id) => id,
        }
    }
}

/// Checks the list as far as this project and this day allow, and notes the answers.
pub(crate) async fn run(pass: &mut Pass<'_>) -> Result<(), ReadError> {
    let Some(open) = pass.progress.open_endpoints.clone() else { return Ok(()) };
    let endpoints = pass.progress.endpoints.clone();
    if endpoints.is_empty() {
        return Ok(());
    }
    let store = pass.slice.store();
    let today = store.now().await.map_err(muster_runtime::HandlerError::from)?.date_naive();
    let (connector, organization) = (pass.connector.id, pass.organization_id);
    let questions = store
        .inventory()
        .update_list_check(connector, organization, |document| plan(document, today, &endpoints, &open))
        .await
        .map_err(muster_runtime::HandlerError::from)?;
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        // Asked before a pause within this pass: its answer is kept already.
        if pass.progress.asked.contains(question.id()) {
            continue;
        }
        let answer = ask(pass, question.id()).await;
        match answer {
            Ok(access) => answers.push((question, access)),
            // Not allowed to ask: the list stays as unproved as it was.
            Err(CallError::Forbidden { .. } | CallError::NotFound { .. }) => (),
            Err(error) => return Err(error.into()),
        }
    }
    let (before, after) = store
        .inventory()
        .update_list_check(connector, organization, |document| {
            let before = endpoint_check(document).check;
            conclude(document, &endpoints, &open, &answers);
            (before, endpoint_check(document).check)
        })
        .await
        .map_err(muster_runtime::HandlerError::from)?;
    if before != after {
        tell_others(pass, after).await?;
    }
    Ok(())
}

async fn ask(pass: &mut Pass<'_>, id: &str) -> Result<PipelineAccess, CallError> {
    let resource = ProtectedResource::Endpoint;
    let access = pass.session.pipeline_permissions(&pass.organization, pass.project_id, resource, id).await?;
    pass.document(
        Read::PipelinePermissions,
        &permission_subject(resource, id),
        &PipelineAccessDocument { access },
        1,
    );
    pass.progress.asked.insert(id.to_owned());
    Ok(access)
}

/// The verdict on the list changed: what other projects rest on it is judged, or read, anew.
async fn tell_others(pass: &mut Pass<'_>, check: ListCheck) -> Result<(), ReadError> {
    tracing::info!(
        ado.organization = %pass.organization, check = check.as_str(),
        "the cross-check of the authorized resources came to another result"
    );
    pass.progress.changed = true;
    if check == ListCheck::Disagrees {
        let inventory = pass.slice.store().inventory();
        let read = Read::AuthorizedResources;
        let last_read = inventory
            .last_read(pass.connector.id, pass.organization_id, read)
            .await
            .map_err(muster_runtime::HandlerError::from)?;
        for project_id in last_read.into_keys() {
            if project_id != pass.project_id {
                let subject = JobSubject::project(pass.connector.id, pass.organization.clone(), project_id);
                let job = pass.next_job(JobKind::ProjectSync, subject);
                pass.changes.jobs.push(job);
            }
        }
    } else {
        let subject = JobSubject::organization(pass.connector.id, pass.organization.clone());
        let job = pass.next_job(JobKind::OrganizationRefresh, subject);
        pass.changes.jobs.push(job);
    }
    Ok(())
}

fn endpoint_check(document: &mut ListCheckDocument) -> &mut TypeCheck {
    document.types.entry(ProtectedResource::Endpoint).or_default()
}

/// Decides whom to ask, and counts the calls before they are made, so that workers together keep to the day's bound.
fn plan(
    document: &mut ListCheckDocument,
    today: NaiveDate,
    endpoints: &[String],
    open: &BTreeSet<String>,
) -> Vec<Question> {
    if document.day != Some(today) {
        begin_day(document, today);
    }
    let document = endpoint_check(document);
    if document.check == ListCheck::Disagrees {
        // The list is out of use: every connection is asked for, in every pass.
        return endpoints.iter().map(|id| question(id, open)).collect();
    }
    let listed = endpoints.iter().find(|id| open.contains(*id)).filter(|_| !document.listed_confirmed);
    let unlisted = endpoints.iter().find(|id| !open.contains(*id)).filter(|_| !document.unlisted_confirmed);
    let mut questions: Vec<Question> =
        listed.into_iter().chain(unlisted).map(|id| question(id, open)).collect();
    let nothing_listed = !endpoints.iter().any(|id| open.contains(id));
    if document.check == ListCheck::NotVerified && nothing_listed {
        let room = (CALLS_PER_DAY - DECIDING_CALLS).saturating_sub(document.calls_today);
        let room = usize::try_from(room).unwrap_or(0);
        questions = endpoints.iter().take(room).map(|id| question(id, open)).collect();
    }
    let room = usize::try_from(CALLS_PER_DAY.saturating_sub(document.calls_today)).unwrap_or(0);
    questions.truncate(room);
    document.calls_today += u32::try_from(questions.len()).unwrap_or(CALLS_PER_DAY);
    questions
}

fn question(id: &str, open: &BTreeSet<String>) -> Question {
    if open.contains(id) { Question::Listed(id.to_owned()) } else { Question::Unlisted(id.to_owned()) }
}

/// A new day is checked anew. A whole day in which nothing listed was found proves that the list cannot be checked.
fn begin_day(document: &mut ListCheckDocument, today: NaiveDate) {
    let began = document.day.replace(today).is_some();
    let document = endpoint_check(document);
    if began && document.check == ListCheck::NotVerified {
        document.check = ListCheck::Disagrees;
    }
    document.calls_today = 0;
    document.listed_confirmed = false;
    document.unlisted_confirmed = false;
}

/// Notes the answers.
fn conclude(
    document: &mut ListCheckDocument,
    endpoints: &[String],
    open: &BTreeSet<String>,
    answers: &[(Question, PipelineAccess)],
) {
    let document = endpoint_check(document);
    let contradicts = |(question, access): &(Question, PipelineAccess)| match question {
        Question::Listed(_) => *access != PipelineAccess::AllPipelines,
        Question::Unlisted(_) => *access != PipelineAccess::PermittedOnly,
    };
    if answers.iter().any(contradicts) {
        document.check = ListCheck::Disagrees;
        return;
    }
    for (question, _) in answers {
        match question {
            Question::Listed(_) => document.listed_confirmed = true,
            Question::Unlisted(_) => document.unlisted_confirmed = true,
        }
    }
    let has_unlisted = endpoints.iter().any(|id| !open.contains(id));
    let proved = document.listed_confirmed && (document.unlisted_confirmed || !has_unlisted);
    if document.check == ListCheck::NotVerified && proved {
        document.check = ListCheck::Agrees;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, number).unwrap()
    }

    fn ids(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        ids(names).into_iter().collect()
    }

    fn answer_all(
        questions: Vec<Question>,
        access: impl Fn(&str) -> PipelineAccess,
    ) -> Vec<(Question, PipelineAccess)> {
        questions.into_iter().map(|question| (question.clone(), access(question.id()))).collect()
    }

    #[test]
    fn one_listed_and_one_unlisted_connection_prove_the_list() {
        let (endpoints, open) = (ids(&["a", "b", "c"]), set(&["b"]));
        let mut document = ListCheckDocument::default();
        let questions = plan(&mut document, day(1), &endpoints, &open);
        assert_eq!(questions, [Question::Listed("b".into()), Question::Unlisted("a".into())]);
        let answers = answer_all(questions, |id| {
            if id == "b" { PipelineAccess::AllPipelines } else { PipelineAccess::PermittedOnly }
        });
        conclude(&mut document, &endpoints, &open, &answers);
        assert_eq!(endpoint_check(&mut document).check, ListCheck::Agrees);
        assert!(plan(&mut document, day(1), &endpoints, &open).is_empty());
        assert_eq!(endpoint_check(&mut document).calls_today, 2);
        // The next day it is checked again, and believed meanwhile.
        assert_eq!(plan(&mut document, day(2), &endpoints, &open).len(), 2);
        assert_eq!(endpoint_check(&mut document).check, ListCheck::Agrees);
    }

    #[test]
    fn one_contradiction_puts_the_list_out_of_use() {
        let (endpoints, open) = (ids(&["a", "b"]), set(&[]));
        let mut document = ListCheckDocument::default();
        let questions = plan(&mut document, day(1), &endpoints, &open);
        let answers = answer_all(questions, |_| PipelineAccess::AllPipelines);
        conclude(&mut document, &endpoints, &open, &answers);
        assert_eq!(endpoint_check(&mut document).check, ListCheck::Disagrees);
        // From then on every connection is asked for.
        assert_eq!(plan(&mut document, day(1), &endpoints, &open).len(), 2);
    }

    #[test]
    fn a_small_organization_without_an_open_connection_is_asked_one_by_one() {
        let (endpoints, open) = (ids(&["a", "b", "c"]), set(&[]));
        let mut document = ListCheckDocument::default();
        let questions = plan(&mut document, day(1), &endpoints, &open);
        assert_eq!(questions.len(), 3);
        let answers = answer_all(questions, |_| PipelineAccess::PermittedOnly);
        conclude(&mut document, &endpoints, &open, &answers);
        assert_eq!(endpoint_check(&mut document).check, ListCheck::NotVerified);
    }

    #[test]
    fn the_calls_of_a_day_are_bounded_and_two_are_kept_for_the_decision() {
        let empty = ids(&["a", "b", "c", "d", "e", "f", "g", "h", "i"]);
        let mut document = ListCheckDocument::default();
        assert_eq!(plan(&mut document, day(1), &empty, &set(&[])).len(), 6);
        assert!(plan(&mut document, day(1), &empty, &set(&[])).is_empty());
        assert_eq!(plan(&mut document, day(1), &ids(&["x", "y"]), &set(&["x"])).len(), 2);
        assert!(plan(&mut document, day(1), &ids(&["x", "y"]), &set(&["x"])).is_empty());
        assert_eq!(endpoint_check(&mut document).calls_today, 8);
    }

    #[test]
    fn a_day_without_anything_listed_ends_in_reading_one_by_one() {
        let (endpoints, open) = (ids(&["a"]), set(&[]));
        let mut document = ListCheckDocument::default();
        plan(&mut document, day(1), &endpoints, &open);
        plan(&mut document, day(2), &endpoints, &open);
        assert_eq!(endpoint_check(&mut document).check, ListCheck::Disagrees);
    }

    #[test]
    fn where_every_connection_is_listed_a_listed_one_is_proof_enough() {
        let (endpoints, open) = (ids(&["a"]), set(&["a"]));
        let mut document = ListCheckDocument::default();
        let answers =
            answer_all(plan(&mut document, day(1), &endpoints, &open), |_| PipelineAccess::AllPipelines);
        conclude(&mut document, &endpoints, &open, &answers);
        assert_eq!(endpoint_check(&mut document).check, ListCheck::Agrees);
    }
}
