//! `muster recommendation show`.

use super::chosen;
use super::row::Shown as Affected;
use crate::cli::Global;
use crate::commands::inventory::{assessments_text, every_state, scope_text};
use crate::exit::Failed;
use crate::lookup;
use crate::output::{Fields, Format, note, or_dash, print_json, print_rows};
use crate::session::Session;
use clap::Args;
use muster_domain::RecommendationKey;
use muster_domain::assessment::AssessmentState;
use muster_domain::read::Read;
use muster_domain::recommendation::{Recommendation, Severity};
use muster_domain::resource::ResourceKind;
use muster_store::Store;
use muster_store::assessments::{AssessmentFilter, AssessmentOrder};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const EXAMPLES: &str = "\
Examples:
  muster recommendation show reviewers --state unhealthy
  muster recommendation show reviewers -o json | jq '.affected[].resource.name'";

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Key of the recommendation, or a part of its title.
    #[arg(value_name = "KEY|PART")]
    recommendation: String,
    /// Only resources of this connector.
    #[arg(long, value_name = "NAME|ID")]
    connector: Option<String>,
    /// Show affected resources in this state; may be given several times. Without it, unhealthy and unknown ones.
    #[arg(long = "state", value_name = "STATE", value_parser = lookup::assessment_state(), ignore_case = true)]
    states: Vec<AssessmentState>,
    /// Show at most so many affected resources.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
}

impl Show {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        let recommendation = chosen::one(&self.recommendation)?;
        Session::run(global, async |session| {
            let document = self.document(&session.store, recommendation).await?;
            match global.output {
                Format::Json => print_json(&document)?,
                format => {
                    print_rows(format, document.fields().rows())?;
                    if format == Format::Table {
                        crate::output::write_out("\n")?;
                    }
                    print_rows(format, &document.affected)?;
                }
            }
            let shown = document.affected.len() as u64;
            if shown < document.affected_count {
                note(&format!(
                    "{shown} of {} affected resources are shown (--limit)",
                    document.affected_count
                ));
            }
            Ok(())
        })
        .await
    }

    async fn document(
        &self,
        store: &Store,
        recommendation: &'static Recommendation,
    ) -> Result<Document, Failed> {
        let mut filter = AssessmentFilter {
            recommendations: vec![recommendation.key],
            order: AssessmentOrder::Names,
            limit: Some(self.limit),
            ..AssessmentFilter::default()
        };
        if let Some(name) = &self.connector {
            filter.connector = Some(lookup::connector(store, name).await?.id);
        }
        let mut counts: BTreeMap<AssessmentState, u64> = BTreeMap::new();
        for group in store.assessments().groups(&filter).await? {
            *counts.entry(group.state).or_default() += group.count;
        }
        filter.states = if self.states.is_empty() {
            vec![AssessmentState::Unhealthy, AssessmentState::Unknown]
        } else {
            self.states.clone()
        };
        let affected_count =
            filter.states.iter().map(|state| counts.get(state).copied().unwrap_or_default()).sum();
        let affected = store.assessments().list(&filter).await?;
        Ok(Document {
            affected: affected.into_iter().map(Affected::from).collect(),
            affected_count,
            ..Document::of(recommendation, &counts)
        })
    }
}

/// A recommendation with all that is known of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    key: RecommendationKey,
    title: &'static str,
    severity: Severity,
    resource_kind: ResourceKind,
    is_preview: bool,
    description: &'static str,
    remediation: &'static [&'static str],
    reads: &'static [Read],
    /// Scopes of a token that the reads need.
    token_scopes: BTreeSet<&'static str>,
    /// What the identity itself needs.
    needed_rights: BTreeSet<&'static str>,
    counts: BTreeMap<AssessmentState, u64>,
    affected_count: u64,
    affected: Vec<Affected>,
}

impl Document {
    fn of(recommendation: &'static Recommendation, counts: &BTreeMap<AssessmentState, u64>) -> Self {
        Self {
            key: recommendation.key,
            title: recommendation.title,
            severity: recommendation.severity,
            resource_kind: recommendation.resource_kind,
            is_preview: recommendation.is_preview,
            description: recommendation.description,
            remediation: recommendation.remediation,
            reads: recommendation.reads,
            token_scopes: recommendation.reads.iter().filter_map(|read| read.token_scope()).collect(),
            needed_rights: recommendation.reads.iter().map(|read| read.needed_right()).collect(),
            counts: every_state(counts),
            affected_count: 0,
            affected: Vec::new(),
        }
    }

    fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields
            .add("key", self.key)
            .add("title", self.title)
            .add("severity", self.severity)
            .add("judges", self.resource_kind)
            .add("preview", if self.is_preview { "yes" } else { "no" })
            .add("why", self.description)
            .add_all("remediation", self.remediation)
            .add_all("reads", self.reads)
            .add_all("token scopes", self.token_scopes.iter().map(|scope| scope_text(scope)))
            .add_all("rights", &self.needed_rights)
            .add("counts", assessments_text(&self.counts))
            .add("affected", or_dash(Some(self.affected_count)));
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_recommendation_needs_is_told() {
        for rule in muster_rules::catalogue() {
            let document = Document::of(rule.recommendation(), &BTreeMap::new());
            let json = serde_json::to_value(&document).unwrap();
            assert_eq!(json["counts"]["Unknown"], 0);
            assert!(!document.needed_rights.is_empty(), "{}", document.title);
            assert!(json["remediation"].as_array().is_some_and(|steps| !steps.is_empty()));
            assert!(!document.fields().rows().is_empty());
        }
    }
}
