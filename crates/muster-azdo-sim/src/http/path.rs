//! Which route a path means. Paths are case-insensitive, as the real ones; names in them are percent-encoded.

use crate::route::Route;

/// A path, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The organization's segment, unless the route has none.
    pub(crate) organization: Option<String>,
    /// The project's segment, where the path has one.
    pub(crate) project: Option<String>,
    pub(crate) route: Route,
    /// What follows the route's fixed words.
    pub(crate) arguments: Vec<String>,
}

/// Stands before the organization in paths of Advanced Security, which has a host of its own.
const ADVANCED_SECURITY_HOST: &str = "advsec";

/// Where a path cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathError {
    /// Its percent-encoding is broken, or not UTF-8.
    Encoding,
    /// No route has it.
    Unknown,
}

impl Target {
    pub(crate) fn read(path: &str) -> Result<Self, PathError> {
        let segments = path.split('/').filter(|segment| !segment.is_empty()).map(percent_decoded);
        let segments = segments.collect::<Option<Vec<String>>>().ok_or(PathError::Encoding)?;
        // Every host is below one URL; that of Advanced Security has a folder of its own.
        let segments = match segments.as_slice() {
            [host, rest @ ..] if host.eq_ignore_ascii_case(ADVANCED_SECURITY_HOST) => rest.to_vec(),
            _ => segments,
        };
        if let [organization, settings, page] = segments.as_slice()
            && settings.eq_ignore_ascii_case("_settings")
            && page.eq_ignore_ascii_case("organizationPolicy")
        {
            let (organization, route) = (Some(organization.clone()), Route::OrganizationPolicies);
            return Ok(Self { organization, project: None, route, arguments: Vec::new() });
        }
        let marker = segments.iter().position(|segment| segment.eq_ignore_ascii_case("_apis"));
        let marker = marker.filter(|place| *place <= 2).ok_or(PathError::Unknown)?;
        let (before, after) = segments.split_at(marker);
        let words: Vec<String> = after[1..].iter().map(|segment| segment.to_lowercase()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let place = match before {
            [] => Place::Service,
            [_] => Place::Organization,
            _ => Place::Project,
        };
        let (route, fixed_words) = place.route(&words).ok_or(PathError::Unknown)?;
        Ok(Self {
            organization: before.first().cloned(),
            project: before.get(1).cloned(),
            route,
            arguments: after[1 + fixed_words..].to_vec(),
        })
    }
}

/// How deep a path is before `_apis`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Service,
    Organization,
    Project,
}

impl Place {
    /// The route, and how many words are its own.
    fn route(self, words: &[&str]) -> Option<(Route, usize)> {
        match (self, words) {
            (Self::Service, ["profile", "profiles", _]) => Some((Route::Profile, 2)),
            (Self::Service, ["accounts"]) => Some((Route::Accounts, 1)),
            (Self::Service, ["enterprisecatalog", "organizations"]) => Some((Route::EnterpriseCatalog, 2)),
            (Self::Organization, ["connectiondata"]) => Some((Route::ConnectionData, 1)),
            (Self::Organization, ["projects"]) => Some((Route::Projects, 1)),
            (Self::Organization, ["projects", _]) => Some((Route::Project, 1)),
            (Self::Organization | Self::Project, ["git", "repositories"]) => Some((Route::Repositories, 2)),
            (Self::Organization | Self::Project, ["git", "repositories", _]) => Some((Route::Repository, 2)),
            (Self::Project, ["policy", "configurations"]) => Some((Route::PolicyConfigurations, 2)),
            (Self::Project, ["build", "generalsettings"]) => Some((Route::GeneralSettings, 2)),
            (Self::Project, ["build", "definitions"]) => Some((Route::BuildDefinitions, 2)),
            (Self::Project, ["build", "authorizedresources"]) => Some((Route::AuthorizedResources, 2)),
            (Self::Project, ["serviceendpoint", "endpoints"]) => Some((Route::ServiceEndpoints, 2)),
            (Self::Project, ["pipelines", "pipelinepermissions", _, _]) => {
                Some((Route::PipelinePermissions, 2))
            }
            (Self::Project, ["distributedtask", "variablegroups"]) => Some((Route::VariableGroups, 2)),
            (Self::Project, ["distributedtask", "securefiles"]) => Some((Route::SecureFiles, 2)),
            (Self::Project, ["distributedtask", "queues"]) => Some((Route::Queues, 2)),
            (Self::Project, ["distributedtask" | "pipelines", "environments"]) => {
                Some((Route::Environments, 2))
            }
            (Self::Project, ["git", "recyclebin", "repositories"]) => Some((Route::DeletedRepositories, 3)),
            (Self::Project, ["git", "deletedrepositories"]) => Some((Route::DeletedRepositories, 2)),
            (Self::Project, ["pipelines", "checks", "queryconfigurations"]) => {
                Some((Route::CheckConfigurations, 3))
            }
            (Self::Organization | Self::Project, ["management", "enablement"]) => {
                Some((Route::AdvancedSecurityEnablement, 2))
            }
            (Self::Organization, words) => organization_route(words),
            _ => None,
        }
    }
}

/// Routes of an organization's settings, rights and people.
fn organization_route(words: &[&str]) -> Option<(Route, usize)> {
    match words {
        ["distributedtask", "pools"] => Some((Route::AgentPools, 2)),
        ["extensionmanagement", "installedextensions"] => Some((Route::Extensions, 2)),
        ["contribution", "hierarchyquery"] => Some((Route::OrganizationPipelineSettings, 2)),
        ["audit", "streams"] => Some((Route::AuditStreams, 2)),
        ["userentitlements"] => Some((Route::UserEntitlements, 1)),
        ["accesscontrollists", _] => Some((Route::AccessControlLists, 1)),
        // The scope is an argument, and so is what follows it: `{scope}/roleassignments/resources/{id}`.
        ["securityroles", "scopes", _, "roleassignments", "resources", _] => {
            Some((Route::RoleAssignments, 2))
        }
        ["securitynamespaces"] | ["securitynamespaces", _] => Some((Route::SecurityNamespaces, 1)),
        ["security", "permissionevaluationbatch"] => Some((Route::PermissionEvaluation, 2)),
        ["identities"] => Some((Route::Identities, 1)),
        ["graph", "users"] => Some((Route::GraphUsers, 2)),
        ["graph", "groups"] => Some((Route::GraphGroups, 2)),
        ["graph", "memberships", _] => Some((Route::GraphMemberships, 2)),
        _ => None,
    }
}

/// Decodes a segment of a path; `None` where the encoding is broken, or not UTF-8.
pub(crate) fn percent_decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let (digits, after) = tail.split_at_checked(2)?;
            let digits = std::str::from_utf8(digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

const HEXADECIMAL: [char; 16] =
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];

/// Encodes a name for a URL that an answer holds.
pub(crate) fn percent_encoded(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(HEXADECIMAL[usize::from(byte >> 4)]);
            encoded.push(HEXADECIMAL[usize::from(byte & 0xf)]);
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_case_of_a_path_does_not_matter_and_names_keep_theirs() {
        let target = Target::read("/Contoso/Z%C3%BCrich%20Web/_APIS/Policy/Configurations").unwrap();
        assert_eq!(target.route, Route::PolicyConfigurations);
        assert_eq!(target.organization.as_deref(), Some("Contoso"));
        assert_eq!(target.project.as_deref(), Some("Zürich Web"));
    }

    #[test]
    fn arguments_follow_the_fixed_words() {
        let target = Target::read("/o/p/_apis/pipelines/pipelinePermissions/endpoint/5").unwrap();
        assert_eq!((target.route, target.arguments.len()), (Route::PipelinePermissions, 2));
        assert_eq!(target.arguments, ["endpoint", "5"]);
        assert_eq!(Target::read("/o/_apis/projects/My%20One").unwrap().arguments, ["My One"]);
        assert_eq!(Target::read("/_apis/profile/profiles/me").unwrap().arguments, ["me"]);
        let roles =
            "/o/_apis/securityroles/scopes/distributedtask.variablegroup/roleassignments/resources/p%247";
        let target = Target::read(roles).unwrap();
        assert_eq!(target.route, Route::RoleAssignments);
        assert_eq!(
            (target.arguments[0].as_str(), target.arguments[3].as_str()),
            ("distributedtask.variablegroup", "p$7")
        );
    }

    #[test]
    fn settings_pages_and_the_host_of_advanced_security_are_below_the_same_url() {
        let page = Target::read("/Contoso/_settings/organizationPolicy").unwrap();
        assert_eq!(
            (page.route, page.organization.as_deref()),
            (Route::OrganizationPolicies, Some("Contoso"))
        );
        for (path, project) in [
            ("/advsec/o/_apis/management/enablement", None),
            ("/advsec/o/p/_apis/Management/Enablement", Some("p")),
        ] {
            let target = Target::read(path).unwrap();
            assert_eq!(target.route, Route::AdvancedSecurityEnablement);
            assert_eq!((target.organization.as_deref(), target.project.as_deref()), (Some("o"), project));
        }
    }

    #[test]
    fn what_is_no_route_is_said_to_be_none() {
        assert_eq!(Target::read("/o/p/q/_apis/projects"), Err(PathError::Unknown));
        assert_eq!(Target::read("/o/_apis/policy/configurations"), Err(PathError::Unknown));
        assert_eq!(Target::read("/"), Err(PathError::Unknown));
        assert_eq!(Target::read("/o/%ZZ/_apis/projects"), Err(PathError::Encoding));
        assert_eq!(Target::read("/o/%FF/_apis/projects"), Err(PathError::Encoding));
    }

    #[test]
    fn encoding_and_decoding_are_inverse() {
        for name in ["Payments Platform Île-de-France", "東京 100%", "a/b"] {
            assert_eq!(percent_decoded(&percent_encoded(name)).as_deref(), Some(name));
        }
    }
}
