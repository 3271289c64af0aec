//! What can be asked of the API.

use crate::Permission;
use crate::routes::Operation;
use serde::Serialize;

/// An operation as it is listed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationEntry {
    /// The method.
    pub method: &'static str,
    /// The address, with its parameters in braces.
    pub path: &'static str,
    /// What a caller must be allowed to do.
    pub permission: &'static str,
}

impl From<Operation> for OperationEntry {
    fn from(operation: Operation) -> Self {
        Self {
            method: operation.method,
            path: operation.path,
            permission: match operation.permission {
                Permission::Read => "read",
                Permission::Operate => "operate",
                Permission::Publish => "publish",
            },
        }
    }
}
