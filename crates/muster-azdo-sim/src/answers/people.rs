//! People with their access levels, and the graph of people and groups.

use axum::response::Response;
use serde_json::{Value, json};

use crate::answers::paging;
use crate::http::refusal::Refusal;
use crate::http::{Call, with_continuation};
use crate::world::{Group, GroupRole, Organization, OrganizationIndex, Person};

/// People to a page; the service does not let the caller choose.
const ENTITLEMENTS_PAGE: usize = 43;
/// Users and groups to a page of the graph.
const GRAPH_PAGE: usize = 61;
/// So many of the first people administer the organization.
const ADMINISTRATORS: usize = 3;

/// The token for the next page stands in the body.
pub(crate) fn entitlements(call: &Call<'_>) -> Result<Response, Refusal> {
    let (index, organization) = call.organization()?;
    let world = &call.view.world;
    let start = call.query.number("continuationToken")?.unwrap_or(0);
    let length = paging::length(start, ENTITLEMENTS_PAGE);
    let total = Person::count(world, index);
    let members: Vec<Value> = Person::all(world, index)
        .skip(start)
        .take(length)
        .map(|person| entitlement(call, organization, &person))
        .collect();
    let end = start.saturating_add(length);
    let token = (end < total).then(|| end.to_string());
    Ok(call.json(&json!({
        "members": members, "continuationToken": token, "totalCount": total, "items": members
    })))
}

fn entitlement(call: &Call<'_>, organization: &Organization, person: &Person) -> Value {
    json!({
        "id": person.id,
        "user": user(call, organization, person),
        "accessLevel": {
            "licensingSource": person.access.licensing_source,
            "accountLicenseType": person.access.account_license,
            "msdnLicenseType": person.access.msdn_license,
            "licenseDisplayName": person.access.name,
            "status": "active",
            "statusMessage": "",
            "assignmentSource": "unknown"
        },
        "lastAccessedDate": person.last_accessed,
        "dateCreated": person.created,
        "projectEntitlements": [],
        "extensions": [],
        "groupAssignments": []
    })
}

fn user(call: &Call<'_>, organization: &Organization, person: &Person) -> Value {
    let url = format!("{}/_apis/graph", call.organization_url(organization));
    let link = |kind: &str| json!({"href": format!("{url}/{kind}/{}", person.subject_descriptor)});
    json!({
        "subjectKind": "user",
        "metaType": if person.is_guest { "guest" } else { "member" },
        "directoryAlias": person.principal_name.split('@').next(),
        "domain": call.view.world.tenant_id,
        "principalName": person.principal_name,
        "mailAddress": person.principal_name,
        "origin": "aad",
        "originId": person.id,
        "displayName": person.display_name,
        "_links": {
            "self": link("users"), "memberships": link("memberships"),
            "membershipState": link("membershipstates"), "storageKey": link("storagekeys")
        },
        "url": format!("{url}/users/{}", person.subject_descriptor),
        "descriptor": person.subject_descriptor
    })
}

pub(crate) fn users(call: &Call<'_>) -> Result<Response, Refusal> {
    let (index, organization) = call.organization()?;
    let (page, token) = paging::page_of(call, Person::all(&call.view.world, index), GRAPH_PAGE)?;
    let page: Vec<Value> = page.iter().map(|person| user(call, organization, person)).collect();
    Ok(with_continuation(call.list(&page), token))
}

pub(crate) fn groups(call: &Call<'_>) -> Result<Response, Refusal> {
    let (index, organization) = call.organization()?;
    let (page, token) = paging::page_of(call, all_groups(call, index), GRAPH_PAGE)?;
    let page: Vec<Value> = page.iter().map(|group| group_json(call, organization, group)).collect();
    Ok(with_continuation(call.list(&page), token))
}

/// The groups of the organization, then those of its projects.
pub(super) fn all_groups(call: &Call<'_>, index: OrganizationIndex) -> impl Iterator<Item = Group> {
    let world = &call.view.world;
    let projects = call.view.all_projects(index).filter(|project| call.view.sees_project(project.index));
    let of_projects = projects.flat_map(|project| Group::of_project(world, project));
    Group::of_organization(world, index).into_iter().chain(of_projects)
}

fn group_json(call: &Call<'_>, organization: &Organization, group: &Group) -> Value {
    let url = format!("{}/_apis/graph", call.organization_url(organization));
    let subject = group.subject_descriptor();
    json!({
        "subjectKind": "group",
        "description": "",
        "domain": format!("vstfs:///Classification/TeamProject/{}", group.scope_id),
        "principalName": group.display_name(),
        "mailAddress": null,
        "origin": "vsts",
        "originId": group.id,
        "displayName": group.role.name(),
        "_links": {"self": {"href": format!("{url}/groups/{subject}")}},
        "url": format!("{url}/groups/{subject}"),
        "descriptor": subject
    })
}

/// Members of a group (`direction=down`), or the groups of a member. Only one level, as in the service.
pub(crate) fn memberships(call: &Call<'_>) -> Result<Response, Refusal> {
    let (index, _) = call.organization()?;
    let world = &call.view.world;
    let subject = call.argument(0);
    let is_down = call.query.get("direction").is_some_and(|direction| direction.eq_ignore_ascii_case("down"));
    let membership =
        |container: &str, member: &str| json!({"containerDescriptor": container, "memberDescriptor": member});
    let mut list = Vec::new();
    for group in all_groups(call, index) {
        let container = group.subject_descriptor();
        if is_down && container != subject {
            continue;
        }
        for (position, person) in Person::all(world, index).enumerate() {
            let is_asked = is_down || person.subject_descriptor == subject;
            if is_asked && is_member(&group, position) {
                list.push(membership(&container, &person.subject_descriptor));
            }
        }
    }
    Ok(call.list(&list))
}

fn is_member(group: &Group, position: usize) -> bool {
    match group.role {
        GroupRole::CollectionAdministrators => position < ADMINISTRATORS,
        GroupRole::CollectionValidUsers => true,
        GroupRole::ProjectAdministrators => position == group.scope_name.len() % ADMINISTRATORS,
        GroupRole::Contributors => position % 2 == group.scope_name.len() % 2,
        GroupRole::Readers => position % 5 == group.scope_name.len() % 5,
    }
}
