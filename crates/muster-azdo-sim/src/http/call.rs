//! One admitted call, and how answers to it are put together.

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::http::path::percent_encoded;
use crate::http::query::Query;
use crate::http::refusal::Refusal;
use crate::http::stream::{Frame, json_stream};
use crate::identity::SimulatedIdentity;
use crate::state::SimulatorState;
use crate::world::{Organization, OrganizationIndex, Project, ProjectIndex, View};

pub(crate) struct Call<'state> {
    pub(crate) state: &'state SimulatorState,
    pub(crate) view: View,
    pub(crate) identity: &'state SimulatedIdentity,
    pub(crate) organization: Option<OrganizationIndex>,
    pub(crate) project: Option<ProjectIndex>,
    pub(crate) arguments: &'state [String],
    pub(crate) query: Query,
    /// What was posted; empty where nothing was.
    pub(crate) body: Bytes,
    pub(crate) version: String,
}

impl Call<'_> {
    /// The organization. Every path of the routes that ask has one.
    pub(crate) fn organization(&self) -> Result<(OrganizationIndex, &Organization), Refusal> {
        let missing = || Refusal::UnknownOrganization { name: String::new() };
        let index = self.organization.ok_or_else(missing)?;
        Ok((index, self.view.organization(index)))
    }

    /// The project. Every path of the routes that ask has one.
    pub(crate) fn project(&self) -> Result<&Project, Refusal> {
        let missing = || Refusal::UnknownProject { segment: String::new() };
        Ok(self.view.project(self.project.ok_or_else(missing)?))
    }

    pub(crate) fn argument(&self, place: usize) -> &str {
        self.arguments.get(place).map_or("", String::as_str)
    }

    /// The URL of an organization, without a slash at its end.
    pub(crate) fn organization_url(&self, organization: &Organization) -> String {
        format!("{}/{}", self.view.world.base_url, percent_encoded(&organization.name))
    }

    pub(crate) fn json(&self, value: &impl Serialize) -> Response {
        match serde_json::to_vec(value) {
            Ok(bytes) => self.body(Body::from(bytes)),
            Err(error) => (axum::http::StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }

    /// `{"count","value"}` of a list that is short enough to hold.
    pub(crate) fn list<T: Serialize>(&self, values: &[T]) -> Response {
        self.json(&Listing { count: values.len(), value: values })
    }

    /// `{"value","count"}` of a list of any length.
    pub(crate) fn stream<T, I>(&self, values: I) -> Response
    where
        T: Serialize,
        I: Iterator<Item = T> + Send + 'static,
    {
        self.body(json_stream(values, Frame::ValueThenCount))
    }

    /// The members of `before`, and behind them a list of any length.
    pub(crate) fn stream_in<T, I>(&self, before: &Value, member: &str, values: I) -> Response
    where
        T: Serialize,
        I: Iterator<Item = T> + Send + 'static,
    {
        self.body(json_stream(values, Frame::after(before, member)))
    }

    /// What was posted.
    pub(crate) fn posted<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Refusal::InvalidParameter { name: "body", value: error.to_string() })
    }

    /// A page for people.
    pub(crate) fn page(&self, html: &'static str) -> Response {
        ([(CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
    }

    /// A reference to one of the few people who made things.
    pub(crate) fn author(&self, organization: &Organization, draw: usize) -> Value {
        let people = &self.state.identities[..self.state.identities.len() - 1];
        let person = &people[draw % people.len()];
        let url = self.organization_url(organization);
        json!({
            "id": person.id, "displayName": person.display_name, "uniqueName": person.principal_name,
            "url": format!("{url}/_apis/Identities/{}", person.id),
            "imageUrl": format!("{url}/_apis/GraphProfile/MemberAvatars/{}", person.subject_descriptor),
            "descriptor": person.subject_descriptor
        })
    }

    fn body(&self, body: Body) -> Response {
        let content_type = format!("application/json; charset=utf-8; api-version={}", self.version);
        ([(CONTENT_TYPE, content_type)], body).into_response()
    }
}

#[derive(Serialize)]
struct Listing<'list, T> {
    count: usize,
    value: &'list [T],
}

/// Says that there is more, and where it begins.
pub(crate) fn with_continuation(mut response: Response, token: Option<u64>) -> Response {
    if let Some(token) = token {
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-ms-continuationtoken"), HeaderValue::from(token));
    }
    response
}
