//! The resource areas that the official clients know, for the mode that lists them.

use super::Level;

pub(super) struct Area {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) level: Level,
}

const fn area(id: &'static str, name: &'static str) -> Area {
    Area { id, name, level: Level::Organization }
}

const fn beside(id: &'static str, name: &'static str) -> Area {
    Area { id, name, level: Level::Deployment }
}

/// Every area that a client class of the Python package (7.1.0b4) or the Node package (17) asks for.
pub(super) const AREAS: [Area; 40] = [
    beside("0d55247a-1c47-4462-9b1f-5e2125590ee6", "Account"),
    area("0f2ca920-f269-4545-b1f4-5b4173aa784e", "Alert"),
    area("1814ab31-2f4f-4a9f-8761-f4d77dc5a5d7", "serviceendpoint"),
    area("1d4f49f9-02b9-4e26-b826-2cdb6195f2a9", "work"),
    area("2e504d18-2c0c-46f8-af8f-322d2af0068a", "SBOM"),
    area("31c84e0a-3ece-48fd-a29d-100849af99ba", "Dashboard"),
    area("4a933897-0488-45af-bd82-6fd3ad33f46a", "PipelinesChecks"),
    area("4c83cfc1-f33a-477e-a789-29d38ffca52e", "npm"),
    area("4e080c62-fa21-4fbc-8fef-2a10a2b38049", "git"),
    area("5264459e-e5e0-4bd8-b118-0985e68a4ec5", "wit"),
    area("68ddce18-2501-45f1-a17b-7931a9922690", "MemberEntitlementManagement"),
    area("69d21c00-f135-441b-b5ce-3626378e0819", "gallery"),
    area("6c2b0933-3600-42ae-bf8b-93d4f7e83594", "ExtensionManagement"),
    area("6f7f8c07-ff36-473c-bcf3-bd6cc9b6c066", "maven"),
    area("7658fa33-b1bf-4580-990f-fac5896773d3", "projectanalysis"),
    area("79134c72-4a58-4b42-976c-04e7115f32bf", "core"),
    area("7ab4e64e-c4d8-4f50-ae73-5ef2e21642a5", "Packaging"),
    area("8477aec9-a4c7-4bd4-a456-ba4c53c989cb", "Contributions"),
    area("8a3d49b8-91f0-46ef-b33d-dda338c25db3", "IMS"),
    area("8aa40520-446d-40e6-89f6-9c9f9ce44c48", "tfvc"),
    beside("8ccfef3d-2b87-4e99-8ccb-66e343d2daa8", "Profile"),
    area("92f0314b-06c5-46e0-abe7-15fd9d13276a", "pypi"),
    area("94ff054d-5ee1-413d-9341-3f4a7827de2e", "audit"),
    area("965220d5-5bb9-42cf-8d67-9b146df2a5a4", "Build"),
    area("a81a0441-de52-4000-aa15-ff0e07bfbbaa", "pipelinePermissions"),
    area("a85b8835-c1a1-4aac-ae97-1c3d0ba72dbd", "distributedtask"),
    area("af607f94-69ba-4821-8159-f04e37b66350", "Symbol"),
    area("af68438b-ed04-4407-9eb6-f1dbae3f922e", "TokenAdmin"),
    area("b3be7473-68ea-4a81-bfc7-9530baaa19ad", "nuget"),
    area("b40c1171-807a-493a-8f3f-5c26d5e2f5aa", "Provenance"),
    area("bb1e7ec9-e901-4b68-999a-de7012b920f8", "Graph"),
    area("bf7d82a0-8aa5-4613-94ef-6172a5ea01f3", "wiki"),
    area("c2aa639c-3ccc-4740-b3b6-ce2a1e1d984e", "Test"),
    area("c83eaf52-edf3-4034-ae11-17d38f25404c", "testresults"),
    area("d397749b-f115-4027-b6dd-77a65dd10d21", "upack"),
    area("e4c27205-9d23-4c98-b958-d798bc3f9cd4", "testplan"),
    area("ea48a0a1-269c-42d8-b8ad-ddc8fcdcf578", "search"),
    area("efc2f575-36ef-48e9-b672-0c6fb4a48ac5", "Release"),
    area("f101720c-9790-45a6-9fb3-494a09fddeeb", "Management"),
    area("fb13a388-40dd-4a04-b530-013a739c72ef", "policy"),
];
