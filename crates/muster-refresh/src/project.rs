//! `project.refresh`: judges what is known of a project.

use crate::difference::changes_of;
use async_trait::async_trait;
use muster_domain::connector::{Connector, ConnectorState};
use muster_domain::job::{JobKind, JobSubject};
use muster_domain::snapshot::ProjectSnapshot;
use muster_domain::{ConnectorId, OrganizationName, ProjectId};
use muster_runtime::{Handler, HandlerError, Outcome, Slice};
use muster_store::StoreError;
use muster_store::changes::{Changes, ReadingDocument, ReadingKey, ReadingKind, ReadingWrite};
use muster_store::ledger::ClaimedJob;
use std::collections::HashMap;

/// Projects judged at a time: one transaction serves several small ones, and five large ones of several hundred
/// repositories in each slot still take little memory.
const GROUP_SIZE: usize = 5;

/// Judges projects.
#[derive(Clone, Copy, Debug)]
pub struct RefreshProject;

#[async_trait]
impl Handler for RefreshProject {
    fn kind(&self) -> JobKind {
        JobKind::ProjectRefresh
    }

    fn group_size(&self) -> usize {
        GROUP_SIZE
    }

    async fn handle(&self, job: &ClaimedJob, slice: &Slice<'_>) -> Result<Outcome, HandlerError> {
        let mut results = self.handle_group(std::slice::from_ref(job), slice).await;
        results.pop().unwrap_or_else(|| Ok(Outcome::done(Changes::default())))
    }

    async fn handle_group(
        &self,
        jobs: &[ClaimedJob],
        slice: &Slice<'_>,
    ) -> Vec<Result<Outcome, HandlerError>> {
        match read(jobs, slice).await {
            Ok(view) => {
                let mut results = Vec::with_capacity(jobs.len());
                for job in jobs {
                    results.push(refresh(job, &view, slice).await);
                }
                results
            }
            Err(error) => {
                let message = error.to_string();
                jobs.iter()
                    .map(|_| Err(HandlerError::Retry { class: "store", message: message.clone() }))
                    .collect()
            }
        }
    }
}

type ProjectOf = (ConnectorId, OrganizationName, ProjectId);

struct View {
    connectors: HashMap<ConnectorId, Connector>,
    snapshots: HashMap<ProjectOf, ProjectSnapshot>,
}

fn project_of(job: &ClaimedJob) -> Option<ProjectOf> {
    let JobSubject { connector_id, organization, project_id } = &job.subject;
    Some((*connector_id, organization.clone()?, (*project_id)?))
}

async fn read(jobs: &[ClaimedJob], slice: &Slice<'_>) -> Result<View, StoreError> {
    let projects: Vec<ProjectOf> = jobs.iter().filter_map(project_of).collect();
    let mut connectors = HashMap::new();
    for (connector_id, _, _) in &projects {
        if !connectors.contains_key(connector_id)
            && let Some(connector) = slice.store().connectors().get(*connector_id).await?
        {
            connectors.insert(*connector_id, connector);
        }
    }
    let snapshots = slice.store().snapshots().projects(&projects).await?;
    Ok(View { connectors, snapshots })
}

async fn refresh(job: &ClaimedJob, view: &View, slice: &Slice<'_>) -> Result<Outcome, HandlerError> {
    // A connector that is taken apart is not judged any more; one that waits still is, by what is known.
    let Some(connector) = view
        .connectors
        .get(&job.subject.connector_id)
        .filter(|connector| !matches!(connector.state, ConnectorState::Removing | ConnectorState::Removed))
    else {
        return Ok(Outcome::cancelled());
    };
    let Some(snapshot) = project_of(job).and_then(|project| view.snapshots.get(&project)) else {
        return Ok(Outcome::cancelled());
    };
    let organization_id = snapshot.organization.id;
    let assessments = slice.store().assessments();
    let known = assessments.of_project(connector.id, organization_id, snapshot.project_id).await?;
    let now = slice.store().now().await?;
    let judgements = muster_rules::judge_project(snapshot);
    let item_count = u64::try_from(judgements.len()).unwrap_or(u64::MAX);
    let mut changes = changes_of(connector, snapshot, judgements, &known, now);
    changes.readings.push(ReadingWrite {
        key: ReadingKey {
            connector_id: connector.id,
            organization_id,
            project_id: Some(snapshot.project_id),
            kind: ReadingKind::Refresh,
            subject: String::new(),
        },
        // By which catalogue: another one judges anew (`muster-sync`).
        outcome: Ok(ReadingDocument {
            document: serde_json::Value::Null,
            content_hash: muster_rules::revision(),
            item_count,
        }),
    });
    Ok(Outcome::done(changes))
}
