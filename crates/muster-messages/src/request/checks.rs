//! What the values of a request must be like.

use super::rejected::RejectedRequest;
use muster_domain::OrganizationName;
use muster_domain::connector::{REGIONS, normalize_region};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Longest name of a connector (azure-rest-api-specs, Microsoft.Security, `securityConnectorName`).
pub(crate) const NAME_CHARACTERS_MAX: usize = 260;
/// What the name of a connector and of a credential is made of.
pub(crate) const NAME_PATTERN: &str = "^[A-Za-z0-9_.-]+$";
/// Longest name of a resource group (Azure naming rules).
pub(crate) const RESOURCE_GROUP_CHARACTERS_MAX: usize = 90;
/// Longest name of a credential.
pub(crate) const CREDENTIAL_NAME_CHARACTERS_MAX: usize = 128;
/// Longest name of an organization (Azure DevOps naming restrictions).
pub(crate) const ORGANIZATION_CHARACTERS_MAX: usize = 50;
/// What the name of an organization is made of.
pub(crate) const ORGANIZATION_PATTERN: &str = "^[A-Za-z0-9-]+$";

/// Lengths of personal access tokens of Azure DevOps: 52 letters and digits, and 84 since 2024-07
/// (Azure DevOps documentation, "Use personal access tokens").
const ACCESS_TOKEN_CHARACTERS: [usize; 2] = [52, 84];
/// How the header of a JSON Web Token begins: `{"` in base64.
const WEB_TOKEN_START: &str = "eyJ";
/// What stands at the 5th and 6th place of a client secret of Microsoft Entra.
const CLIENT_SECRET_MARK: (std::ops::Range<usize>, &str) = (4..6, "Q~");
/// Shortest client secret of Microsoft Entra.
const CLIENT_SECRET_CHARACTERS_MIN: usize = 34;
/// Starts of regions of Azure Government, of its classified clouds, and of Azure operated by 21Vianet.
/// Source: `Region` of Azure's management libraries; `usnat` and `ussec` as the classified clouds name theirs.
const NATIONAL_REGION_STARTS: [&str; 5] = ["usgov", "usdod", "usnat", "ussec", "china"];
/// Regions of Azure Germany, closed in 2021; `germanynorth` and `germanywestcentral` belong to the commercial cloud.
const GERMAN_NATIONAL_REGIONS: [&str; 2] = ["germanycentral", "germanynortheast"];
/// Longest part of a value that is repeated to the publisher, in characters.
const SHOWN_CHARACTERS_MAX: usize = 40;

pub(super) fn connector_name(name: &str) -> Result<(), RejectedRequest> {
    // A path segment of dots alone would lead elsewhere.
    let only_dots = name.bytes().all(|byte| byte == b'.');
    if is_name(name, NAME_CHARACTERS_MAX) && !only_dots {
        return Ok(());
    }
    let reason = format!("is not 1 to {NAME_CHARACTERS_MAX} letters, digits, `_`, `.` or `-`");
    Err(RejectedRequest::invalid("data.name", reason, "choose another name for the connector"))
}

/// A GUID with its hyphens, as Azure writes it in paths.
pub(super) fn subscription(id: &str) -> Result<(), RejectedRequest> {
    if id.len() == uuid::fmt::Hyphenated::LENGTH && Uuid::try_parse(id).is_ok() {
        return Ok(());
    }
    let remedy = "send the subscription id, for example from `az account show --query id`";
    Err(RejectedRequest::invalid("data.subscriptionId", "is not a GUID", remedy))
}

/// Azure: letters, digits, `_`, `(`, `)`, `-`, `.`, not ending in a dot.
pub(super) fn resource_group(name: &str) -> Result<(), RejectedRequest> {
    let characters = name.chars().count();
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '(' | ')' | '-' | '.');
    if (1..=RESOURCE_GROUP_CHARACTERS_MAX).contains(&characters)
        && name.chars().all(allowed)
        && !name.ends_with('.')
    {
        return Ok(());
    }
    let reason = format!(
        "is not 1 to {RESOURCE_GROUP_CHARACTERS_MAX} letters, digits, `_`, `(`, `)`, `-` or `.`, or ends in a dot"
    );
    Err(RejectedRequest::invalid(
        "data.resourceGroup",
        reason,
        "send the name of the resource group, not its id",
    ))
}

/// The short form of a region in which the connector exists.
pub(super) fn region(region: &str) -> Result<String, RejectedRequest> {
    let normalized = normalize_region(region);
    if REGIONS.contains(&normalized.as_str()) {
        return Ok(normalized);
    }
    let shown: String = normalized.chars().filter(|c| !c.is_control()).take(SHOWN_CHARACTERS_MAX).collect();
    let reason = if is_national(&normalized) {
        format!("`{shown}` belongs to a national cloud; DevOps security exists in the commercial cloud only")
    } else {
        format!("`{shown}` is not a region in which the connector exists")
    };
    Err(RejectedRequest::invalid("data.region", reason, format!("choose one of {}", REGIONS.join(", "))))
}

fn is_national(region: &str) -> bool {
    NATIONAL_REGION_STARTS.iter().any(|start| region.starts_with(start))
        || GERMAN_NATIONAL_REGIONS.contains(&region)
}

/// The name of a stored credential. The value is never repeated: it may be the secret itself.
pub(super) fn credential(name: &str) -> Result<(), RejectedRequest> {
    if is_name(name, CREDENTIAL_NAME_CHARACTERS_MAX) {
        return Ok(());
    }
    let reason =
        format!("is not a name of 1 to {CREDENTIAL_NAME_CHARACTERS_MAX} letters, digits, `_`, `.` or `-`");
    let remedy = "store the credential with `muster credential set` and send its name";
    Err(RejectedRequest::invalid("data.credential", reason, remedy))
}

/// The name of a credential that stands alone, outside of a request.
pub(super) fn credential_name(name: &str) -> Result<(), RejectedRequest> {
    if looks_like_secret(name) {
        return Err(RejectedRequest::contains_secret("data.credential"));
    }
    credential(name)
}

pub(super) fn organization(field: &str, name: &OrganizationName) -> Result<(), RejectedRequest> {
    let name = name.as_str();
    let allowed = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if (1..=ORGANIZATION_CHARACTERS_MAX).contains(&name.len()) && allowed {
        return Ok(());
    }
    let reason = format!("is not 1 to {ORGANIZATION_CHARACTERS_MAX} letters, digits or hyphens");
    let remedy = "send the name of the organization as in https://dev.azure.com/{name}";
    Err(RejectedRequest::invalid(field, reason, remedy))
}

/// Credentials are named, never contained: refuses a payload with what looks like one, in whichever field.
pub(super) fn refuse_secrets(members: &Map<String, Value>) -> Result<(), RejectedRequest> {
    match members.iter().find(|(_, value)| holds_secret(value)) {
        Some((name, _)) => {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(SHOWN_CHARACTERS_MAX).collect();
            let shown = if looks_like_secret(name) { "…".to_owned() } else { shown };
            Err(RejectedRequest::contains_secret(&format!("data.{shown}")))
        }
        None => Ok(()),
    }
}

/// The depth is bounded by the parser.
fn holds_secret(value: &Value) -> bool {
    match value {
        Value::String(text) => looks_like_secret(text),
        Value::Array(items) => items.iter().any(holds_secret),
        Value::Object(members) => members.values().any(holds_secret),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Characters that secrets are made of; everything else stands between words.
fn is_of_secrets(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~')
}

/// True where bytes that may be no JSON at all hold a word that looks like a secret.
pub(super) fn holds_secret_word(bytes: &[u8]) -> bool {
    bytes
        .split(|byte| !is_of_secrets(*byte))
        .filter_map(|word| std::str::from_utf8(word).ok())
        .any(looks_like_secret)
}

fn looks_like_secret(text: &str) -> bool {
    let text = text.trim();
    let is_access_token = ACCESS_TOKEN_CHARACTERS.contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_web_token = text.starts_with(WEB_TOKEN_START) && text.contains('.');
    let (mark_place, mark) = CLIENT_SECRET_MARK;
    let is_client_secret = text.len() >= CLIENT_SECRET_CHARACTERS_MIN && text.get(mark_place) == Some(mark);
    is_access_token || is_web_token || is_client_secret
}

fn is_name(name: &str, characters_max: usize) -> bool {
    let allowed = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    (1..=characters_max).contains(&name.len()) && allowed
}
