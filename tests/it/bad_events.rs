//! Events that cannot be taken: the message names the field and the remedy, the raw bytes are kept, nothing else is
//! written, and the next good event is taken.

use muster_messages::fact::RequestRejected;
use muster_runtime::ingress::{Accepted, Incoming, Ingress, Refused};
use muster_runtime::metrics::Metrics;
use muster_store::{KeyRing, Store, StoreOptions};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::Arc;
use tests::database::TestDatabase;

const CLOUD_EVENT: &str = "application/cloudevents+json";
const ONBOARD: &str = "muster.connector.onboarding-requested.v1";

/// The door for requests on a database of its own, with the credential that good events name.
struct Door {
    ingress: Ingress,
    store: Store,
    _database: TestDatabase,
}

impl Door {
    async fn open(database: TestDatabase) -> Self {
        let mut options = StoreOptions::new(database.url());
        options.encryption = Some(KeyRing::new(&KeyRing::generate_key(), &[]).expect("a key"));
        let store = Store::connect(options).await.expect("connect");
        store.migrate().await.expect("migrate");
        let kind = muster_domain::credential::CredentialKind::PersonalAccessToken;
        let secret = SecretString::from("not used".to_owned());
        store.credentials().put("reader", kind, &secret).await.expect("store a credential");
        let metrics = Metrics::new().expect("fresh instruments");
        let ingress = Ingress { store: store.clone(), metrics, work_was_made: Arc::default() };
        Self { ingress, store, _database: database }
    }

    async fn send(&self, body: &[u8]) -> Result<Accepted, Refused> {
        let incoming = Incoming {
            content_type: Some(CLOUD_EVENT.to_owned()),
            headers: vec![("content-type".to_owned(), CLOUD_EVENT.to_owned())],
            body: body.to_vec(),
            publisher: Some("onboarding".to_owned()),
            origin: "muster.v1.ingress",
        };
        self.ingress.accept(incoming).await
    }

    /// How many connectors, jobs and dead letters there are.
    async fn written(&self) -> (usize, u64, u64) {
        let connectors = self.store.connectors().list().await.expect("list").len();
        let counts = self.store.ledger().counts().await.expect("count");
        let jobs = counts.iter().map(|count| count.jobs).sum();
        (connectors, jobs, self.store.dead_letters().count().await.expect("count"))
    }
}

fn event(id: &str, event_type: &str, data: &Value) -> Value {
    json!({"specversion": "1.0", "id": id, "source": "urn:contoso:portal", "type": event_type,
        "datacontenttype": "application/json", "data": data})
}

fn onboarding() -> Value {
    json!({"name": "contoso", "subscriptionId": "20ff7fc3-e762-44dd-bd96-b71116dcdc23",
        "resourceGroup": "security", "region": "westeurope", "credential": "reader", "autoDiscovery": "Disabled",
        "organizations": ["contoso"]})
}

fn without(mut data: Value, field: &str) -> Value {
    data.as_object_mut().expect("an object").remove(field);
    data
}

fn with(mut data: Value, field: &str, value: Value) -> Value {
    data[field] = value;
    data
}

/// What is sent, the field that the answer names, and a word of reason or remedy.
fn bad_events() -> Vec<(&'static str, Vec<u8>, Option<&'static str>, &'static str)> {
    let of = |value: Value| value.to_string().into_bytes();
    let onboard = |data: Value| of(event("bad", ONBOARD, &data));
    vec![
        ("not JSON", b"{\"specversion\": \"1.0\", ".to_vec(), None, "JSON"),
        ("nothing", Vec::new(), None, "JSON"),
        ("bytes", vec![0xff, 0xfe, 0x00], None, "JSON"),
        ("no id", of(without(event("bad", ONBOARD, &onboarding()), "id")), Some("id"), "id"),
        ("a missing field", onboard(without(onboarding(), "region")), Some("data.region"), "region"),
        (
            "a region that is none",
            onboard(with(onboarding(), "region", json!("atlantis"))),
            Some("data.region"),
            "westeurope",
        ),
        (
            "a national cloud",
            onboard(with(onboarding(), "region", json!("usgovvirginia"))),
            Some("data.region"),
            "commercial cloud",
        ),
        (
            "a wrong type of field",
            onboard(with(onboarding(), "organizations", json!(7))),
            Some("data.organizations"),
            "organizations",
        ),
        (
            "a misspelt field",
            onboard(with(without(onboarding(), "organizations"), "organisations", json!(["contoso"]))),
            Some("data.organizations"),
            "organisations",
        ),
        (
            "an unknown credential",
            onboard(with(onboarding(), "credential", json!("nobody"))),
            Some("data.credential"),
            "credential set",
        ),
        (
            "an unknown version",
            of(event("bad", "muster.connector.onboarding-requested.v9", &onboarding())),
            Some("type"),
            "v1",
        ),
        (
            "an unknown type",
            of(event("bad", "contoso.order.placed.v1", &onboarding())),
            Some("type"),
            "muster.",
        ),
        (
            "a connector that is none",
            of(event(
                "bad",
                "muster.connector.discovery-requested.v1",
                &json!({"connectorId": "0191d6a0-1111-7000-8000-000000000001"}),
            )),
            Some("data.connectorId"),
            "connector",
        ),
    ]
}

fn rejection(refused: &Refused) -> &RequestRejected {
    match refused {
        Refused::Invalid(rejected)
        | Refused::Conflict(rejected)
        | Refused::TooLarge(rejected)
        | Refused::UnsupportedContentType(rejected) => rejected,
        Refused::Unavailable(message) => panic!("nothing was unavailable: {message}"),
    }
}

async fn every_bad_event_is_answered_and_kept(database: TestDatabase) {
    let door = Door::open(database).await;
    for (number, (what, body, field, word)) in bad_events().into_iter().enumerate() {
        let refused = door.send(&body).await.expect_err(what);
        let rejected = rejection(&refused);
        if field.is_some() {
            assert_eq!(rejected.field.as_deref(), field, "{what}: {rejected:?}");
        }
        let said = format!("{} {} {:?}", rejected.reason, rejected.remedy, rejected.field);
        assert!(said.contains(word), "{what}: `{word}` is not in {rejected:?}");
        assert!(!rejected.remedy.is_empty(), "{what}: no remedy");
        let letters = u64::try_from(number + 1).expect("a few");
        assert_eq!(door.written().await, (0, 0, letters), "{what}: nothing but a dead letter is written");
        let kept = door.store.dead_letters().list(100).await.expect("list");
        assert!(kept.iter().any(|kept| kept.letter.raw == body), "{what}: its bytes are kept");
    }
    let good = event("good", ONBOARD, &onboarding()).to_string();
    let accepted = door.send(good.as_bytes()).await.expect("a good event after all the bad ones");
    assert!(matches!(accepted, Accepted::New { .. }));
    assert_eq!(door.written().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_events_are_answered_and_kept_embedded() {
    every_bad_event_is_answered_and_kept(TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_events_are_answered_and_kept_on_postgresql() {
    every_bad_event_is_answered_and_kept(TestDatabase::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_twice_is_one_and_another_under_its_id_is_refused() {
    let door = Door::open(TestDatabase::sqlite()).await;
    let first = event("one", ONBOARD, &onboarding()).to_string();
    assert!(matches!(door.send(first.as_bytes()).await, Ok(Accepted::New { .. })));
    let written = door.written().await;
    assert!(matches!(door.send(first.as_bytes()).await, Ok(Accepted::Duplicate { .. })));
    assert_eq!(door.written().await, written, "a duplicate writes nothing");
    let other = event("one", ONBOARD, &with(onboarding(), "name", json!("fabrikam"))).to_string();
    let refused = door.send(other.as_bytes()).await.unwrap_err();
    let Refused::Conflict(rejected) = &refused else { panic!("a conflict, not {refused:?}") };
    assert_eq!(rejected.field.as_deref(), Some("id"));
    assert!(rejected.remedy.contains("an id of its own"), "{rejected:?}");
    let (connectors, jobs, letters) = door.written().await;
    assert_eq!((connectors, jobs, letters), (written.0, written.1, 1), "the first one stands alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_with_a_secret_is_refused_and_its_bytes_are_not_kept() {
    let door = Door::open(TestDatabase::sqlite()).await;
    let token = "a1".repeat(26);
    let body = event("bad", ONBOARD, &with(onboarding(), "credential", json!(token))).to_string();
    let refused = door.send(body.as_bytes()).await.unwrap_err();
    let rejected = rejection(&refused);
    assert_eq!(rejected.field.as_deref(), Some("data.credential"));
    assert!(!format!("{rejected:?}").contains(&token));
    let kept = door.store.dead_letters().list(10).await.expect("list");
    assert_eq!(kept.len(), 1);
    assert!(kept[0].letter.raw.is_empty());
}
