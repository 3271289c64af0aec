//! Every listing that comes in pages, to its end.

use super::service::{JSON, Seen, Service, list};
use super::{Fixture, PROJECT, options, organization};
use crate::{CallError, Page, PageRequest, Session};
use axum::body::Body;
use axum::http::Response;
use axum::http::header::HeaderValue;
use serde_json::{Value, json};
use std::future::Future;
use std::pin::Pin;
use uuid::Uuid;

/// Items on a full page here.
const FULL_PAGE: usize = 4;
/// Items of a listing: two pages and a half.
const ITEMS: usize = 2 * FULL_PAGE + FULL_PAGE / 2;

/// Where a listing says how to go on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    Header,
    Body,
}

/// One page of a listing: the ids on it, and the token of the next one.
type OnePage<'a> = Pin<Box<dyn Future<Output = Result<(Vec<String>, Option<String>), CallError>> + 'a>>;

/// A listing in pages.
struct Listing {
    path: &'static str,
    token: Token,
    item: fn(usize) -> Value,
    page: for<'a> fn(&'a Session, PageRequest) -> OnePage<'a>,
}

/// What a page says, in a form that all listings have.
fn ids<T>(
    page: Result<Page<T>, CallError>,
    id: impl Fn(&T) -> String,
) -> Result<(Vec<String>, Option<String>), CallError> {
    page.map(|page| (page.items.iter().map(id).collect(), page.continuation))
}

fn numbered(number: usize) -> Value {
    json!({"id": number, "name": format!("item {number}")})
}

fn with_guid(number: usize) -> Value {
    json!({"id": Uuid::from_u128(number as u128), "name": format!("item {number}")})
}

fn policy(number: usize) -> Value {
    json!({"id": number, "type": {"id": Uuid::from_u128(1)}, "settings": {}})
}

fn person(number: usize) -> Value {
    json!({"id": number.to_string(), "user": {}, "accessLevel": {}})
}

/// The number that an id stands for.
fn number(id: &str) -> usize {
    id.parse().unwrap_or_else(|_| usize::try_from(id.parse::<Uuid>().unwrap().as_u128()).unwrap())
}

/// A listing of the organization, or of a project of it, by the call that asks for a page.
macro_rules! listing {
    ($path:literal, $token:expr, $item:expr, $call:ident $(of $project:ident)?) => {
        Listing {
            path: $path,
            token: $token,
            item: $item,
            page: |session, page| {
                Box::pin(async {
                    let page = session.$call(&organization(), $($project,)? page).await;
                    ids(page, |item| item.id.to_string())
                })
            },
        }
    };
}

fn listings() -> Vec<Listing> {
    use Token::{Body, Header};
    vec![
        listing!("/_apis/projects", Header, with_guid, projects),
        listing!("/_apis/projects", Header, with_guid, deleted_projects),
        listing!("/_apis/policy/configurations", Header, policy, policy_configurations of PROJECT),
        listing!("/_apis/build/definitions", Header, numbered, build_definitions of PROJECT),
        listing!("/_apis/distributedtask/variablegroups", Header, numbered, variable_groups of PROJECT),
        listing!("/_apis/distributedtask/environments", Header, numbered, environments of PROJECT),
        listing!("/_apis/userentitlements", Body, person, user_entitlements),
    ]
}

/// The answer with some items and a token in one of two places.
fn answer(listing: Token, items: &[Value], place: Token, token: Option<&HeaderValue>) -> Response<Body> {
    let mut body = match listing {
        Token::Header => list(items),
        Token::Body => json!({"members": items, "totalCount": ITEMS}),
    };
    let mut response = Response::builder().header(JSON.0, JSON.1);
    match (place, token) {
        (_, None) => {}
        (Token::Header, Some(token)) => response = response.header("x-ms-continuationtoken", token),
        (Token::Body, Some(token)) => body["continuationToken"] = json!(token.to_str().unwrap()),
    }
    response.body(Body::from(body.to_string())).unwrap()
}

/// A service that holds two and a half pages of a listing, and leads on with tokens that need encoding.
async fn service_of(listing: &Listing) -> Service {
    let (item, place) = (listing.item, listing.token);
    Service::start(move |seen: Seen| async move {
        let query = seen.uri.query().unwrap_or_default();
        let token = query.split('&').find_map(|pair| pair.strip_prefix("continuationToken=after+%26"));
        let start = token.map_or(0, |token| token.parse().unwrap());
        let end = (start + FULL_PAGE).min(ITEMS);
        let items: Vec<_> = (start..end).map(item).collect();
        let next = HeaderValue::from_str(&format!("after &{end}")).unwrap();
        answer(place, &items, place, Some(&next).filter(|_| end < ITEMS))
    })
    .await
}

#[tokio::test]
async fn two_and_a_half_pages_of_every_listing_are_read_whole() {
    for listing in listings() {
        let service = service_of(&listing).await;
        let fixture = Fixture::new(options(&service.url));
        let session = fixture.background();
        let (mut numbers, mut next) = (Vec::new(), Some(PageRequest::first()));
        while let Some(request) = next {
            let (ids, continuation) = (listing.page)(&session, request).await.unwrap();
            numbers.extend(ids.iter().map(|id| number(id)));
            next = continuation.map(PageRequest::after);
        }
        assert_eq!(numbers, (0..ITEMS).collect::<Vec<_>>(), "{}", listing.path);
        let requests = service.requests();
        assert_eq!(requests.len(), 3, "{}", listing.path);
        assert!(requests.iter().all(|seen| seen.uri.path().ends_with(listing.path)), "{requests:?}");
        assert_eq!(fixture.gate.settled().len(), 3, "leave for every page");
    }
}

#[tokio::test]
async fn a_token_counts_only_where_the_listing_has_it() {
    for listing in listings() {
        let (item, place) = (listing.item, listing.token);
        let elsewhere = if place == Token::Header { Token::Body } else { Token::Header };
        let service = Service::start(move |_| async move {
            answer(place, &[item(1)], elsewhere, Some(&HeaderValue::from_static("2")))
        })
        .await;
        let fixture = Fixture::new(options(&service.url));
        let page = (listing.page)(&fixture.background(), PageRequest::first()).await;
        let (ids, continuation) = page.unwrap();
        assert_eq!((number(&ids[0]), continuation), (1, None), "{}", listing.path);
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_read_does_not_end_a_listing() {
    for listing in listings().into_iter().filter(|listing| listing.token == Token::Header) {
        let (item, place) = (listing.item, listing.token);
        let service = Service::start(move |_| async move {
            answer(place, &[item(1)], place, Some(&HeaderValue::from_bytes(b"n\xe4chste").unwrap()))
        })
        .await;
        let fixture = Fixture::new(options(&service.url));
        let error = (listing.page)(&fixture.background(), PageRequest::first()).await.unwrap_err();
        assert!(matches!(error, CallError::Unexpected { .. }), "{}: {error}", listing.path);
    }
}

#[tokio::test]
async fn a_list_that_is_not_where_it_belongs_is_no_empty_list() {
    for body in ["[]", r#"{"value":{"value":[]}}"#, r#"{"value":{}}"#, r#"{"items":[]}"#, r#"[{"id":1}]"#] {
        let service = Service::answering(200, &[JSON], body).await;
        let fixture = Fixture::new(options(&service.url));
        let session = fixture.background();
        for listing in listings().into_iter().filter(|listing| listing.token == Token::Header) {
            let error = (listing.page)(&session, PageRequest::first()).await.unwrap_err();
            assert!(matches!(error, CallError::Unexpected { .. }), "{} {body}: {error}", listing.path);
        }
        let (organization, mut errors) = (organization(), Vec::new());
        errors.extend(session.secure_files(&organization, PROJECT).await.err());
        errors.extend(session.agent_queues(&organization, PROJECT).await.err());
        errors.extend(session.service_endpoints(&organization, PROJECT).await.err());
        errors.extend(session.deleted_repositories(&organization, PROJECT).await.err());
        errors.extend(session.agent_pools(&organization).await.err());
        errors.extend(session.extensions(&organization).await.err());
        assert_eq!(errors.len(), 6, "{body}: {errors:?}");
        let is_unexpected = |error: &CallError| matches!(error, CallError::Unexpected { .. });
        assert!(errors.iter().all(is_unexpected), "{body}: {errors:?}");
    }
}
