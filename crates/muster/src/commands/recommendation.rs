//! `muster recommendation`: what is recommended, and how it stands.

mod chosen;
mod row;
mod scope;
mod sections;
mod show;
mod tally;

use crate::cli::Global;
use crate::exit::{Exit, Failed};
use crate::lookup::{self, Since};
use crate::output::{Format, RowStream, Snapshot, Sorting, Watch, note};
use crate::session::Session;
use clap::{Args, Subcommand, ValueEnum};
use muster_domain::assessment::AssessmentState;
use muster_domain::recommendation::Severity;
use muster_domain::resource::ResourceKind;
use muster_store::Store;
use muster_store::assessments::{AssessmentFilter, AssessmentOrder, AssessmentView};
use muster_store::changes::AssessmentId;
use muster_store::paging::Direction;
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
    /// Shows one recommendation: what, why, how to remedy, what it needs to be judged, and what is affected.
    #[command(after_help = show::EXAMPLES)]
    Show(show::Show),
}

const EXAMPLES: &str = "\
Rows are sorted by organization, project and resource within what --sort sorts by; where more than
10,000 are listed they come in a stable order of ids instead.

Examples:
  muster recommendation list --state unhealthy --severity high
  muster recommendation list --recommendation reviewers --since 7d --sort since:desc
  muster recommendation list --organization contoso --project Payments --fail-on high
  muster recommendation list -o json | jq '.[] | select(.state == \"Unknown\") | {resource, observed}'";

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
    /// Only recommendations of this key, or whose title contains this in any case; may be given several times.
    #[arg(long = "recommendation", alias = "key", value_name = "KEY|PART")]
    recommendations: Vec<String>,
    /// Only resources of this kind; may be given several times.
    #[arg(long = "resource", value_name = "KIND", value_parser = lookup::resource_kind(), ignore_case = true)]
    kinds: Vec<ResourceKind>,
    /// Only those whose state began since then: a moment (2026-01-31, 2026-01-31T12:00:00Z) or a time ago (30m, 12h, 7d).
    #[arg(long, value_name = "WHEN")]
    since: Option<Since>,
    /// What comes first: state (unhealthy, then unknown, healthy, not applicable), severity, organization or since, each
    /// also with `:desc`, which turns the order.
    #[arg(long, default_value = "state", value_name = "KEY[:desc]")]
    sort: Sorting<Sort>,
    /// List at most so many.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// End with exit code 10 where the filters let an unhealthy one of at least this severity through, even if
    /// --limit leaves it out.
    #[arg(
        long,
        value_name = "SEVERITY",
        value_parser = lookup::severity(),
        ignore_case = true,
        conflicts_with = "interval"
    )]
    fail_on: Option<Severity>,
    #[command(flatten)]
    watch: Watch,
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
    /// By when the state began.
    Since,
}

/// Rows that are fetched at a time: some MiB.
const PAGE_ROWS: u32 = 10_000;

impl Recommendation {
    pub(crate) async fn run(self, global: &Global) -> Result<(), Failed> {
        match self {
            Self::List(list) => list.run(global).await,
            Self::Show(show) => show.run(global).await,
        }
    }
}

impl List {
    async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            if self.watch.is_on() {
                let look = async || self.snapshot(&session.store, global.output).await;
                return self.watch.show(look).await;
            }
            let mut rows = RowStream::new(global.output);
            let tally = self.print(&session.store, &mut rows).await?;
            note(&tally.summary(rows.written()));
            self.fail_on.map_or(Ok(()), |severity| gate(&tally, severity))
        })
        .await
    }

    async fn snapshot(&self, store: &Store, format: Format) -> Result<Snapshot, Failed> {
        let mut rows = RowStream::kept(format);
        let tally = self.print(store, &mut rows).await?;
        let note = Some(tally.summary(rows.written()));
        Ok(Snapshot { data: rows.into_text(), note })
    }

    /// Prints everything that the conditions let through, at most `--limit` rows of it.
    async fn print(&self, store: &Store, rows: &mut RowStream) -> Result<Tally, Failed> {
        let mut tally = Tally::default();
        if let Some(filter) = scope::filter(store, self).await? {
            let groups = store.assessments().groups(&filter).await?;
            tally = Tally::of(&groups);
            if self.sort.key == Sort::Since {
                self.print_by_time(store, filter, rows).await?;
            } else {
                let mut sections = sections(self.sort.key, &groups, &filter);
                if self.sort.is_descending {
                    sections.reverse();
                }
                for section in sections {
                    let left = self.limit.map(|limit| limit.saturating_sub(rows.written()));
                    if left == Some(0) || !rows.is_open() {
                        break;
                    }
                    print(store, &section, left, rows).await?;
                }
            }
        }
        rows.finish::<Shown>()?;
        Ok(tally)
    }

    async fn print_by_time(
        &self,
        store: &Store,
        mut filter: AssessmentFilter,
        rows: &mut RowStream,
    ) -> Result<(), Failed> {
        filter.order = AssessmentOrder::Since;
        if self.sort.is_descending {
            filter.direction = Direction::Descending;
        }
        loop {
            let left = self.limit.unwrap_or(u64::MAX).saturating_sub(rows.written());
            filter.limit = u32::try_from(left.min(u64::from(PAGE_ROWS))).ok();
            if left == 0 || !rows.is_open() {
                return Ok(());
            }
            let page = store.assessments().page(&filter).await?;
            rows.print(&page.assessments.into_iter().map(Shown::from).collect::<Vec<_>>())?;
            match page.next {
                Some(next) => filter.cursor = Some(next),
                None => return Ok(()),
            }
        }
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
