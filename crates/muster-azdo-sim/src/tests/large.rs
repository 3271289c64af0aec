//! A world of 100,000 repositories.

use super::support::{Fixture, text};

/// How often a word occurs in an answer, which is read piece by piece and never held whole, and how long it is.
async fn count_in_stream(fixture: &Fixture, path: &str, word: &[u8]) -> (usize, usize) {
    let mut answer = fixture.answer(path).await;
    assert!(!answer.headers().contains_key("content-length"), "{path} is written as it is generated");
    let (mut bytes, mut count, mut carried) = (0, 0, Vec::new());
    while let Some(chunk) = answer.chunk().await.unwrap() {
        bytes += chunk.len();
        // A word may be cut by the end of a chunk: its beginning is carried over.
        carried.extend_from_slice(&chunk);
        // The first byte is looked at alone: a test is not optimised, and this is the loop that counts.
        count += carried.windows(word.len()).filter(|window| window[0] == word[0] && *window == word).count();
        carried.drain(..carried.len().saturating_sub(word.len() - 1));
    }
    (count, bytes)
}

#[tokio::test]
async fn what_a_hundred_thousand_repositories_are_is_told_in_streams() {
    let fixture = Fixture::of(1, 500, 100_000).await;
    let organization = fixture.simulator.organizations().remove(0);
    let path = format!("/{organization}/_apis/git/repositories");
    let (repositories, bytes) = count_in_stream(&fixture, &path, b"\"isInMaintenance\"").await;
    assert_eq!(repositories, 100_000);
    assert!(bytes > 50_000_000, "{bytes}");
    let path = format!("/advsec/{organization}/_apis/management/enablement?api-version=7.2-preview.3");
    assert_eq!(count_in_stream(&fixture, &path, b"\"repositoryId\"").await.0, 100_000);
    let path = format!("/{organization}/_apis/accesscontrollists/2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87");
    let (lists, _) = count_in_stream(&fixture, &path, b"\"acesDictionary\"").await;
    assert!((10_000..30_000).contains(&lists), "{lists}");
    let (truths, _) = count_in_stream(&fixture, "/_sim/truth", b"\"assessmentKey\"").await;
    assert!(truths > 300_000, "{truths}");
}

#[tokio::test]
async fn a_late_page_of_a_hundred_thousand_comes_without_the_rest() {
    let fixture = Fixture::of(3, 40, 100_000).await;
    let (organization, project) = fixture.projects().await.pop().unwrap();
    let base = format!("/{organization}/{}/_apis/policy/configurations", text(&project["id"]));
    let first = fixture.answer(&base).await;
    assert!(first.headers().contains_key("x-ms-continuationtoken"));
    // Far behind the end there is nothing, and nothing is walked over to find that out.
    assert!(fixture.all(&format!("{base}?continuationToken=99999999")).await.is_empty());
}
