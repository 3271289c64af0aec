//! Listings in pages.

use super::service::{JSON, Seen, Service, list};
use super::{Fixture, options, organization};
use crate::{CallError, PageGuard, PageRequest};
use axum::body::Body;
use axum::http::Response;
use muster_domain::read::Read;
use serde_json::json;
use uuid::Uuid;

/// Answers with one project a page; `next` gives the token of the page after.
async fn pages(next: fn(&str) -> Option<&'static str>) -> Service {
    Service::start(move |seen: Seen| async move {
        let query = seen.uri.query().unwrap();
        let token = query.split('&').find_map(|pair| pair.strip_prefix("continuationToken=")).unwrap_or("");
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, token.as_bytes());
        let body = list(&[json!({"id": id, "name": format!("after {token}"), "state": "wellFormed"})]);
        let mut response = Response::builder().header(JSON.0, JSON.1);
        if let Some(token) = next(token) {
            response = response.header("x-ms-continuationtoken", token);
        }
        response.body(Body::from(body.to_string())).unwrap()
    })
    .await
}

/// Follows a listing to its end.
async fn follow(service: &Service) -> Result<Vec<String>, CallError> {
    let fixture = Fixture::new(options(&service.url));
    let session = fixture.background();
    let mut guard = PageGuard::in_organization(Read::Projects, &organization());
    let mut names = Vec::new();
    let mut next = Some(PageRequest::first());
    while let Some(request) = next {
        let page = session.projects(&organization(), request).await?;
        names.extend(page.items.iter().map(|project| project.name.clone()));
        next = guard.next(&page)?;
    }
    assert_eq!(fixture.gate.granted().len(), names.len(), "leave for every page");
    assert_eq!(fixture.gate.settled().len(), names.len());
    Ok(names)
}

#[tokio::test]
async fn pages_are_followed_by_their_token_until_there_is_none() {
    let service = pages(|token| match token {
        "" => Some("1000"),
        "1000" => Some("2000"),
        _ => None,
    })
    .await;
    assert_eq!(follow(&service).await.unwrap(), ["after ", "after 1000", "after 2000"]);
}

#[tokio::test]
async fn an_empty_token_is_none() {
    let service = pages(|_| Some("")).await;
    assert_eq!(follow(&service).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_page_that_leads_to_itself_ends_the_listing() {
    let service = pages(|_| Some("1000")).await;
    let error = follow(&service).await.unwrap_err();
    assert!(matches!(error, CallError::Unexpected { .. }), "{error}");
    assert_eq!(service.requests().len(), 2);
}

#[tokio::test]
async fn pages_that_lead_to_each_other_end_the_listing() {
    let service = pages(|token| if token == "a" { Some("b") } else { Some("a") }).await;
    let error = follow(&service).await.unwrap_err();
    assert!(matches!(error, CallError::Unexpected { .. }), "{error}");
    assert_eq!(service.requests().len(), 3);
}
