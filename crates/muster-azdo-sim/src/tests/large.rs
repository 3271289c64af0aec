//! A world of 100,000 repositories.

use super::support::{Fixture, text};

#[tokio::test]
async fn a_hundred_thousand_repositories_stream() {
    let fixture = Fixture::of(1, 40, 100_000).await;
    let organization = fixture.simulator.organizations().remove(0);
    let mut answer = fixture.answer(&format!("/{organization}/_apis/git/repositories")).await;
    assert!(!answer.headers().contains_key("content-length"));
    let (mut bytes, mut repositories, mut carried) = (0, 0, Vec::new());
    while let Some(chunk) = answer.chunk().await.unwrap() {
        bytes += chunk.len();
        // A word may be cut by the end of a chunk: its beginning is carried over.
        carried.extend_from_slice(&chunk);
        repositories += carried.windows(WORD.len()).filter(|window| *window == WORD).count();
        carried.drain(..carried.len().saturating_sub(WORD.len() - 1));
    }
    assert_eq!(repositories, 100_000);
    assert!(bytes > 50_000_000, "{bytes}");
}

const WORD: &[u8] = b"\"isInMaintenance\"";

#[tokio::test]
async fn the_truth_and_a_late_page_of_a_hundred_thousand_come_without_the_rest() {
    let fixture = Fixture::of(3, 40, 100_000).await;
    let mut truths = 0;
    for organization in fixture.simulator.organizations() {
        truths +=
            fixture.json(&format!("/_sim/truth?organization={organization}")).await.as_array().unwrap().len();
    }
    assert!(truths > 200_000);
    let (organization, project) = fixture.projects().await.pop().unwrap();
    let base = format!("/{organization}/{}/_apis/policy/configurations", text(&project["id"]));
    let first = fixture.answer(&base).await;
    assert!(first.headers().contains_key("x-ms-continuationtoken"));
    // Far behind the end there is nothing, and nothing is walked over to find that out.
    assert!(fixture.all(&format!("{base}?continuationToken=99999999")).await.is_empty());
}
