//! Names that look alike: what a publisher probably meant.

/// Shortest name in which two wrong letters are still recognised.
const LONG_NAME_CHARACTERS: usize = 6;
/// Wrong letters that a long name may have.
const LONG_NAME_MISTAKES: usize = 2;
/// Wrong letters that a short name may have.
const SHORT_NAME_MISTAKES: usize = 1;

/// True where `written` is probably meant to be `known`: `subscription_id` or `SubscriptionID` for `subscriptionId`,
/// `organisations` for `organizations`.
pub(super) fn is_probably(written: &str, known: &str) -> bool {
    let (written, known) = (folded(written), folded(known));
    let mistakes = if known.len() >= LONG_NAME_CHARACTERS { LONG_NAME_MISTAKES } else { SHORT_NAME_MISTAKES };
    // Also bounds the work: a name of a megabyte is not compared.
    written.len().abs_diff(known.len()) <= mistakes && distance(&written, &known) <= mistakes
}

fn folded(name: &str) -> Vec<char> {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Levenshtein's distance: insertions, deletions and replacements of single letters.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (row, left_letter) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, right_letter) in right.iter().enumerate() {
            let replaced = previous[column] + usize::from(left_letter != right_letter);
            current.push(replaced.min(previous[column + 1] + 1).min(current[column] + 1));
        }
        previous = current;
    }
    previous[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspellings_are_recognised_and_other_names_are_not() {
        for (written, known) in [
            ("subscription_id", "subscriptionId"),
            ("SubscriptionID", "subscriptionId"),
            ("organisations", "organizations"),
            ("projectId", "project"),
            ("nam", "name"),
            ("regoin", "region"),
        ] {
            assert!(is_probably(written, known), "{written} for {known}");
        }
        for (written, known) in [("zone", "name"), ("tags", "plan"), ("labels", "region"), ("", "name")] {
            assert!(!is_probably(written, known), "{written} for {known}");
        }
    }
}
