//! Streams that take the audit log elsewhere.

use super::writing::document;
use crate::discover_organization::Discovery;
use crate::step::StepError;
use muster_domain::read::Read;
use muster_store::changes::Changes;

pub(super) async fn read(discovery: &mut Discovery<'_>) -> Result<Changes, StepError> {
    let streams = discovery.work.session.audit_streams(&discovery.organization).await?;
    document(discovery, Read::AuditStreams, &streams, streams.streams.len()).await
}
