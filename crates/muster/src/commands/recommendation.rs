//! `muster recommendation`: what is recommended, and how it stands.

mod row;
mod scope;
mod sections;
mod tally;

use crate::cli::Global;
use crate::exit::{Exit, Failed};
use crate::lookup;
use crate::output::{RowStream, note};
use crate::session::Session;
use clap::{Args, Subcommand, ValueEnum};
use muster_domain::RecommendationKey;
use muster_domain::assessment::AssessmentState;
use muster_domain::recommendation::Severity;
use muster_store::Store;
use muster_store::assessments::{AssessmentFilter, AssessmentOrder, AssessmentView};
use muster_store::changes::AssessmentId;
use row::Shown;
use sections::{Section, sections};
use tally::Tally;

#[derive(Debug, Subcommand)]
pub(crate) enum Recommendation {
    /// Lists assessments: each recommendation judged on each resource, in whatever state.
    ///
    /// What could not be judged is listed as Unknown with its cause, and never counted as healthy.
    #[command(after_help = EXAMPLES)]
    List(List),
}

const EXAMPLES: &str = "\
Rows are sorted by organization, project and resource within what --sort sorts by; where more than 10,000 are listed
they come in a stable order of ids instead.

Examples:
  muster recommendation list --state unhealthy --severity high
  muster recommendation list --organization contoso --project Payments --fail-on high
  muster recommendation list -o json | jq '.[] | select(.state == \"Unknown\") | .cause'";

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those in this state; may be given several times.
    #[arg(long = "state", value_name = "STATE", value_parser = lookup::assessment_state(), ignore_case = true)]
    states: Vec<AssessmentState>,
    /// Only recommendations of this severity; may be given several times.
    #[arg(long = "severity", value_name = "SEVERITY", value_parser = lookup::severity(), ignore_case = true)]
    severities: Vec<Severity>,
    /// Only this connector.
    #[arg(long, value_name = "NAME|ID")]
    connector: Option<String>,
    /// Only this organization.
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
    /// Only this project.
    #[arg(long, value_name = "NAME|ID")]
    project: Option<String>,
    /// Only this recommendation; may be given several times.
    #[arg(long = "key", value_name = "GUID")]
    keys: Vec<RecommendationKey>,
    /// What comes first.
    #[arg(long, value_enum, default_value_t, value_name = "ORDER")]
    sort: Sort,
    /// List at most so many.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// End with exit code 10 where the filters let an unhealthy one of at least this severity through, even if
    /// --limit leaves it out.
    #[arg(long, value_name = "SEVERITY", value_parser = lookup::severity(), ignore_case = true)]
    fail_on: Option<Severity>,
}

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// Unhealthy, then unknown, healthy, not applicable; the highest severity of each first.
    #[default]
    State,
    /// The highest severity; unhealthy ones of each first.
    Severity,
    /// By organization.
    Organization,
}

/// Rows that are fetched at a time: some MiB.
const PAGE_ROWS: u32 = 10_000;

impl Recommendation {
    pub(crate) async fn run(self, global: &Global) -> Result<(), Failed> {
        match self {
            Self::List(list) => list.run(global).await,
        }
    }
}

impl List {
    async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let mut tally = Tally::default();
            let mut rows = RowStream::new(global.output);
            if let Some(filter) = scope::filter(&session.store, &self).await? {
                let groups = session.store.assessments().groups(&filter).await?;
                tally = Tally::of(&groups);
                for section in sections(self.sort, &groups, &filter) {
                    let left = self.limit.map(|limit| limit.saturating_sub(rows.written()));
                    if left == Some(0) || !rows.is_open() {
                        break;
                    }
                    print(&session.store, &section, left, &mut rows).await?;
                }
            }
            rows.finish::<Shown>()?;
            note(&tally.summary(rows.written()));
            self.fail_on.map_or(Ok(()), |severity| gate(&tally, severity))
        })
        .await
    }
}

/// Prints one section, at most `left` rows of it.
async fn print(
    store: &Store,
    section: &Section,
    left: Option<u64>,
    rows: &mut RowStream,
) -> Result<(), Failed> {
    let before = rows.written();
    let wanted = left.unwrap_or(u64::MAX);
    let fits_a_page = section.count.min(wanted) <= u64::from(PAGE_ROWS);
    let order = if fits_a_page { AssessmentOrder::Names } else { AssessmentOrder::Ids };
    let mut filter = AssessmentFilter { order, ..section.filter.clone() };
    loop {
        let still = wanted.saturating_sub(rows.written() - before).min(u64::from(PAGE_ROWS));
        filter.limit = u32::try_from(still).ok();
        let page = store.assessments().list(&filter).await?;
        let is_last = fits_a_page || u64::try_from(page.len()).unwrap_or(u64::MAX) < u64::from(PAGE_ROWS);
        filter.after = page.last().map(id);
        rows.print(&page.into_iter().map(Shown::from).collect::<Vec<_>>())?;
        if is_last || !rows.is_open() || rows.written() - before >= wanted {
            return Ok(());
        }
    }
}

fn id(view: &AssessmentView) -> AssessmentId {
    AssessmentId { resource_id: view.assessment.resource_id, recommendation: view.assessment.recommendation }
}

fn gate(tally: &Tally, severity: Severity) -> Result<(), Failed> {
    match tally.unhealthy_of_at_least(severity) {
        0 => Ok(()),
        count => Err(Failed::new(
            Exit::PolicyGate,
            format!("{count} unhealthy of severity {severity} or higher (--fail-on)"),
        )),
    }
}
