//! Answers that are errors, with the bodies of the real service.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a call is not answered as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The credential is unknown, and the caller can do without a sign-in page.
    Unauthorized {
        realm: String,
    },
    /// The same, with a list of nothing in the body.
    UnauthorizedList {
        realm: String,
    },
    /// The credential is unknown: a browser would sign in now.
    SignInPage,
    /// The same, by sending it there.
    SignInRedirect {
        base_url: String,
    },
    /// The identity is known, and may not call.
    NotAuthorized {
        identity: String,
    },
    UnknownRoute {
        path: String,
    },
    UnknownOrganization {
        name: String,
    },
    OrganizationStopped {
        name: String,
    },
    UnknownProject {
        segment: String,
    },
    UnknownRepository {
        segment: String,
    },
    UnknownResource {
        kind: String,
        id: String,
    },
    VersionMissing,
    VersionUnreadable(String),
    VersionNeedsPreview(String),
    VersionOutOfRange(String),
    InvalidParameter {
        name: &'static str,
        value: String,
    },
    MethodNotAllowed {
        method: String,
    },
    Blocked,
    /// Too many calls of the identity are under way.
    TooManyAtOnce,
    /// Blocked, and said with a page for people.
    BlockedPage,
}

const SIGN_IN_PAGE: &str = "<!DOCTYPE html>\r\n<html lang=\"en-US\"><head><title>Azure DevOps Services | Sign In</title>\
     </head><body><form action=\"/_signin\" method=\"post\"></form></body></html>\r\n";

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match &self {
            Self::Unauthorized { realm } => {
                let challenge = format!("Basic realm=\"{realm}/\"");
                (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response()
            }
            Self::UnauthorizedList { realm } => {
                let challenge = format!("Basic realm=\"{realm}/\"");
                let headers = [
                    (header::WWW_AUTHENTICATE, challenge),
                    (header::CONTENT_TYPE, "application/json; charset=utf-8".to_owned()),
                ];
                (StatusCode::UNAUTHORIZED, headers, "{\"count\":0,\"value\":[]}").into_response()
            }
            Self::SignInRedirect { base_url } => {
                let place = format!("{base_url}/_signin?realm=dev.azure.com");
                let mut response = html(StatusCode::FOUND, SIGN_IN_PAGE.to_owned());
                if let Ok(place) = HeaderValue::from_str(&place) {
                    response.headers_mut().insert(header::LOCATION, place);
                }
                response
            }
            Self::BlockedPage => html(
                StatusCode::TOO_MANY_REQUESTS,
                "<!DOCTYPE html>\r\n<html><head><title>Request Blocked</title></head><body>Request was blocked due to \
                 exceeding usage.</body></html>\r\n"
                    .to_owned(),
            ),
            Self::SignInPage => html(StatusCode::NON_AUTHORITATIVE_INFORMATION, SIGN_IN_PAGE.to_owned()),
            Self::UnknownRoute { path } => {
                let text = format!(
                    "The controller for path '{path}' was not found or does not implement IController."
                );
                (StatusCode::NOT_FOUND, text).into_response()
            }
            Self::UnknownOrganization { .. } => html(
                StatusCode::NOT_FOUND,
                "<html><body>The resource cannot be found.</body></html>".to_owned(),
            ),
            Self::OrganizationStopped { name } => stopped(name),
            _ => self.envelope().into_response(),
        }
    }
}

impl Refusal {
    fn envelope(&self) -> Envelope {
        let (status, namespace, type_key) = self.nature();
        Envelope { status, namespace, type_key, message: self.message() }
    }

    fn nature(&self) -> (StatusCode, &'static str, &'static str) {
        let framework = "Microsoft.TeamFoundation.Framework.Server";
        let services = "Microsoft.VisualStudio.Services.WebApi";
        let bad = StatusCode::BAD_REQUEST;
        let missing = StatusCode::NOT_FOUND;
        match self {
            Self::UnknownProject { .. } => {
                (missing, "Microsoft.TeamFoundation.Core.WebApi", "ProjectDoesNotExistWithNameException")
            }
            Self::UnknownRepository { .. } => {
                (missing, "Microsoft.TeamFoundation.Git.Server", "GitRepositoryNotFoundException")
            }
            Self::UnknownResource { .. } => {
                (missing, "Microsoft.Azure.Pipelines.Authorization", "ResourceNotFoundException")
            }
            Self::VersionMissing => (bad, services, "VssVersionNotSpecifiedException"),
            Self::VersionUnreadable(_) => (bad, services, "VssInvalidApiResourceVersionException"),
            Self::VersionNeedsPreview(_) => (bad, services, "VssInvalidPreviewVersionException"),
            Self::VersionOutOfRange(_) => (bad, services, "VssVersionOutOfRangeException"),
            Self::InvalidParameter { .. } => (bad, services, "InvalidArgumentValueException"),
            Self::MethodNotAllowed { .. } => {
                (StatusCode::METHOD_NOT_ALLOWED, services, "VssRequestMethodNotAllowedException")
            }
            Self::Blocked | Self::TooManyAtOnce => {
                (StatusCode::TOO_MANY_REQUESTS, framework, "RequestBlockedException")
            }
            Self::NotAuthorized { .. } => {
                (StatusCode::UNAUTHORIZED, framework, "UnauthorizedRequestException")
            }
            // These have answers of their own and never come here.
            Self::Unauthorized { .. }
            | Self::UnauthorizedList { .. }
            | Self::SignInPage
            | Self::SignInRedirect { .. }
            | Self::BlockedPage
            | Self::UnknownRoute { .. }
            | Self::UnknownOrganization { .. }
            | Self::OrganizationStopped { .. } => {
                (StatusCode::INTERNAL_SERVER_ERROR, services, "VssServiceException")
            }
        }
    }

    fn message(&self) -> String {
        match self {
            Self::UnknownProject { segment } => format!(
                "TF200016: The following project does not exist: {segment}. Verify that the name of the project is \
                 correct and that the project exists on the specified Azure DevOps Server."
            ),
            Self::UnknownRepository { segment } => format!(
                "TF401019: The Git repository with name or identifier {segment} does not exist or you do not have \
                 permissions for the operation you are attempting."
            ),
            Self::UnknownResource { kind, id } => format!("Resource of type {kind} with id {id} was not found."),
            Self::VersionMissing => "No api-version was supplied for the \"GET\" request. The version must be \
                supplied either as part of the Accept header (e.g. \"application/json; api-version=1.0\") or as a \
                query parameter (e.g. \"?api-version=1.0\")."
                .to_owned(),
            Self::VersionUnreadable(version) => {
                format!("The api-version {version} is not valid. It must be of the form major.minor[-preview[.n]].")
            }
            Self::VersionNeedsPreview(version) => format!(
                "The requested version \"{version}\" of the resource is under preview. The -preview flag must be \
                 supplied in the api-version for such requests. For example: \"{version}-preview\""
            ),
            Self::VersionOutOfRange(version) => format!(
                "The requested REST API version of {version} is out of range for this server. The latest REST API \
                 version this server supports is 7.2."
            ),
            Self::InvalidParameter { name, value } => {
                format!("The value '{value}' is not valid for parameter '{name}'.\r\nParameter name: {name}")
            }
            Self::MethodNotAllowed { method } => {
                format!("The requested resource does not support http method '{method}'.")
            }
            Self::Blocked => blocked("Count"),
            Self::TooManyAtOnce => blocked("Concurrency"),
            Self::NotAuthorized { identity } => {
                format!("TF400813: The user '{identity}' is not authorized to access this resource.")
            }
            Self::Unauthorized { .. }
            | Self::UnauthorizedList { .. }
            | Self::SignInPage
            | Self::SignInRedirect { .. }
            | Self::BlockedPage
            | Self::UnknownRoute { .. }
            | Self::UnknownOrganization { .. }
            | Self::OrganizationStopped { .. } => String::new(),
        }
    }
}

fn blocked(resource: &str) -> String {
    format!(
        "Request was blocked due to exceeding usage of resource '{resource}' in namespace 'VSID'. For more \
         information on why your request was blocked, see the topic \"Rate limits\" on the Microsoft Web site \
         (https://go.microsoft.com/fwlink/?LinkId=823950)."
    )
}

/// The body that nearly all errors of the service have.
struct Envelope {
    status: StatusCode,
    namespace: &'static str,
    type_key: &'static str,
    message: String,
}

impl Envelope {
    fn text(&self) -> String {
        let Self { namespace, type_key, message, .. } = self;
        json!({
            "$id": "1", "innerException": null, "message": message,
            "typeName": format!("{namespace}.{type_key}, {namespace}"),
            "typeKey": type_key, "errorCode": 0, "eventId": 3000
        })
        .to_string()
    }
}

impl IntoResponse for Envelope {
    fn into_response(self) -> Response {
        let content_type = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
        (self.status, content_type, self.text()).into_response()
    }
}

/// A deactivated organization: 503 without `Retry-After`, the reason in a header, a byte order mark before the JSON.
fn stopped(name: &str) -> Response {
    let message =
        format!("TF24668: The following team project collection is stopped: {name}. Start the collection.");
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&message) {
        headers.insert(HeaderName::from_static("x-tfs-serviceerror"), value);
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    let namespace = "Microsoft.VisualStudio.Services.Common";
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let envelope = Envelope { status, namespace, type_key: "VssServiceException", message };
    (envelope.status, headers, format!("\u{feff}{}", envelope.text())).into_response()
}

fn html(status: StatusCode, page: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}
