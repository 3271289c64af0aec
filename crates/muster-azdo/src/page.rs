//! Listings that come in pages.

use crate::error::{CallError, CallTarget};
use muster_domain::read::Read;
use muster_domain::{OrganizationName, ProjectId};
use std::collections::HashSet;

/// Which page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// What the page before said; absent for the first page.
    pub continuation: Option<String>,
}

impl PageRequest {
    /// The first page.
    pub fn first() -> Self {
        Self::default()
    }

    /// The page after the one that said `continuation`.
    pub fn after(continuation: impl Into<String>) -> Self {
        Self { continuation: Some(continuation.into()) }
    }
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What it lists; may be empty although more follows.
    pub items: Vec<T>,
    /// Leads to the next page; absent on the last one. Nothing else tells whether more follows.
    pub continuation: Option<String>,
}

/// Stops a listing that never ends: a token that repeats, or too many pages.
#[derive(Debug)]
pub struct PageGuard {
    call: CallTarget,
    seen: HashSet<String>,
    /// Pages of the same listing that were read before this guard was made.
    pages_before: usize,
}

/// Most pages of one listing: ten million items at 1,000 a page, beyond every organization.
const MAXIMUM_PAGES: usize = 10_000;

impl PageGuard {
    /// Guards a listing of an organization.
    pub fn in_organization(read: Read, organization: &OrganizationName) -> Self {
        Self::new(CallTarget::in_organization(read, organization))
    }

    /// Guards a listing of a project.
    pub fn in_project(read: Read, organization: &OrganizationName, project: ProjectId) -> Self {
        Self::new(CallTarget::in_project(read, organization, project))
    }

    fn new(call: CallTarget) -> Self {
        Self { call, seen: HashSet::new(), pages_before: 0 }
    }

    /// Goes on with a listing of which so many pages were read before, from `continuation`.
    ///
    /// # Errors
    /// [`CallError::Unexpected`] when the listing has too many pages.
    pub fn going_on(mut self, pages_before: u64, continuation: Option<&str>) -> Result<Self, CallError> {
        // The page that the token leads to is counted when the token is noted.
        self.pages_before = usize::try_from(pages_before).unwrap_or(usize::MAX).saturating_sub(1);
        if let Some(token) = continuation {
            self.admit(token)?;
        }
        Ok(self)
    }

    /// Pages that were read, or are about to be, beside the first.
    pub fn pages(&self) -> u64 {
        u64::try_from(self.pages_before + self.seen.len()).unwrap_or(u64::MAX)
    }

    /// The request for the page after `page`, or `None` after the last one. A listing that goes on from a stored
    /// token shows it to [`PageGuard::admit`] first.
    ///
    /// # Errors
    /// [`CallError::Unexpected`] when the token came before or the listing has too many pages.
    pub fn next<T>(&mut self, page: &Page<T>) -> Result<Option<PageRequest>, CallError> {
        match &page.continuation {
            None => Ok(None),
            Some(token) => self.admit(token).map(|()| Some(PageRequest::after(token))),
        }
    }

    /// Notes a token that is about to be used.
    ///
    /// # Errors
    /// [`CallError::Unexpected`] when the token came before or the listing has too many pages.
    pub fn admit(&mut self, token: &str) -> Result<(), CallError> {
        if self.pages_before.saturating_add(self.seen.len()) >= MAXIMUM_PAGES {
            return Err(self.violation(format!("the listing has more than {MAXIMUM_PAGES} pages")));
        }
        if !self.seen.insert(token.to_owned()) {
            return Err(self.violation("the listing repeats a continuation token".to_owned()));
        }
        Ok(())
    }

    fn violation(&self, detail: String) -> CallError {
        let error = CallError::Unexpected { call: self.call.clone(), detail };
        tracing::warn!(%error, "a listing does not end");
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> PageGuard {
        PageGuard::in_organization(Read::Projects, &OrganizationName::new("contoso"))
    }

    fn page(continuation: Option<&str>) -> Page<()> {
        Page { items: Vec::new(), continuation: continuation.map(str::to_owned) }
    }

    #[test]
    fn pages_follow_each_other_until_there_is_no_token() {
        let mut guard = guard();
        assert_eq!(guard.next(&page(Some("100"))), Ok(Some(PageRequest::after("100"))));
        assert_eq!(guard.next(&page(Some("200"))), Ok(Some(PageRequest::after("200"))));
        assert_eq!(guard.next(&page(None)), Ok(None));
    }

    #[test]
    fn a_token_that_came_before_ends_the_listing() {
        let mut guard = guard();
        guard.admit("stored").unwrap();
        guard.next(&page(Some("a"))).unwrap();
        let error = guard.next(&page(Some("stored"))).unwrap_err();
        assert!(matches!(error, CallError::Unexpected { .. }), "{error}");
    }

    #[test]
    fn a_listing_without_end_is_cut() {
        let mut guard = guard();
        let error =
            (0..).find_map(|number| guard.admit(&number.to_string()).err().map(|error| (number, error)));
        let (number, error) = error.unwrap();
        assert_eq!(number, MAXIMUM_PAGES);
        assert!(matches!(error, CallError::Unexpected { .. }), "{error}");
    }

    #[test]
    fn a_listing_that_goes_on_over_many_runs_is_cut_too() {
        let mut pages = 0;
        for number in 0.. {
            // One page a run: what is kept between runs is the count and the token.
            let token = number.to_string();
            let before = (number > 0).then(|| (number - 1).to_string());
            match guard().going_on(pages, before.as_deref()).and_then(|mut guard| {
                guard.admit(&token)?;
                Ok(guard.pages())
            }) {
                Ok(read) => pages = read,
                Err(error) => {
                    assert!(matches!(error, CallError::Unexpected { .. }), "{error}");
                    break;
                }
            }
        }
        assert_eq!(pages, u64::try_from(MAXIMUM_PAGES).unwrap());
    }
}
