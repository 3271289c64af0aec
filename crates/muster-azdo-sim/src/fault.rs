//! Faults: answers that go wrong on request.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::input::{self, InputError};
use crate::quirk::Quirk;
use crate::route::Route;

/// A fault to install: which requests it hits, what happens to them, how often.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Which requests.
    #[serde(default, rename = "match")]
    pub matching: FaultMatch,
    /// What happens.
    pub action: FaultAction,
    /// To how many matching requests in a row; 1 when absent.
    #[serde(default = "once")]
    pub times: u64,
}

/// Which requests a [`Fault`] hits. What is absent matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultMatch {
    /// Only requests of this route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
    /// Only requests to this organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// From the n-th matching request after the fault was installed (1 is the next, as when absent).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
}

/// What a [`Fault`] does. Parts combine: a status with a body, a delay with anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultAction {
    /// Answers with this status; the body is empty unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Waits this long first, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Answers with this body: text as it is, anything else as JSON. The status is 200 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Answers as the service does when it refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<CannedAnswer>,
    /// Rewrites the answer in these ways.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub quirks: BTreeSet<Quirk>,
    /// Adds these headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Cuts the connection in the middle of the body.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drop_connection: bool,
    /// Sends half of the body and then nothing any more, while the connection stays open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stall: bool,
    /// Ends the body in the middle, as if it were whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncate: bool,
    /// Answers with an empty list in which so many MiB of spaces stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub padding_mebibytes: Option<u32>,
    /// Sends the padding compressed: a few hundred bytes for each MiB.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gzip: bool,
    /// Says with every answer that the listing goes on, each time with another token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub endless: bool,
}

/// More padding than any limit that it is to break.
const MOST_PADDING_MEBIBYTES: u32 = 1024;

/// Refusals of the real service, whole: status, headers and body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CannedAnswer {
    /// 203 with the sign-in page.
    SignInPage,
    /// 302 to the sign-in page.
    SignInRedirect,
    /// 401 without a body.
    Unauthorized,
    /// 401 with an empty list.
    UnauthorizedList,
    /// 401 with `TF400813`: the identity is known, and may not call.
    NotAuthorized,
    /// 503 with `TF24668` and a byte order mark: the organization is stopped.
    OrganizationStopped,
    /// 429 with JSON and without `Retry-After`: too many calls at once.
    TooManyAtOnce,
    /// 429 with an HTML page and without `Retry-After`.
    BlockedPage,
}

fn once() -> u64 {
    1
}

impl Fault {
    pub(crate) fn read(body: &[u8]) -> Result<Self, InputError> {
        let remedy = format!(
            "send {{\"match\":{{\"route\",\"organization\",\"nth\"}},\"action\":{{\"status\",\"delayMs\",\"body\",\
             \"answer\",\"quirks\",\"headers\",\"dropConnection\",\"stall\",\"truncate\",\"paddingMebibytes\",\"gzip\",\
             \"endless\"}},\"times\"}}; routes: {}",
            Route::names()
        );
        input::read(body, &remedy)
    }

    pub(crate) fn validate(&self) -> Result<(), InputError> {
        let action = &self.action;
        if action.status.is_some_and(|status| !(200..=599).contains(&status)) {
            return Err(InputError::new("action.status", "it is not an HTTP status", "give 200 to 599"));
        }
        let does_nothing = *action == FaultAction::default();
        if does_nothing {
            let remedy = "give status, delayMs, body, answer, quirks, headers, dropConnection, stall, truncate, \
                          paddingMebibytes or endless";
            return Err(InputError::new("action", "it does nothing", remedy));
        }
        if self.times == 0 {
            return Err(InputError::new("times", "the fault would never happen", "give 1 or more"));
        }
        if self.matching.nth == Some(0) {
            return Err(InputError::new(
                "match.nth",
                "requests are counted from 1",
                "give 1 for the next request",
            ));
        }
        if action.padding_mebibytes.is_some_and(|padding| !(1..=MOST_PADDING_MEBIBYTES).contains(&padding)) {
            let remedy = "give 1 to 1024";
            return Err(InputError::new("action.paddingMebibytes", "nobody could send so much", remedy));
        }
        if action.gzip && action.padding_mebibytes.is_none() {
            let remedy = "give paddingMebibytes, too";
            return Err(InputError::new("action.gzip", "only padding is compressed", remedy));
        }
        if action.answer.is_some() && (action.status.is_some() || action.body.is_some()) {
            let remedy = "give an answer, or a status and a body";
            return Err(InputError::new("action.answer", "a status or body stands beside it", remedy));
        }
        for (name, value) in &action.headers {
            let is_header = name.parse::<axum::http::HeaderName>().is_ok();
            if !is_header || value.parse::<axum::http::HeaderValue>().is_err() {
                let field = format!("action.headers.{name}");
                return Err(InputError::new(&field, "it is not an HTTP header", "use visible ASCII"));
            }
        }
        Ok(())
    }
}

/// The installed faults.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    installed: Vec<Installed>,
}

#[derive(Debug)]
struct Installed {
    fault: Fault,
    /// Matching requests since it was installed.
    seen: u64,
}

impl Faults {
    pub(crate) fn install(&mut self, fault: Fault) {
        self.installed.push(Installed { fault, seen: 0 });
    }

    pub(crate) fn clear(&mut self) {
        self.installed.clear();
    }

    /// What is still to happen.
    pub(crate) fn pending(&self) -> Vec<Fault> {
        self.installed.iter().map(|installed| installed.fault.clone()).collect()
    }

    /// Lets every fault see the request; the one that was installed first acts.
    pub(crate) fn take(&mut self, route: Route, organization: Option<&str>) -> Option<FaultAction> {
        let mut action = None;
        for installed in &mut self.installed {
            let matching = &installed.fault.matching;
            let is_route = matching.route.is_none_or(|wanted| wanted == route);
            let is_organization = matching.organization.as_deref().is_none_or(|wanted| {
                organization.is_some_and(|organization| organization.eq_ignore_ascii_case(wanted))
            });
            if !(is_route && is_organization) {
                continue;
            }
            installed.seen += 1;
            if action.is_none() && installed.seen >= matching.nth.unwrap_or(1) {
                installed.fault.times -= 1;
                action = Some(installed.fault.action.clone());
            }
        }
        self.installed.retain(|installed| installed.fault.times > 0);
        action
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fault(value: &Value) -> Fault {
        Fault::read(value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_fault_hits_from_the_nth_matching_request_as_often_as_asked() {
        let mut faults = Faults::default();
        faults.install(fault(
            &json!({"match": {"route": "projects", "nth": 2}, "action": {"status": 503}, "times": 2}),
        ));
        let hits: Vec<bool> = (0..5).map(|_| faults.take(Route::Projects, Some("a")).is_some()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
        assert!(faults.pending().is_empty());
    }

    #[test]
    fn other_routes_and_organizations_are_left_alone() {
        let mut faults = Faults::default();
        let one =
            json!({"match": {"route": "projects", "organization": "Contoso"}, "action": {"delayMs": 5}});
        faults.install(fault(&one));
        assert_eq!(faults.take(Route::Repositories, Some("contoso")), None);
        assert_eq!(faults.take(Route::Projects, Some("fabrikam")), None);
        assert!(faults.take(Route::Projects, Some("contoso")).is_some());
        assert_eq!(faults.take(Route::Projects, Some("contoso")), None);
    }

    #[test]
    fn a_bad_fault_names_its_field() {
        let field = |value: Value| match Fault::read(value.to_string().as_bytes()) {
            Err(error) => error.field,
            Ok(fault) => fault.validate().unwrap_err().field,
        };
        assert_eq!(field(json!({"match": {"route": "nothing"}, "action": {"status": 500}})), "match.route");
        assert_eq!(field(json!({"action": {"status": 99}})), "action.status");
        assert_eq!(field(json!({"action": {"statsu": 500}})), "action.statsu");
        assert_eq!(field(json!({"action": {}})), "action");
        assert_eq!(field(json!({"action": {"answer": "signInPage", "status": 200}})), "action.answer");
        assert_eq!(field(json!({"action": {"quirks": ["bom"]}})), "action.quirks[0]");
        assert_eq!(field(json!({"action": {"gzip": true}})), "action.gzip");
        assert_eq!(field(json!({"action": {"paddingMebibytes": 0}})), "action.paddingMebibytes");
        assert_eq!(field(json!({"action": {"status": 500}, "times": 0})), "times");
        assert_eq!(field(json!({"match": {"nth": 0}, "action": {"status": 500}})), "match.nth");
        assert_eq!(field(json!({"action": {"headers": {"a b": "c"}}})), "action.headers.a b");
    }
}
