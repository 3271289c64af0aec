//! `GET /_apis/EnterpriseCatalog/Organizations?tenantId=`: the organizations of a tenant, as comma-separated values. Not
//! documented: it is what the settings page offers for download.

use crate::call::Call;
use crate::csv::records;
use crate::error::{CallError, UnauthorizedReason};
use crate::hosts::ServiceHost;
use crate::session::Session;
use muster_domain::read::Read;
use muster_domain::{OrganizationId, OrganizationName, TenantId};
use tracing::instrument;
use uuid::Uuid;

/// An organization of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogEntry {
    /// Its immutable id, where the catalogue tells it.
    pub organization_id: Option<OrganizationId>,
    /// Its name.
    pub name: OrganizationName,
}

/// Columns that are read, found by their names whatever their order; there are others.
const ID_COLUMN: &str = "Organization Id";
const NAME_COLUMN: &str = "Organization Name";

/// The entries of a catalogue. Lines without a name are left out: they report what the service could not find out.
fn entries(text: &str) -> Result<Vec<CatalogEntry>, &'static str> {
    let mut records = records(text).map_err(|fault| fault.0)?.into_iter();
    let header = records.next().ok_or("the body is empty")?;
    let column = |name: &str| header.iter().position(|column| column.eq_ignore_ascii_case(name));
    let name_column = column(NAME_COLUMN).ok_or("the first line names no column of names")?;
    let id_column = column(ID_COLUMN);
    let entry = |record: Vec<String>| {
        let name = record.get(name_column).filter(|name| !name.is_empty())?;
        let id = id_column.and_then(|column| Uuid::parse_str(record.get(column)?).ok());
        let organization_id = id.filter(|id| !id.is_nil()).map(OrganizationId);
        Some(CatalogEntry { organization_id, name: OrganizationName::new(name.as_str()) })
    };
    Ok(records.filter_map(entry).collect())
}

/// A page to sign in that is not called one.
fn is_page(text: &str) -> bool {
    text.trim_start().starts_with('<')
}

impl Session {
    /// The organizations that are linked to `tenant`.
    ///
    /// # Errors
    /// See [`CallError`]. A page instead of a catalogue is [`CallError::Unauthorized`].
    #[instrument(name = "ado.enterpriseCatalog", skip_all, fields(ado.tenant.id = %tenant))]
    pub async fn enterprise_catalog(&self, tenant: TenantId) -> Result<Vec<CatalogEntry>, CallError> {
        let call = Call::of_credential(Read::EnterpriseCatalog, "_apis/EnterpriseCatalog/Organizations")
            .on(ServiceHost::Entitlements)
            .preview()
            .with("tenantId", tenant.to_string())
            .text();
        let mut answer = self.send(call).await?;
        let text = answer.text().await?;
        if is_page(&text) {
            let (call, reason) = (answer.call.clone(), UnauthorizedReason::SignInPage);
            return Err(answer.report(CallError::Unauthorized { call, reason, detail: String::new() }));
        }
        entries(&text).map_err(|detail| answer.unexpected(detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "5febef5a-833d-4e14-b9c0-14cb638f91e6";

    fn entry(id: Option<&str>, name: &str) -> CatalogEntry {
        let organization_id = id.map(|id| OrganizationId(id.parse().unwrap()));
        CatalogEntry { organization_id, name: OrganizationName::new(name) }
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let usual = format!(
            "Organization Id, Organization Name, Url, Owner, Exception Type, Error Message\r\n\
             {ID}, Contoso, https://dev.azure.com/Contoso/, who@contoso.example, , \r\n"
        );
        assert_eq!(entries(&usual).unwrap(), [entry(Some(ID), "Contoso")]);
        let other = format!(
            "Owner,organization name,Organization Id\n\"Last, First\",\"Contoso\",{ID}\nx,Fabrikam\n"
        );
        assert_eq!(entries(&other).unwrap(), [entry(Some(ID), "Contoso"), entry(None, "Fabrikam")]);
        let names_only = "Organization Name\nContoso\n";
        assert_eq!(entries(names_only).unwrap(), [entry(None, "Contoso")]);
        assert_eq!(entries("Organization Id,Organization Name\n").unwrap(), []);
    }

    #[test]
    fn a_line_that_names_no_organization_is_left_out() {
        let text =
            "Organization Id,Organization Name,Exception Type\n,,HostDoesNotExistException\nnone,Contoso,\n";
        assert_eq!(entries(text).unwrap(), [entry(None, "Contoso")]);
        let nil = format!("Organization Id,Organization Name\n{},Contoso\n", Uuid::nil());
        assert_eq!(entries(&nil).unwrap(), [entry(None, "Contoso")]);
    }

    #[test]
    fn what_is_no_catalogue_is_no_empty_one() {
        for text in ["", "\r\n", "Organization Id,Url\n1,2\n", "{\"value\":[]}", "Organization Name\n\"x\n"] {
            assert!(entries(text).is_err(), "{text:?}");
        }
        assert!(is_page("\n<!DOCTYPE html><html>") && !is_page("Organization Name\n<x>"));
    }
}
