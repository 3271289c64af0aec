//! `muster repository list`.

use crate::cli::Global;
use crate::commands::inventory::{Identity, PresenceTally, Selection, all_pages};
use crate::exit::Failed;
use crate::output::{Row, RowStream, Sorting, moment, note, or_dash};
use crate::session::Session;
use clap::{Args, ValueEnum};
use muster_domain::properties::{Properties, RepositoryProperties};
use muster_domain::resource::{Presence, ResourceKind};
use muster_store::inventory::{ResourceSort, ResourceView};
use muster_store::paging::Direction;
use serde::Serialize;

pub(super) const EXAMPLES: &str = "\
Examples:
  muster repository list --organization contoso --project Payments
  muster repository list --disabled true -o tsv
  muster repository list --default-branch master --sort changed:desc --limit 20";

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    selection: Selection,
    /// Only those of this project.
    #[arg(long, value_name = "NAME|ID")]
    project: Option<String>,
    /// Only those that are disabled, or, with `false`, only those that are not.
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    disabled: Option<bool>,
    /// Only those with this default branch, such as `main` or `refs/heads/main`; `-` for those without one.
    #[arg(long, value_name = "BRANCH")]
    default_branch: Option<String>,
    /// Only forks, or, with `false`, only those that are none.
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    fork: Option<bool>,
    /// What comes first: name, changed or seen, each also with `:desc`.
    #[arg(long, default_value = "name", value_name = "KEY[:desc]")]
    sort: Sorting<Key>,
    /// List at most so many.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Key {
    Name,
    Changed,
    Seen,
}

impl List {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let store = &session.store;
            let kind = ResourceKind::Repository;
            let mut filter = self.selection.filter(store, kind, self.project.as_deref()).await?;
            filter.sort = match self.sort.key {
                Key::Name => ResourceSort::Name,
                Key::Changed => ResourceSort::ChangedAt,
                Key::Seen => ResourceSort::FirstSeen,
            };
            if self.sort.is_descending {
                filter.direction = Direction::Descending;
            }
            let limit = self.limit.unwrap_or(u64::MAX);
            let mut rows = RowStream::new(global.output);
            let mut presence = PresenceTally::default();
            let mut disabled = 0_u64;
            let mut has_more = false;
            all_pages(store, filter, async |page| {
                let left = usize::try_from(limit.saturating_sub(rows.written())).unwrap_or(usize::MAX);
                let mut found: Vec<Shown> =
                    page.iter().map(Shown::from).filter(|row| self.lets_through(row)).collect();
                has_more |= found.len() > left;
                found.truncate(left);
                found.iter().for_each(|row| presence.count(row.identity.presence));
                disabled += found.iter().filter(|row| row.is_disabled == Some(true)).count() as u64;
                rows.print(&found)?;
                Ok(rows.is_open() && !has_more)
            })
            .await?;
            rows.finish::<Shown>()?;
            let more = if has_more { ", there are more (--limit)" } else { "" };
            note(&format!("{} shown{more}; {}; {disabled} disabled", rows.written(), presence.text()));
            Ok(())
        })
        .await
    }

    fn lets_through(&self, row: &Shown) -> bool {
        let branch = match self.default_branch.as_deref() {
            None => true,
            Some("-") => row.default_branch.is_none(),
            Some(wanted) => {
                row.default_branch.as_deref().is_some_and(|branch| short(branch) == short(wanted))
            }
        };
        let holds = |wanted: Option<bool>, is: Option<bool>| wanted.is_none() || wanted == is;
        branch && holds(self.disabled, row.is_disabled) && holds(self.fork, row.is_fork)
    }
}

/// A branch without the prefix that every branch has.
fn short(branch: &str) -> &str {
    branch.strip_prefix("refs/heads/").unwrap_or(branch)
}

/// A repository as it is listed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    #[serde(flatten)]
    pub(super) identity: Identity,
    pub(super) default_branch: Option<String>,
    pub(super) is_disabled: Option<bool>,
    pub(super) is_in_maintenance: Option<bool>,
    pub(super) is_fork: Option<bool>,
    pub(super) size_bytes: Option<u64>,
    pub(super) web_url: Option<String>,
}

impl From<&ResourceView> for Shown {
    fn from(view: &ResourceView) -> Self {
        let repository: Option<&RepositoryProperties> = match &view.stored.resource.properties {
            Properties::Repository(repository) => Some(repository),
            _ => None,
        };
        Self {
            identity: Identity::from(view),
            default_branch: repository.and_then(|repository| repository.default_branch.clone()),
            is_disabled: repository.map(|repository| repository.is_disabled),
            is_in_maintenance: repository.map(|repository| repository.is_in_maintenance),
            is_fork: repository.map(|repository| repository.is_fork),
            size_bytes: repository.and_then(|repository| repository.size_bytes),
            web_url: repository.and_then(|repository| repository.web_url.clone()),
        }
    }
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] =
        &["name", "project", "organization", "default branch", "disabled", "presence", "changed", "id"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.identity.name.clone(),
            or_dash(self.identity.project.as_ref()),
            self.identity.organization.clone(),
            or_dash(self.default_branch.as_deref().map(short)),
            or_dash(self.is_disabled),
            Presence::as_str(self.identity.presence).to_owned(),
            moment(self.identity.changed_at),
            self.identity.id.clone(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::view;
    use super::*;
    use clap::Parser as _;

    #[derive(Debug, clap::Parser)]
    struct Wrapper {
        #[command(flatten)]
        list: List,
    }

    fn list(arguments: &[&str]) -> List {
        Wrapper::try_parse_from(["list"].iter().chain(arguments)).unwrap().list
    }

    fn repository(default_branch: Option<&str>, is_disabled: bool) -> Shown {
        Shown::from(&view(
            "web",
            Properties::Repository(RepositoryProperties {
                default_branch: default_branch.map(str::to_owned),
                is_disabled,
                is_in_maintenance: false,
                is_fork: false,
                web_url: None,
                size_bytes: Some(12),
            }),
        ))
    }

    #[test]
    fn a_branch_is_found_with_and_without_its_prefix() {
        let main = repository(Some("refs/heads/main"), false);
        let empty = repository(None, false);
        assert!(list(&["--default-branch", "main"]).lets_through(&main));
        assert!(list(&["--default-branch", "refs/heads/main"]).lets_through(&main));
        assert!(!list(&["--default-branch", "master"]).lets_through(&main));
        assert!(!list(&["--default-branch", "main"]).lets_through(&empty));
        assert!(list(&["--default-branch", "-"]).lets_through(&empty));
        assert!(!list(&["--default-branch", "-"]).lets_through(&main));
    }

    #[test]
    fn disabled_stands_alone_or_with_its_value() {
        let (on, off) = (repository(None, false), repository(None, true));
        for (arguments, lets_on, lets_off) in [
            (&["--disabled"][..], false, true),
            (&["--disabled", "true"], false, true),
            (&["--disabled", "false"], true, false),
            (&[], true, true),
            (&["--fork"], false, false),
        ] {
            let list = list(arguments);
            assert_eq!(list.lets_through(&on), lets_on, "{arguments:?}");
            assert_eq!(list.lets_through(&off), lets_off, "{arguments:?}");
        }
    }

    #[test]
    fn json_has_where_it_lies_and_what_was_read() {
        let shown = repository(Some("refs/heads/main"), true);
        let json = serde_json::to_value(&shown).unwrap();
        assert_eq!(json["project"], "Shop");
        assert_eq!(json["defaultBranch"], "refs/heads/main");
        assert_eq!(json["isDisabled"], true);
        assert_eq!(json["sizeBytes"], 12);
        assert_eq!(shown.cells().len(), Shown::COLUMNS.len());
    }
}
