//! One thing that was looked at, and what came of it.

use crate::output::{Row, or_dash};
use serde::Serialize;

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Status {
    /// As it should be.
    Ok,
    /// It works, but somebody should know.
    Warning,
    /// It does not work.
    Failed,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Check {
    pub(super) area: &'static str,
    pub(super) check: String,
    pub(super) status: Status,
    pub(super) detail: String,
    /// What to do; absent where all is well.
    pub(super) remedy: Option<String>,
}

impl Row for Check {
    const COLUMNS: &'static [&'static str] = &["status", "area", "check", "detail", "remedy"];

    fn cells(&self) -> Vec<String> {
        let status = match self.status {
            Status::Ok => "ok",
            Status::Warning => "warning",
            Status::Failed => "failed",
        };
        vec![
            status.to_owned(),
            self.area.to_owned(),
            self.check.clone(),
            self.detail.clone(),
            or_dash(self.remedy.as_ref()),
        ]
    }
}

/// Everything that was looked at, in its order.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Check>);

impl Report {
    pub(super) fn checks(&self) -> &[Check] {
        &self.0
    }

    pub(super) fn ok(&mut self, area: &'static str, check: impl Into<String>, detail: impl Into<String>) {
        self.add(area, check.into(), Status::Ok, detail.into(), None);
    }

    pub(super) fn warning(
        &mut self,
        area: &'static str,
        check: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(area, check.into(), Status::Warning, detail.into(), Some(remedy.into()));
    }

    pub(super) fn failed(
        &mut self,
        area: &'static str,
        check: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(area, check.into(), Status::Failed, detail.into(), Some(remedy.into()));
    }

    fn add(
        &mut self,
        area: &'static str,
        check: String,
        status: Status,
        detail: String,
        remedy: Option<String>,
    ) {
        self.0.push(Check { area, check, status, detail, remedy });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_well_has_a_remedy() {
        let mut report = Report::default();
        report.ok("database", "reachable", "SQLite");
        report.warning("broker", "consumers", "none", "start a worker");
        report.failed("database", "schema", "old", "migrate");
        for check in report.checks() {
            assert_eq!(check.remedy.is_none(), check.status == Status::Ok, "{check:?}");
            assert_eq!(check.cells().len(), Check::COLUMNS.len());
        }
        assert_eq!(serde_json::to_value(report.checks()).unwrap()[1]["status"], "warning");
    }
}
