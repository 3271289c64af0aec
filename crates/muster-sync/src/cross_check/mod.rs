//! Whether the lists of authorized resources are to be believed, type by type.
//!
//! `authorizedresources` without type and id is not documented to list. [`verdict`] decides whom to ask; here the
//! questions are asked, the answers kept, and other projects told what rests on another verdict now.

mod news;
mod verdict;
#[cfg(test)]
mod verdict_tests;

pub(crate) use verdict::Answers;

use crate::pass::Pass;
use crate::reads::{ReadError, listing_of};
use crate::refusal;
use muster_azdo::CallError;
use muster_domain::protected::ProtectedResource;
use muster_domain::read::{Read, UnknownReason};
use muster_domain::snapshot::{ListCheck, PipelineAccess};
use muster_runtime::HandlerError;
use muster_store::changes::{PipelineAccessDocument, ReadingKind, permission_of_subject, permission_subject};
use std::collections::{BTreeMap, BTreeSet};
use verdict::{Step, View, advance};

/// Answers for single resources that are committed together.
const ANSWERS_PER_COMMIT: usize = 100;
/// Where the list is believed, older answers for single resources are not kept.
const SINGLE_ANSWER_DAYS: i64 = 7;

/// How far the check came.
pub(crate) enum Reached {
    /// Its end.
    End,
    /// The end of the slice.
    SliceEnd,
}

/// Types whose list rules that declare `reads` rest on: the listing of the type, and the list of what is open.
pub(crate) fn types_of(reads: &BTreeSet<Read>) -> Vec<ProtectedResource> {
    if !reads.contains(&Read::AuthorizedResources) {
        return Vec::new();
    }
    let is_read =
        |resource: &ProtectedResource| listing_of(*resource).is_some_and(|read| reads.contains(&read));
    ProtectedResource::LISTED_WHEN_OPEN.into_iter().filter(is_read).collect()
}

/// Checks the lists as far as this project and this day allow, and reads permissions one by one where they are not
/// believed.
pub(crate) async fn run(pass: &mut Pass<'_>, types: &[ProtectedResource]) -> Result<Reached, ReadError> {
    if types.is_empty() {
        return Ok(Reached::End);
    }
    let resources = resources_that_matter(pass, types);
    // Before anything is decided for this project its resources are committed: whoever comes to another verdict later
    // finds them, and has this project read again.
    if !pass.changes.resources.is_empty() {
        pass.keep().await?;
    }
    loop {
        let step = next_step(pass, types, &resources).await?;
        if !step.news.is_empty() {
            news::tell(pass, &step.news).await?;
        }
        if step.questions.is_empty() {
            break;
        }
        for (asked, (resource, id)) in step.questions.into_iter().enumerate() {
            if pass.slice.is_over() {
                return Ok(Reached::SliceEnd);
            }
            ask(pass, resource, &id).await?;
            if (asked + 1) % ANSWERS_PER_COMMIT == 0 {
                pass.keep().await?;
            }
        }
        // Nothing is concluded from answers that a crash could still lose.
        pass.keep().await?;
    }
    forget(pass, types, &resources).await?;
    Ok(Reached::End)
}

/// What was listed in this pass, without what holds nothing to protect.
fn resources_that_matter(
    pass: &Pass<'_>,
    types: &[ProtectedResource],
) -> BTreeMap<ProtectedResource, Vec<String>> {
    let progress = &pass.progress;
    let listed = types.iter().filter_map(|resource| progress.protected.get_key_value(resource));
    let matters = |resource, id: &String| {
        resource != ProtectedResource::VariableGroup || !progress.groups_without_secrets.contains(id)
    };
    listed
        .map(|(resource, ids)| (*resource, ids.iter().filter(|id| matters(*resource, id)).cloned().collect()))
        .collect()
}

async fn next_step(
    pass: &Pass<'_>,
    types: &[ProtectedResource],
    resources: &BTreeMap<ProtectedResource, Vec<String>>,
) -> Result<Step, HandlerError> {
    let store = pass.slice.store();
    let today = store.now().await?.date_naive();
    let view = View {
        project_id: pass.project_id,
        types,
        resources,
        list: pass.progress.open.as_ref(),
        answers: &pass.progress.answers,
    };
    let inventory = store.inventory();
    let step = inventory
        .update_list_check(pass.connector.id, pass.organization_id, |document| {
            advance(document, today, &view)
        })
        .await?;
    Ok(step)
}

/// Asks for one resource. Where it may not be asked for, its access stays unknown, with the reason.
async fn ask(pass: &mut Pass<'_>, resource: ProtectedResource, id: &str) -> Result<(), ReadError> {
    let answer = pass.session.pipeline_permissions(&pass.organization, pass.project_id, resource, id).await;
    let answer: Result<PipelineAccess, UnknownReason> = match answer {
        Ok(access) => Ok(access),
        Err(CallError::NotFound { .. }) => Err(UnknownReason::NotOffered),
        Err(error @ (CallError::Forbidden { .. } | CallError::Unauthorized { .. }))
            if refusal::is_refused_alone(pass, &error).await? =>
        {
            Err(UnknownReason::Forbidden)
        }
        // Once may be an accident.
        Err(CallError::Unexpected { .. }) if pass.job.attempt > 1 => Err(UnknownReason::ContractViolation),
        Err(error) => return Err(error.into()),
    };
    let subject = permission_subject(resource, id);
    match answer {
        Ok(access) => {
            pass.document(Read::PipelinePermissions, &subject, &PipelineAccessDocument { access }, 1);
        }
        Err(reason) => pass.unknown_of(Read::PipelinePermissions, &subject, reason),
    }
    pass.progress.answers.entry(resource).or_default().insert(id.to_owned(), answer.ok());
    Ok(())
}

/// Answers for resources that are not listed any more are not wanted any more, nor are old ones of a type whose list
/// is believed.
async fn forget(
    pass: &mut Pass<'_>,
    types: &[ProtectedResource],
    resources: &BTreeMap<ProtectedResource, Vec<String>>,
) -> Result<(), HandlerError> {
    let subjects = pass.known_subjects(ReadingKind::Read(Read::PipelinePermissions));
    if subjects.is_empty() {
        return Ok(());
    }
    let store = pass.slice.store();
    let oldest = store.now().await? - chrono::TimeDelta::days(SINGLE_ANSWER_DAYS);
    let checks = store
        .inventory()
        .update_list_check(pass.connector.id, pass.organization_id, |document| document.checks())
        .await?;
    for (subject, read_at) in subjects {
        let is_wanted = match permission_of_subject(&subject) {
            Some((resource, id)) if types.contains(&resource) => {
                let is_listed =
                    resources.get(&resource).is_none_or(|ids| ids.iter().any(|listed| listed == id));
                let is_asked_now =
                    pass.progress.answers.get(&resource).is_some_and(|answers| answers.contains_key(id));
                let is_believed = checks.get(&resource) == Some(&ListCheck::Agrees);
                is_listed && (is_asked_now || !is_believed || read_at >= oldest)
            }
            // No rule asks about the type any more, or the subject names none.
            _ => false,
        };
        if !is_wanted {
            let key = pass.reading_key(Read::PipelinePermissions, subject);
            pass.changes.forgotten_readings.push(key);
        }
    }
    Ok(())
}
