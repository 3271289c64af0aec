//! Rows of assessments to domain values.

use super::AssessmentHistory;
use crate::apply::REMOVED;
use crate::changes::AssessmentId;
use crate::error::StoreError;
use crate::session::Row;
use muster_domain::assessment::{Assessment, AssessmentState, Verdict};

/// Columns that [`assessment`] reads, of a table called `a`.
pub(super) const COLUMNS: &str = "a.resource_id, a.recommendation, a.state, a.cause, a.observed, a.expected, \
     a.link, a.first_evaluated_at_ms, a.since_ms, a.change_sequence";

pub(super) fn assessment(row: &Row) -> Result<(AssessmentId, Assessment), StoreError> {
    let id = AssessmentId { resource_id: row.id("resource_id")?, recommendation: row.id("recommendation")? };
    let assessment = Assessment {
        resource_id: id.resource_id,
        recommendation: id.recommendation,
        verdict: Verdict {
            state: row.parse("state", AssessmentState::parse)?,
            cause: row.get("cause")?,
            observed: row.get("observed")?,
            expected: row.get("expected")?,
            link: row.get("link")?,
        },
        first_evaluated_at: row.time("first_evaluated_at_ms")?,
        since: row.time("since_ms")?,
        change_sequence: row.get("change_sequence")?,
    };
    Ok((id, assessment))
}

pub(super) fn history(row: &Row) -> Result<AssessmentHistory, StoreError> {
    let to: String = row.get("to_state")?;
    let to = match to.as_str() {
        REMOVED => None,
        _ => Some(row.parse("to_state", AssessmentState::parse)?),
    };
    Ok(AssessmentHistory {
        resource_id: row.id("resource_id")?,
        recommendation: row.id("recommendation")?,
        from: row.parse_optional("from_state", AssessmentState::parse)?,
        to,
        cause: row.get("cause")?,
        observed: row.get("observed")?,
        expected: row.get("expected")?,
        change_sequence: row.get("change_sequence")?,
        at: row.time("at_ms")?,
    })
}
