use super::{Door, ONBOARD, event, onboarding, structured, table, with, without};
use lapin::options::{BasicGetOptions, BasicNackOptions};
use muster_runtime::replay::Replayed;
use muster_store::dead_letters::{LONGEST_KEPT_BYTES, LetterStatus};
use serde_json::json;
use tests::waiting::{SOON, wait_for};

/// As many levels as make a parser without a limit overrun its stack.
const DEEP: usize = 10_000;
/// Larger than any event may be, and than a frame.
const LARGE_BYTES: usize = 2 * 1024 * 1024;

/// What is sent, and the class under which it is kept.
fn poison() -> Vec<(Vec<u8>, &'static str)> {
    let onboard = |data| event("bad", ONBOARD, &data);
    let nul = r#"{"specversion":"1.0","id":"n","source":"urn:x","type":"T","data":{"name":"a\u0000b"}}"#;
    let deep = format!(r#"{{"data":{}{}}}"#, "[".repeat(DEEP), "]".repeat(DEEP));
    let huge = r#"{"specversion":"1.0","id":"h","source":"urn:x","type":"T","data":{"name":1e99999}}"#;
    let mut bytes = br#"{"specversion":"1.0","id":""#.to_vec();
    bytes.extend([0xff, 0xfe, 0x00]);
    vec![
        (b"{\"specversion\": \"1.0\", ".to_vec(), "unreadable"),
        (Vec::new(), "unreadable"),
        (b"\0\0\0".to_vec(), "unreadable"),
        (bytes, "unreadable"),
        (nul.replace('T', ONBOARD).into_bytes(), "unreadable"),
        (deep.into_bytes(), "unreadable"),
        (huge.replace('T', ONBOARD).into_bytes(), "unreadable"),
        (onboard(without(onboarding("contoso"), "region")), "invalid"),
        (onboard(with(onboarding("contoso"), "organizations", json!(7))), "invalid"),
        (event("bad", "contoso.order.placed.v1", &onboarding("contoso")), "unknown_type"),
        (
            event("bad", "muster.connector.onboarding-requested.v99", &onboarding("contoso")),
            "unsupported_version",
        ),
        (vec![b' '; LARGE_BYTES], "too_large"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_is_kept_with_its_bytes_and_the_next_request_is_taken() {
    let door = Door::open().await;
    door.know_the_credential().await;
    let poison = poison();
    for (body, _) in &poison {
        door.send(body).await;
    }
    door.send(&event("good", ONBOARD, &onboarding("contoso"))).await;
    door.wait_for_connectors(1).await;
    door.wait_until_taken().await;
    let letters = door.letters(poison.len() as u64).await;
    for (body, class) in &poison {
        let kept = &body[..body.len().min(LONGEST_KEPT_BYTES)];
        let letter = letters.iter().find(|letter| letter.letter.raw == kept);
        let start = String::from_utf8_lossy(&kept[..kept.len().min(80)]).into_owned();
        let letter = letter.unwrap_or_else(|| panic!("{start}: its bytes are not kept"));
        assert_eq!(letter.letter.reason_class, *class, "{start}: {}", letter.letter.reason);
        assert_eq!(letter.original_bytes, body.len() as u64, "{start}");
        assert_eq!(letter.letter.headers["userId"], "guest", "{start}");
        assert_eq!((letter.status, letter.attempts), (LetterStatus::Open, 1), "{start}");
    }
    let of_class = |class: &str| {
        let mut found = letters.iter().filter(|letter| letter.letter.reason_class == class);
        found.next().expect("a letter").letter.reason.clone()
    };
    assert!(of_class("unsupported_version").contains("newer version"), "{}", of_class("unsupported_version"));
    assert!(of_class("invalid").contains("`data."), "{}", of_class("invalid"));
    assert_eq!(door.results("accepted"), 1.0);
    assert_eq!(door.results("invalid") + door.results("rejected"), poison.len() as f64);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_of_headers_is_ignored_and_no_message_id_is_needed() {
    let door = Door::open().await;
    door.know_the_credential().await;
    let names: Vec<String> = (0..200).map(|number| format!("bomb-{number:03}")).collect();
    let value = "x".repeat(400);
    let bomb: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), value.as_str())).collect();
    let properties = structured().with_headers(table(&bomb));
    door.publish(ONBOARD, b"no event", properties.clone()).await;
    door.publish(ONBOARD, &event("1", ONBOARD, &onboarding("contoso")), properties).await;
    door.wait_for_connectors(1).await;
    let letter = door.letters(1).await.remove(0);
    let headers = letter.letter.headers.to_string();
    assert!(headers.len() < 200 && !headers.contains("bomb"), "{headers}");
    // Attributes of events are counted like the body: more than 64 KiB of them are no event.
    let names: Vec<String> = (0..60).map(|number| format!("cloudEvents_x{number}")).collect();
    let value = "x".repeat(2_000);
    let bomb: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), value.as_str())).collect();
    door.publish(ONBOARD, b"{}", structured().with_headers(table(&bomb))).await;
    let letters = door.letters(2).await;
    assert_eq!(letters[0].letter.reason_class, "too_large");
    assert!(letters[0].letter.headers.to_string().len() <= LONGEST_KEPT_BYTES);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_twice_is_one_and_another_under_its_id_is_kept() {
    let door = Door::open().await;
    door.know_the_credential().await;
    let request = event("one", ONBOARD, &onboarding("contoso"));
    door.send(&request).await;
    door.send(&request).await;
    door.send(&event("one", ONBOARD, &onboarding("fabrikam"))).await;
    let letter = door.letters(1).await.remove(0);
    door.wait_until_taken().await;
    let connectors = door.store.connectors().list().await.expect("list");
    let names: Vec<&str> = connectors.iter().map(|connector| connector.name.as_str()).collect();
    assert_eq!(names, ["contoso"], "the first one stands alone");
    let jobs: u64 = door.store.ledger().counts().await.expect("count").iter().map(|count| count.jobs).sum();
    assert_eq!(jobs, 1);
    assert_eq!(letter.letter.reason_class, "conflict");
    assert!(letter.letter.reason.contains("`id` was used before"), "{}", letter.letter.reason);
    assert_eq!((door.results("accepted"), door.results("duplicate")), (1.0, 1.0));
    // To replay it changes nothing: the id stays used.
    let replayed = door.replay().one(letter.id, "admin").await.expect("replay");
    assert!(
        matches!(&replayed, Replayed::Refused { reason_class, .. } if reason_class == "conflict"),
        "{replayed:?}"
    );
    assert_eq!(door.connectors().await, 1);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_gives_up_is_kept_and_taken_when_it_is_replayed() {
    let door = Door::closed().await;
    door.know_the_credential().await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let attributes = table(&[
        ("cloudEvents_specversion", "1.0"),
        ("cloudEvents_id", "binary"),
        ("cloudEvents_source", "urn:contoso:portal"),
        ("cloudEvents_type", ONBOARD),
        ("traceparent", traceparent),
        ("authorization", "a login of somebody"),
    ]);
    let body = onboarding("contoso").to_string().into_bytes();
    let properties = structured().with_content_type("application/json".into()).with_headers(attributes);
    door.publish("anything", &body, properties).await;
    // Somebody takes it from the queue and throws it away.
    let taken = wait_for("the request is in the queue", SOON, async || {
        door.publisher.basic_get(super::INGRESS.into(), BasicGetOptions::default()).await.expect("get")
    })
    .await;
    taken.delivery.acker.nack(BasicNackOptions { requeue: false, multiple: false }).await.expect("reject");
    door.let_in();
    let letter = door.letters(1).await.remove(0);
    door.wait_until_taken().await;
    assert_eq!((letter.letter.origin.as_str(), letter.letter.reason_class.as_str()), (super::DEAD, "broker"));
    assert!(letter.letter.reason.contains("rejected"), "{}", letter.letter.reason);
    assert_eq!(letter.letter.trace.as_ref().expect("a trace").traceparent, traceparent);
    assert_eq!(letter.letter.raw, body);
    assert!(!letter.letter.headers.to_string().contains("login"), "{}", letter.letter.headers);
    assert_eq!(door.connectors().await, 0);

    let replayed = door.replay().one(letter.id, "admin").await.expect("replay");
    assert!(matches!(&replayed, Replayed::Done { outcome } if outcome.contains("binary")), "{replayed:?}");
    assert_eq!(door.connectors().await, 1);
    let again = door.replay().one(letter.id, "somebody").await.expect("replay");
    let Replayed::NothingToDo { status, by, .. } = again else {
        panic!("a second one does nothing: {again:?}")
    };
    assert_eq!((status, by.as_deref()), (LetterStatus::Replayed, Some("admin")));
    assert_eq!(door.connectors().await, 1);
    door.close().await;
}
