//! Pages of lists that are held whole: the token is the position of what comes next.

use crate::http::Call;
use crate::http::refusal::Refusal;

/// Of every three pages the second is shorter than asked: full pages are no promise, only a token says that there is
/// more.
const SHORT_PAGE_EVERY: usize = 3;
/// A short page lacks this part of what was asked for.
const SHORT_PAGE_LACKS: usize = 5;

/// How long the page that begins at `start` is, where `size` items were asked for.
pub(super) fn length(start: usize, size: usize) -> usize {
    let is_short = (start / size) % SHORT_PAGE_EVERY == 1;
    if is_short { size - size / SHORT_PAGE_LACKS } else { size }
}

/// The page that the call asks for by `$top` and `continuationToken`, and where the next one begins.
pub(super) fn page_of<T>(
    call: &Call<'_>,
    all: impl Iterator<Item = T>,
    default_size: usize,
) -> Result<(Vec<T>, Option<u64>), Refusal> {
    let start = call.query.number("continuationToken")?.unwrap_or(0);
    let size = call.query.number("$top")?.unwrap_or(default_size).max(1);
    let length = length(start, size);
    let mut rest = all.skip(start);
    let page: Vec<T> = rest.by_ref().take(length).collect();
    let token = rest.next().is_some().then_some((start + length) as u64);
    Ok((page, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_of_three_pages_is_shorter_and_none_is_empty() {
        let lengths = [(0, 10), (10, 10), (18, 10), (20, 10)].map(|(start, size)| length(start, size));
        assert_eq!(lengths, [10, 8, 8, 10]);
        assert!((1..20).all(|size| (0..60).all(|start| length(start, size) > 0)));
    }
}
