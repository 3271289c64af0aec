//! The locations: which path a client has to call for an id that is compiled into it. Ids, areas and versions are those
//! of the real service; the paths are the ones that the simulator answers.

use serde::Serialize;

use super::Level;

/// One entry of the answer to `OPTIONS`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Location {
    pub(super) id: &'static str,
    pub(super) area: &'static str,
    resource_name: &'static str,
    route_template: &'static str,
    resource_version: u32,
    min_version: &'static str,
    max_version: &'static str,
    released_version: &'static str,
    #[serde(skip)]
    places: &'static [Level],
}

impl Location {
    pub(super) fn is_on(&self, level: Level) -> bool {
        self.places.contains(&level)
    }

    /// A resource that was released, so that a version without `-preview` is enough.
    const fn released(
        id: &'static str,
        (area, resource_name): (&'static str, &'static str),
        route_template: &'static str,
        (resource_version, min_version): (u32, &'static str),
    ) -> Self {
        Self {
            id,
            area,
            resource_name,
            route_template,
            resource_version,
            min_version,
            max_version: "7.2",
            released_version: "7.1",
            places: &[Level::Organization],
        }
    }

    /// A resource that never was.
    const fn preview(
        id: &'static str,
        names: (&'static str, &'static str),
        route_template: &'static str,
        versions: (u32, &'static str),
    ) -> Self {
        Self { released_version: "0.0", ..Self::released(id, names, route_template, versions) }
    }

    const fn at(self, places: &'static [Level]) -> Self {
        Self { places, ..self }
    }
}

const EVERYWHERE: &[Level] = &[Level::Organization, Level::Deployment];
const DEPLOYMENT: &[Level] = &[Level::Deployment];

/// Every location that leads to a simulated route, and those of the look-up itself.
#[rustfmt::skip]
pub(super) const LOCATIONS: [Location; 33] = [
    Location::preview("e81700f7-3be2-46de-8624-2eb35882fcaa", ("Location", "ResourceAreas"), "_apis/{resource}/{areaId}", (1, "3.2")).at(EVERYWHERE),
    Location::preview("00d9565f-ed9c-4a06-9a50-00e7896ccab4", ("Location", "ConnectionData"), "_apis/{resource}", (1, "1.0")),
    Location::released("229a6a53-b428-4ffb-a835-e8f36b5b4b1e", ("Account", "Accounts"), "_apis/{resource}", (1, "1.0")).at(DEPLOYMENT),
    Location::released("f83735dc-483f-4238-a291-d45f6080a9af", ("Profile", "Profiles"), "_apis/{area}/{resource}/{id}", (3, "1.0")).at(DEPLOYMENT),
    Location::released("603fe2ac-9723-48b9-88ad-09305aa6c6e1", ("core", "projects"), "_apis/{resource}/{*projectId}", (4, "1.0")),
    Location::released("225f7195-f9c7-4d14-ab28-a83f7ff77e1f", ("git", "repositories"), "{project}/_apis/{area}/{resource}/{repositoryId}", (1, "1.0")),
    Location::released("a663da97-81db-4eb3-8b83-287670f63073", ("git", "recycleBinRepositories"), "{project}/_apis/{area}/recycleBin/repositories/{repositoryId}", (1, "4.1")),
    Location::released("2b6869c4-cb25-42b5-b7a3-0d3e6be0a11a", ("git", "deletedRepositories"), "{project}/_apis/{area}/{resource}", (1, "2.2")),
    Location::released("dad91cbe-d183-45f8-9c6e-9c1164472121", ("policy", "configurations"), "{project}/_apis/{area}/{resource}/{configurationId}", (1, "2.0")),
    Location::released("dbeaf647-6167-421a-bda9-c9327b25e2e6", ("Build", "Definitions"), "{project}/_apis/build/{resource}/{definitionId}", (7, "1.0")),
    Location::released("c4aefd19-30ff-405b-80ad-aca021e7242a", ("build", "generalSettings"), "{project}/_apis/{area}/{resource}", (1, "6.0")),
    Location::preview("398c85bc-81aa-4822-947c-a194a05f0fef", ("build", "authorizedresources"), "{project}/_apis/{area}/{resource}", (1, "5.0")),
    Location::released("e85f1c62-adfc-4b74-b618-11a150fb195e", ("serviceendpoint", "endpoints"), "{project}/_apis/{area}/{resource}/{endpointId}", (4, "4.1")),
    Location::released("f5b09dd5-9d54-45a1-8b5a-1c8287d634cc", ("distributedtask", "variablegroups"), "{project}/_apis/{area}/{resource}/{groupId}", (2, "3.1")),
    Location::preview("adcfd8bc-b184-43ba-bd84-7c8c6a2ff421", ("distributedtask", "securefiles"), "{project}/_apis/{area}/{resource}/{secureFileId}", (1, "3.2")),
    Location::released("a8c47e17-4d56-4a56-92bb-de7ea7dc65be", ("distributedtask", "pools"), "_apis/{area}/{resource}/{poolId}", (1, "1.0")),
    Location::released("900fa995-c559-4923-aae7-f8424fe4fbea", ("distributedtask", "queues"), "{project}/_apis/{area}/{resource}/{queueId}", (1, "2.0")),
    Location::released("8572b1fc-2482-47fa-8f74-7e3ed53ee54b", ("distributedtask", "environments"), "{project}/_apis/{area}/{resource}/{environmentId}", (1, "5.0")),
    Location::preview("b5b9a4a4-e6cd-4096-853c-ab7d8b0c4eb2", ("pipelinePermissions", "pipelinePermissions"), "{project}/_apis/pipelines/{resource}/{resourceType}/{resourceId}", (1, "5.1")),
    Location::preview("5f3d0e64-f943-4584-8811-77eb495e831e", ("PipelinesChecks", "queryconfigurations"), "{project}/_apis/pipelines/checks/{resource}", (1, "5.2")),
    Location::preview("275424d0-c844-4fe2-bda6-04933a1357d8", ("ExtensionManagement", "InstalledExtensions"), "_apis/{area}/{resource}", (1, "2.0")),
    Location::released("387f832c-dbf2-4643-88e9-c1aa94dbb737", ("MemberEntitlementManagement", "UserEntitlements"), "_apis/{resource}", (5, "4.1")),
    Location::preview("77d60bf9-1882-41c5-a90d-3a6d3c13fd3b", ("audit", "streams"), "_apis/{area}/{resource}/{streamId}", (1, "6.0")),
    Location::released("18a2ad18-7571-46ae-bec7-0c7da1495885", ("Security", "AccessControlLists"), "_apis/{resource}/{securityNamespaceId}", (1, "1.0")),
    Location::released("cf1faa59-1b63-4448-bf04-13d981a46f5d", ("Security", "PermissionEvaluationBatch"), "_apis/{area}/{resource}", (1, "3.0")),
    Location::preview("9461c234-c84c-4ed2-b918-2f0f92ad0a35", ("securityroles", "roleassignments"), "_apis/{area}/scopes/{scopeId}/{resource}/resources/{resourceId}/{identityId}", (1, "2.2")),
    Location::preview("3353e165-a11e-43aa-9d88-14f2bb09b6d9", ("Contribution", "HierarchyQuery"), "_apis/{area}/{resource}/{scopeName}/{scopeValue}", (1, "5.0")),
    Location::preview("d0c0450f-8882-46f4-a5a8-e48fea3095b0", ("Management", "Enablement"), "_apis/{area}/{resource}", (3, "7.2")),
    Location::released("ce7b9f95-fde9-4be8-a86d-83b366f0b87a", ("Security", "SecurityNamespaces"), "_apis/{resource}/{securityNamespaceId}", (1, "1.0")),
    Location::released("28010c54-d0c0-4c89-a5b0-1c9e188b9fb7", ("IMS", "Identities"), "_apis/{resource}", (1, "1.0")),
    Location::preview("005e26ec-6b77-4e4f-a986-b3827bf241f5", ("Graph", "Users"), "_apis/{area}/{resource}", (1, "4.0")),
    Location::preview("ebbe6af8-0b91-4c13-8cf1-777c14858188", ("Graph", "Groups"), "_apis/{area}/{resource}", (1, "4.0")),
    Location::preview("e34b6394-6b30-4435-94a9-409a5eef3e31", ("Graph", "Memberships"), "_apis/{area}/{resource}/{subjectDescriptor}", (1, "4.0")),
];
