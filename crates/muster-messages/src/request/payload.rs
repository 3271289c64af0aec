//! From JSON to a payload, with the name of what is wrong.

use super::rejected::RejectedRequest;
use super::spelling::is_probably;
use super::{ConnectorReference, OnboardingRequested, ProjectSyncRequested, RefreshRequested, checks};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};

/// The payload of a request.
pub(super) trait Payload: DeserializeOwned {
    /// Fields that must be there.
    const REQUIRED: &'static [&'static str];
    /// Fields that may be there.
    const OPTIONAL: &'static [&'static str];

    /// Checks what a type cannot say, and brings values into their one form.
    fn check(&mut self) -> Result<(), RejectedRequest>;
}

/// Reads and checks a payload. Fields that nobody knows are ignored, for contracts grow by adding; unless one
/// looks like the misspelt name of a known field that is absent: taken for new, it would make the request mean
/// something else (all organizations instead of the named ones).
pub(super) fn read<P: Payload>(data: &Value) -> Result<P, RejectedRequest> {
    let Value::Object(members) = data else {
        return Err(RejectedRequest::invalid(
            "data",
            "is not a JSON object",
            "send the payload as a JSON object",
        ));
    };
    checks::refuse_secrets(members)?;
    check_names::<P>(members)?;
    let mut payload: P = serde_path_to_error::deserialize(data).map_err(|error| wrong_value(&error))?;
    payload.check()?;
    Ok(payload)
}

fn check_names<P: Payload>(members: &Map<String, Value>) -> Result<(), RejectedRequest> {
    let known = || P::REQUIRED.iter().chain(P::OPTIONAL);
    for (name, required) in
        P::REQUIRED.iter().map(|name| (name, true)).chain(P::OPTIONAL.iter().map(|name| (name, false)))
    {
        if members.get(*name).is_some_and(|value| !value.is_null()) {
            continue;
        }
        let misspelt = members
            .keys()
            .filter(|written| !known().any(|known| known == written))
            .find(|written| is_probably(written, name));
        let field = format!("data.{name}");
        match misspelt {
            Some(written) => {
                let reason = format!("is missing, and `{written}` looks like it");
                return Err(RejectedRequest::invalid(
                    &field,
                    reason,
                    format!("rename `{written}` to `{name}`"),
                ));
            }
            None if required => {
                let remedy = format!("add `{name}`; see `muster event schema`");
                return Err(RejectedRequest::invalid(&field, "is missing", remedy));
            }
            None => {}
        }
    }
    Ok(())
}

fn wrong_value(error: &serde_path_to_error::Error<serde_json::Error>) -> RejectedRequest {
    let field = field_path(error.path());
    let message = error.inner().to_string();
    // What was sent may be anything, even a secret: only what was expected is repeated. serde writes
    // "…, expected …" after the value, so the last such part is its own.
    let reason = match message.rsplit_once(", expected ") {
        Some((_, expected)) if !message.starts_with("UUID") => format!("is not {}", expected.trim()),
        _ if message.starts_with("UUID") => "is not a GUID".to_owned(),
        _ => "has a value that cannot be read".to_owned(),
    };
    RejectedRequest::invalid(&field, reason, "see `muster event schema` for what is expected")
}

/// `data.organizations[1]`.
fn field_path(path: &Path) -> String {
    path.iter().fold("data".to_owned(), |field, segment| match segment {
        Segment::Map { key } => format!("{field}.{key}"),
        Segment::Seq { index } => format!("{field}[{index}]"),
        Segment::Enum { .. } | Segment::Unknown => field,
    })
}

impl Payload for OnboardingRequested {
    const REQUIRED: &'static [&'static str] =
        &["name", "subscriptionId", "resourceGroup", "region", "credential", "autoDiscovery"];
    const OPTIONAL: &'static [&'static str] = &["tenantId", "plan", "organizations"];

    fn check(&mut self) -> Result<(), RejectedRequest> {
        super::onboarding::check(self)
    }
}

impl Payload for ConnectorReference {
    const REQUIRED: &'static [&'static str] = &["connectorId"];
    const OPTIONAL: &'static [&'static str] = &[];

    fn check(&mut self) -> Result<(), RejectedRequest> {
        Ok(())
    }
}

impl Payload for ProjectSyncRequested {
    const REQUIRED: &'static [&'static str] = &["connectorId", "organization", "project"];
    const OPTIONAL: &'static [&'static str] = &[];

    fn check(&mut self) -> Result<(), RejectedRequest> {
        checks::organization("data.organization", &self.organization)
    }
}

impl Payload for RefreshRequested {
    const REQUIRED: &'static [&'static str] = &["connectorId"];
    const OPTIONAL: &'static [&'static str] = &["organization", "project"];

    fn check(&mut self) -> Result<(), RejectedRequest> {
        self.organization.as_ref().map_or(Ok(()), |name| checks::organization("data.organization", name))
    }
}
