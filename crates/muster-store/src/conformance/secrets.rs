//! Credentials at rest.

use super::fixtures::{connector, new_connector};
use super::{Bench, on_both};
use crate::session::values;
use crate::{KeyRing, StoreError};
use muster_domain::IdentityKey;
use muster_domain::connector::ConnectorEvent;
use muster_domain::credential::CredentialKind::{self, PersonalAccessToken};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

on_both!(
    a_secret_comes_back_as_it_was,
    a_name_in_another_case_is_the_same_name,
    another_key_does_not_open_it,
    a_secret_moved_to_another_row_does_not_open,
    keys_rotate,
    without_a_key_nothing_is_stored,
    a_credential_in_use_stays,
    an_application_is_kept_with_what_it_consists_of,
    an_identity_stays_with_a_renewed_secret_and_not_with_another_kind,
);

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

async fn a_secret_comes_back_as_it_was(bench: Bench) {
    let credentials = bench.store.credentials();
    let stored = credentials.put("token", PersonalAccessToken, &secret("größe✓")).await.expect("put");
    assert_eq!(credentials.reveal(stored.id).await.expect("reveal").expose_secret(), "größe✓");
    let again = credentials.put("token", PersonalAccessToken, &secret("second")).await.expect("put");
    assert_eq!(again.id, stored.id, "a renewed secret keeps its id");
    assert_eq!(credentials.reveal(stored.id).await.expect("reveal").expose_secret(), "second");
    assert_eq!(credentials.list().await.expect("list"), std::slice::from_ref(&again));
    assert_eq!(credentials.get_by_name("token").await.expect("get"), Some(again));
    let row = bench.store.reader().one("credential", "SELECT ciphertext FROM credential", values![]).await;
    let ciphertext: Vec<u8> = row.expect("row").expect("row").get("ciphertext").expect("bytes");
    assert!(!ciphertext.windows(6).any(|window| window == b"second"));
}

async fn a_name_in_another_case_is_the_same_name(bench: Bench) {
    let credentials = bench.store.credentials();
    let stored = credentials.put("Token", PersonalAccessToken, &secret("first")).await.expect("put");
    let again = credentials.put("tOKEN", PersonalAccessToken, &secret("second")).await.expect("put");
    assert_eq!((again.id, again.name.as_str()), (stored.id, "Token"));
    assert_eq!(credentials.get_by_name("TOKEN").await.expect("get").expect("it is there").id, stored.id);
    // Names that were stored apart stay apart.
    let apart = "INSERT INTO credential (id, name, kind, key_id, nonce, ciphertext, budget_key, created_at_ms, \
                 updated_at_ms) SELECT $1, 'TOKEN', kind, key_id, nonce, ciphertext, budget_key, created_at_ms, \
                 updated_at_ms FROM credential";
    let other = Uuid::now_v7();
    bench.store.reader().run(apart, values![other]).await.expect("insert");
    assert_eq!(credentials.get_by_name("TOKEN").await.expect("get").expect("it is there").id.0, other);
    assert_eq!(credentials.get_by_name("Token").await.expect("get").expect("it is there").id, stored.id);
}

async fn another_key_does_not_open_it(bench: Bench) {
    let stored =
        bench.store.credentials().put("token", PersonalAccessToken, &secret("s3cret")).await.expect("put");
    let other = bench
        .another(|options| {
            options.encryption = Some(KeyRing::new(&KeyRing::generate_key(), &[]).expect("a key"));
        })
        .await;
    let error = other.credentials().reveal(stored.id).await.expect_err("it does not open");
    assert!(matches!(error, StoreError::Encryption(_)));
    assert!(!error.to_string().contains("s3cret"));
    // The right key under a wrong name is as good as another key.
    let rename = "UPDATE credential SET key_id = 'ffffffffffffffff'";
    bench.store.reader().run(rename, values![]).await.expect("rename");
    let error = bench.store.credentials().reveal(stored.id).await.expect_err("it does not open");
    assert!(error.to_string().contains("ffffffffffffffff"), "{error}");
}

async fn a_secret_moved_to_another_row_does_not_open(bench: Bench) {
    let credentials = bench.store.credentials();
    let admin = credentials.put("admin", PersonalAccessToken, &secret("powerful")).await.expect("put");
    let guest = credentials.put("guest", PersonalAccessToken, &secret("harmless")).await.expect("put");
    let steal = "UPDATE credential SET (nonce, ciphertext) = \
                 (SELECT nonce, ciphertext FROM credential WHERE id = $1) WHERE id = $2";
    bench.store.reader().run(steal, values![admin.id.0, guest.id.0]).await.expect("move");
    assert!(matches!(credentials.reveal(guest.id).await, Err(StoreError::Encryption(_))));
    assert_eq!(credentials.reveal(admin.id).await.expect("reveal").expose_secret(), "powerful");
}

async fn keys_rotate(bench: Bench) {
    let (old_key, new_key) = (KeyRing::generate_key(), KeyRing::generate_key());
    let old = bench.another(|options| options.encryption = KeyRing::new(&old_key, &[]).ok()).await;
    let stored = old.credentials().put("token", PersonalAccessToken, &secret("kept")).await.expect("put");
    let both = bench
        .another(|options| options.encryption = KeyRing::new(&new_key, std::slice::from_ref(&old_key)).ok())
        .await;
    assert_eq!(both.credentials().reveal(stored.id).await.expect("reveal").expose_secret(), "kept");
    assert_eq!(both.credentials().rotate_keys().await.expect("rotate"), 1);
    assert_eq!(both.credentials().rotate_keys().await.expect("rotate"), 0);
    let new = bench.another(|options| options.encryption = KeyRing::new(&new_key, &[]).ok()).await;
    assert_eq!(new.credentials().reveal(stored.id).await.expect("reveal").expose_secret(), "kept");
    assert!(old.credentials().reveal(stored.id).await.is_err());
    for wrong in ["", "not base64!", "c2hvcnQ="] {
        assert!(KeyRing::new(&secret(wrong), &[]).is_err());
    }
}

async fn without_a_key_nothing_is_stored(bench: Bench) {
    let keyless = bench.another(|options| options.encryption = None).await;
    let error =
        keyless.credentials().put("token", PersonalAccessToken, &secret("x")).await.expect_err("no key");
    assert!(matches!(error, StoreError::Encryption(_)));
    assert!(keyless.credentials().list().await.expect("list").is_empty());
}

async fn a_credential_in_use_stays(bench: Bench) {
    let connectors = bench.store.connectors();
    let connector = connector(&bench.store, "main").await;
    let error = bench.store.credentials().delete(connector.credential_id).await.expect_err("in use");
    assert!(matches!(&error, StoreError::Conflict { what, .. } if what.contains("main")), "{error}");
    for event in [ConnectorEvent::Remove, ConnectorEvent::RemovalFinished] {
        let transition = super::connectors::transition(connector.id, event);
        connectors.transition(&transition, &[]).await.expect("transition");
    }
    bench.store.credentials().delete(connector.credential_id).await.expect("free now");
    let gone = bench.store.credentials().delete(connector.credential_id).await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })));
    let fresh = super::fixtures::credential(&bench.store, "fresh").await;
    connectors.create(&new_connector("main", fresh), &[]).await.expect("the name is free again");
}

async fn an_identity_stays_with_a_renewed_secret_and_not_with_another_kind(bench: Bench) {
    let credentials = bench.store.credentials();
    let tenant_id = muster_domain::TenantId(super::fixtures::uuid(1));
    let application =
        |client: u128| CredentialKind::ClientSecret { tenant_id, client_id: super::fixtures::uuid(client) };
    let identity = IdentityKey::subject("aad.somebody");
    let id = credentials.put("reader", PersonalAccessToken, &secret("first")).await.expect("put").id;
    for (before, after, is_kept) in [
        (PersonalAccessToken, PersonalAccessToken, true),
        (PersonalAccessToken, application(2), false),
        (application(2), application(2), true),
        (application(2), application(3), false),
        (application(3), PersonalAccessToken, false),
    ] {
        let found = credentials.get(id).await.expect("get");
        assert_eq!(found.kind, before);
        credentials.set_identity(id, &identity).await.expect("set");
        let stored = credentials.put("reader", after.clone(), &secret("next")).await.expect("put");
        let expected = is_kept.then(|| identity.clone());
        assert_eq!(stored.identity, expected, "{before:?} replaced by {after:?}");
        assert_eq!(stored, credentials.get(id).await.expect("get"));
    }
    let own = IdentityKey::of_credential(id);
    let row = bench.store.reader().one("credential", "SELECT budget_key FROM credential", values![]).await;
    let budget_key: String = row.expect("row").expect("row").get("budget_key").expect("a key");
    assert_eq!(budget_key, own.as_str(), "it spends on its own account until somebody is asked");
}

async fn an_application_is_kept_with_what_it_consists_of(bench: Bench) {
    let credentials = bench.store.credentials();
    let tenant_id = muster_domain::TenantId(super::fixtures::uuid(1));
    let application =
        |client: u128| CredentialKind::ClientSecret { tenant_id, client_id: super::fixtures::uuid(client) };
    let stored = credentials.put("app", application(2), &secret("s3cret")).await.expect("put");
    assert_eq!(stored.kind, application(2));
    assert!(stored.kind.is_application());
    let again = credentials.put("app", application(3), &secret("s3cret")).await.expect("put");
    assert_eq!((again.id, &again.kind), (stored.id, &application(3)));
    assert_eq!(credentials.get(stored.id).await.expect("get"), again);
    assert_eq!(credentials.list().await.expect("list"), std::slice::from_ref(&again));
    let token = credentials.put("app", PersonalAccessToken, &secret("token")).await.expect("put");
    assert_eq!((token.id, &token.kind), (stored.id, &PersonalAccessToken), "a token needs no settings");
    assert_eq!(credentials.reveal(token.id).await.expect("reveal").expose_secret(), "token");
    let damage = "UPDATE credential SET kind = 'clientSecret'";
    bench.store.reader().run(damage, values![]).await.expect("damage");
    let error = credentials.get(token.id).await.expect_err("it lacks its settings");
    assert!(matches!(&error, StoreError::Inconsistent { table: "credential", .. }), "{error}");
}
