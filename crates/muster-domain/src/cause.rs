//! What asked for work, as jobs and tickets keep it: the id of an event, or one of the words below with a name behind it.

use crate::{ConnectorId, JobId};

const SCHEDULE: &str = "schedule:";
const JOB: &str = "job:";
const CONNECTOR: &str = "connector:";

/// A schedule asked.
pub fn of_schedule(name: &str) -> String {
    format!("{SCHEDULE}{name}")
}

/// A job found that something else must be done.
pub fn of_job(id: JobId) -> String {
    format!("{JOB}{id}")
}

/// A connector made room for the ones that waited for it.
pub fn of_connector(id: ConnectorId) -> String {
    format!("{CONNECTOR}{id}")
}

/// False for work that no person and no other system asked for: it comes after the other, and does not do again what
/// was done a short while ago.
pub fn is_asked_for(cause: &str) -> bool {
    !cause.starts_with(SCHEDULE) && !cause.starts_with(JOB)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn what_a_schedule_or_a_job_wants_nobody_waits_for() {
        let id = Uuid::from_u128(7);
        assert_eq!(of_schedule("discovery"), "schedule:discovery");
        assert_eq!(of_job(JobId(id)), format!("job:{id}"));
        assert_eq!(of_connector(ConnectorId(id)), format!("connector:{id}"));
        for cause in [of_schedule("discovery"), of_job(JobId(id))] {
            assert!(!is_asked_for(&cause), "{cause}");
        }
        for cause in [of_connector(ConnectorId(id)), id.to_string(), "request-1".to_owned()] {
            assert!(is_asked_for(&cause), "{cause}");
        }
    }
}
