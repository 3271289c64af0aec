//! Who may do what: access control lists, namespaces, roles, identities, what the caller may do.

use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::answers::people::all_groups;
use crate::http::Call;
use crate::http::refusal::Refusal;
use crate::identity::IdentityKind;
use crate::world::{
    AccessControlList, Draw, GIT_NAMESPACE, Group, Person, Topic, access_control_lists_of_git,
};

/// A permission: its bit, its name, its name for people.
type Permission = (u32, &'static str, &'static str);

/// A namespace: its id, its name, its permissions. Source: recorded answers of `securitynamespaces`.
const NAMESPACES: [(&str, &str, &[Permission]); 5] = [
    (
        GIT_NAMESPACE,
        "Git Repositories",
        &[
            (1, "Administer", "Administer"),
            (2, "GenericRead", "Read"),
            (4, "GenericContribute", "Contribute"),
            (8, "ForcePush", "Force push (rewrite history, delete branches and tags)"),
            (16, "CreateBranch", "Create branch"),
            (32, "CreateTag", "Create tag"),
            (64, "ManageNote", "Manage notes"),
            (128, "PolicyExempt", "Bypass policies when pushing"),
            (256, "CreateRepository", "Create repository"),
            (512, "DeleteRepository", "Delete or disable repository"),
            (1_024, "RenameRepository", "Rename repository"),
            (2_048, "EditPolicies", "Edit policies"),
            (4_096, "RemoveOthersLocks", "Remove others' locks"),
            (8_192, "ManagePermissions", "Manage permissions"),
            (16_384, "PullRequestContribute", "Contribute to pull requests"),
            (32_768, "PullRequestBypassPolicy", "Bypass policies when completing pull requests"),
        ],
    ),
    (
        "52d39943-cb85-4d7f-8fa8-c6baac873819",
        "Project",
        &[
            (1, "GENERIC_READ", "View project-level information"),
            (2, "GENERIC_WRITE", "Edit project-level information"),
        ],
    ),
    (
        "33344d9c-fc72-4d6f-aba5-fa317101a7e9",
        "Build",
        &[(1, "ViewBuilds", "View builds"), (1_024, "ViewBuildDefinition", "View build pipeline")],
    ),
    (
        "49b48001-ca20-4adc-8111-5b60c903a50c",
        "ServiceEndpoints",
        &[(1, "Use", "Use service connection"), (2, "Administer", "Administer service connection")],
    ),
    (
        "b7e84409-6553-448a-bbb2-af228e07cbeb",
        "Library",
        &[(1, "View", "View library item"), (2, "Administer", "Administer library item")],
    ),
];

fn unknown_namespace(id: &str) -> Refusal {
    Refusal::UnknownResource { kind: "security namespace".to_owned(), id: id.to_owned() }
}

fn is_namespace(id: &str) -> bool {
    NAMESPACES.iter().any(|(namespace, ..)| namespace.eq_ignore_ascii_case(id))
}

/// Everything of one namespace, unless a token narrows it. Only Git's namespace holds lists.
pub(crate) fn access_control_lists(call: &Call<'_>) -> Result<Response, Refusal> {
    let (index, _) = call.organization()?;
    let namespace = call.argument(0);
    if !is_namespace(namespace) {
        return Err(unknown_namespace(namespace));
    }
    if !namespace.eq_ignore_ascii_case(GIT_NAMESPACE) {
        return Ok(call.list::<Value>(&[]));
    }
    let token = call.query.get("token").map(str::to_owned);
    let recurses = call.query.is_true("recurse");
    let descriptors: Vec<String> =
        call.query.get("descriptors").unwrap_or_default().split(',').map(str::to_owned).collect();
    let is_extended = call.query.is_true("includeExtendedInfo");
    let lists = access_control_lists_of_git(&call.view, index).filter(move |list| {
        token.as_deref().is_none_or(|token| {
            list.token == token || (recurses && list.token.starts_with(&format!("{token}/")))
        })
    });
    Ok(call.stream(lists.map(move |list| list_json(&list, &descriptors, is_extended))))
}

fn list_json(list: &AccessControlList, descriptors: &[String], is_extended: bool) -> Value {
    let is_wanted = |descriptor: &str| {
        descriptors.iter().all(String::is_empty) || descriptors.iter().any(|wanted| wanted == descriptor)
    };
    let mut entries = Map::new();
    for entry in list.entries.iter().filter(|entry| is_wanted(&entry.descriptor)) {
        let mut value = json!({"descriptor": entry.descriptor, "allow": entry.allow, "deny": entry.deny});
        if is_extended {
            value["extendedInfo"] = json!({"effectiveAllow": entry.allow});
        }
        entries.insert(entry.descriptor.clone(), value);
    }
    let mut answer = json!({
        "inheritPermissions": list.inherits, "token": list.token, "acesDictionary": entries
    });
    if is_extended {
        answer["includeExtendedInfo"] = json!(true);
    }
    answer
}

pub(crate) fn namespaces(call: &Call<'_>) -> Result<Response, Refusal> {
    let wanted = call.argument(0);
    if !wanted.is_empty() && !is_namespace(wanted) {
        return Err(unknown_namespace(wanted));
    }
    let list: Vec<Value> = NAMESPACES
        .iter()
        .filter(|(id, ..)| wanted.is_empty() || id.eq_ignore_ascii_case(wanted))
        .map(|(id, name, permissions)| {
            let actions: Vec<Value> = permissions
                .iter()
                .map(|(bit, name, display_name)| {
                    json!({"bit": bit, "name": name, "displayName": display_name, "namespaceId": id})
                })
                .collect();
            json!({
                "namespaceId": id, "name": name, "displayName": name, "separatorValue": "/",
                "elementLength": -1, "writePermission": 8_192, "readPermission": 2,
                "dataspaceCategory": "Git", "actions": actions, "structureValue": 1,
                "extensionType": null, "isRemotable": true, "useTokenTranslator": true
            })
        })
        .collect();
    Ok(call.list(&list))
}

/// Callers write these keys in any case.
#[derive(Debug, Deserialize)]
struct Evaluation {
    #[serde(rename = "securitynamespaceid")]
    namespace: String,
    token: String,
    permissions: u32,
}

/// What is more than reading and contributing.
const ADMINISTRATION: u32 = 1 | 128 | 8_192 | 32_768;

/// People may do everything; an application may not administer.
pub(crate) fn evaluation(call: &Call<'_>) -> Result<Response, Refusal> {
    let posted: Value = call.posted()?;
    let invalid = || Refusal::InvalidParameter { name: "evaluations", value: String::new() };
    let posted = lowercase_keys(posted);
    let evaluations: Vec<Evaluation> =
        serde_json::from_value(posted["evaluations"].clone()).map_err(|_| invalid())?;
    let is_person = call.identity.kind == IdentityKind::Person;
    let answers: Vec<Value> = evaluations
        .iter()
        .map(|asked| {
            let may =
                is_namespace(&asked.namespace) && (is_person || asked.permissions & ADMINISTRATION == 0);
            json!({
                "securityNamespaceId": asked.namespace, "token": asked.token,
                "permissions": asked.permissions, "value": may
            })
        })
        .collect();
    Ok(call.json(&json!({"evaluations": answers})))
}

fn lowercase_keys(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            map.into_iter().map(|(key, value)| (key.to_lowercase(), lowercase_keys(value))).collect()
        }
        Value::Array(list) => list.into_iter().map(lowercase_keys).collect(),
        other => other,
    }
}

/// Identities by their descriptors, in their order; null for those that are not there.
pub(crate) fn identities(call: &Call<'_>) -> Result<Response, Refusal> {
    let (index, _) = call.organization()?;
    let world = &call.view.world;
    let asked = call.query.get("descriptors");
    let asked =
        asked.ok_or_else(|| Refusal::InvalidParameter { name: "descriptors", value: String::new() })?;
    let answer = |descriptor: &str| {
        let group = all_groups(call, index).find(|group| group.descriptor() == descriptor);
        let person = || Person::all(world, index).find(|person| person.descriptor(world) == descriptor);
        group
            .map(|group| group_identity(&group))
            .or_else(|| person().map(|person| person_identity(call, &person)))
    };
    let list: Vec<Option<Value>> = asked.split(',').map(answer).collect();
    Ok(call.list(&list))
}

fn text(value: impl Into<Value>) -> Value {
    json!({"$type": "System.String", "$value": value.into()})
}

fn group_identity(group: &Group) -> Value {
    json!({
        "id": group.id,
        "descriptor": group.descriptor(),
        "subjectDescriptor": group.subject_descriptor(),
        "providerDisplayName": group.display_name(),
        "isActive": true,
        "isContainer": true,
        "members": [], "memberOf": [], "memberIds": [],
        "properties": {
            "SchemaClassName": text("Group"), "Account": text(group.role.name()),
            "ScopeName": text(group.scope_name.clone())
        },
        "resourceVersion": 2,
        "metaTypeId": 255
    })
}

fn person_identity(call: &Call<'_>, person: &Person) -> Value {
    json!({
        "id": person.id,
        "descriptor": person.descriptor(&call.view.world),
        "subjectDescriptor": person.subject_descriptor,
        "providerDisplayName": person.display_name,
        "isActive": true,
        "members": [], "memberOf": [], "memberIds": [],
        "properties": {
            "SchemaClassName": text("User"), "Account": text(person.principal_name.clone()),
            "Mail": text(person.principal_name.clone())
        },
        "resourceVersion": 2,
        "metaTypeId": if person.is_guest { 1 } else { 0 }
    })
}

/// Scopes of roles. Source: Microsoft's scanner of Azure DevOps (azsk/ADOScanner).
const ROLE_SCOPES: [&str; 11] = [
    "distributedtask.serviceendpointrole",
    "distributedtask.project.serviceendpointrole",
    "distributedtask.agentqueuerole",
    "distributedtask.globalagentqueuerole",
    "distributedtask.agentpoolrole",
    "distributedtask.variablegroup",
    "distributedtask.library",
    "distributedtask.securefile",
    "distributedtask.environmentreferencerole",
    "distributedtask.globalenvironmentreferencerole",
    "ems.manage.ui",
];

/// The groups of the project that the resource's id begins with, and sometimes a person; those of the organization
/// for a resource of no project.
pub(crate) fn role_assignments(call: &Call<'_>) -> Result<Response, Refusal> {
    let (index, _) = call.organization()?;
    let world = &call.view.world;
    let (scope, resource) = (call.argument(0), call.argument(3));
    if !ROLE_SCOPES.iter().any(|known| known.eq_ignore_ascii_case(scope)) {
        return Err(Refusal::UnknownResource {
            kind: "security role scope".to_owned(),
            id: scope.to_owned(),
        });
    }
    let id = resource.split(['_', '$']).next().unwrap_or_default();
    let project = Uuid::parse_str(id).ok().and_then(|_| call.view.find_project(index, id));
    let groups = match project {
        Some(project) => Group::of_project(world, call.view.project(project)).to_vec(),
        None => Group::of_organization(world, index).to_vec(),
    };
    let roles = ["Administrator", "User", "Reader"];
    let mut list: Vec<Value> = groups
        .iter()
        .zip(roles)
        .map(|(group, role)| assignment(scope, role, "inherited", group.id, &group.display_name()))
        .collect();
    let hash = resource.bytes().fold(0_usize, |hash, byte| hash.wrapping_mul(31) + usize::from(byte));
    let mut draw = Draw::new(world.seed, Topic::Roles, &[index.0, hash]);
    if draw.percent(60) {
        let position = draw.below(Person::count(world, index));
        let person = Person::generate(world, index, position);
        let role = roles[draw.below(roles.len())];
        list.push(assignment(scope, role, "assigned", person.id, &person.display_name));
    }
    Ok(call.list(&list))
}

fn assignment(scope: &str, role: &str, access: &str, identity: Uuid, name: &str) -> Value {
    json!({
        "identity": {"displayName": name, "id": identity, "uniqueName": name},
        "role": {
            "displayName": role, "name": role, "allowPermissions": 3, "denyPermissions": 0,
            "identifier": format!("{scope}.{role}"), "description": "", "scope": scope
        },
        "access": access,
        "accessDisplayName": if access == "assigned" { "Assigned" } else { "Inherited" }
    })
}
