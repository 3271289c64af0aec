//! Pages on which resources are changed.

use muster_domain::snapshot::{
    PipelineView, ProjectSnapshot, RepositoryView, SecureFileView, ServiceConnectionView, VariableGroupView,
    encode_path_segment,
};

/// Page of a service connection.
pub(crate) fn service_connection_page(
    snapshot: &ProjectSnapshot,
    connection: &ServiceConnectionView,
) -> String {
    snapshot.page(&format!("_settings/adminservices?resourceId={}", encode_path_segment(&connection.id)))
}

/// Page of a variable group.
pub(crate) fn variable_group_page(snapshot: &ProjectSnapshot, group: &VariableGroupView) -> String {
    let id = encode_path_segment(&group.id);
    snapshot.page(&format!("_library?itemType=VariableGroups&view=VariableGroupView&variableGroupId={id}"))
}

/// Page of a secure file.
pub(crate) fn secure_file_page(snapshot: &ProjectSnapshot, file: &SecureFileView) -> String {
    let id = encode_path_segment(&file.id);
    snapshot.page(&format!("_library?itemType=SecureFiles&view=SecureFileView&secureFileId={id}"))
}

/// Page of a build definition.
pub(crate) fn pipeline_page(snapshot: &ProjectSnapshot, pipeline: &PipelineView) -> String {
    snapshot.page(&format!("_build?definitionId={}", encode_path_segment(&pipeline.id)))
}

/// Page of a repository's own settings.
pub(crate) fn repository_settings_page(snapshot: &ProjectSnapshot, repository: &RepositoryView) -> String {
    snapshot.page(&format!("_settings/repositories?_a=settings&repo={}", repository.id))
}
