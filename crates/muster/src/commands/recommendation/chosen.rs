//! Which recommendations are meant, by key or by a part of the title.

use crate::exit::Failed;
use muster_domain::RecommendationKey;
use muster_domain::recommendation::{Recommendation, Severity};

/// Keys that both conditions let through; empty where there is no condition, nothing where none is left.
pub(super) fn recommendations(
    severities: &[Severity],
    written: &[String],
) -> Result<Option<Vec<RecommendationKey>>, Failed> {
    let mut wanted: Vec<&'static Recommendation> = Vec::new();
    for text in written {
        wanted.extend(matching(text)?);
    }
    if severities.is_empty() {
        return Ok(Some(wanted.into_iter().map(|found| found.key).collect()));
    }
    let pool = if written.is_empty() { all() } else { wanted };
    let keys: Vec<RecommendationKey> = pool
        .into_iter()
        .filter(|recommendation| severities.contains(&recommendation.severity))
        .map(|recommendation| recommendation.key)
        .collect();
    Ok((!keys.is_empty()).then_some(keys))
}

/// The one recommendation of that key, or whose title contains the text; several are refused with the candidates.
pub(super) fn one(written: &str) -> Result<&'static Recommendation, Failed> {
    let found = matching(written)?;
    match found.as_slice() {
        [only] => Ok(only),
        several => Err(Failed::usage(format!(
            "{written} is in the title of several recommendations, give the key: {}",
            listed(several)
        ))),
    }
}

/// Those of that key, or whose title contains the text in any case; none is an error.
fn matching(written: &str) -> Result<Vec<&'static Recommendation>, Failed> {
    let key = written.parse::<RecommendationKey>().ok();
    let part = written.trim().to_lowercase();
    let found: Vec<&'static Recommendation> = all()
        .into_iter()
        .filter(|recommendation| match key {
            Some(key) => recommendation.key == key,
            None => !part.is_empty() && recommendation.title.to_lowercase().contains(&part),
        })
        .collect();
    if found.is_empty() {
        return Err(Failed::not_found(format!(
            "there is no recommendation {written}; there are: {}",
            listed(&all())
        )));
    }
    Ok(found)
}

fn all() -> Vec<&'static Recommendation> {
    muster_rules::catalogue().iter().map(|rule| rule.recommendation()).collect()
}

fn listed(recommendations: &[&'static Recommendation]) -> String {
    let lines: Vec<String> =
        recommendations.iter().map(|found| format!("{} ({})", found.key, found.title)).collect();
    lines.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use uuid::Uuid;

    #[test]
    fn severities_and_keys_both_hold() {
        let rule = all()[0];
        let key = rule.key.to_string();
        assert_eq!(recommendations(&[], &[]).unwrap(), Some(Vec::new()), "no condition lets all through");
        assert_eq!(recommendations(&[], std::slice::from_ref(&key)).unwrap(), Some(vec![rule.key]));
        assert_eq!(
            recommendations(&[rule.severity], std::slice::from_ref(&key)).unwrap(),
            Some(vec![rule.key])
        );
        let others: Vec<Severity> =
            Severity::ALL.into_iter().filter(|severity| *severity != rule.severity).collect();
        assert_eq!(recommendations(&others, &[key]).unwrap(), None, "an empty list would let all through");
        let of_severity = recommendations(&[rule.severity], &[]).unwrap().unwrap();
        assert!(of_severity.contains(&rule.key));
    }

    #[test]
    fn a_part_of_the_title_is_enough_in_any_case() {
        let rule = all()[0];
        let title = rule.title.to_uppercase();
        assert_eq!(one(&title).unwrap().key, rule.key);
        assert_eq!(one(&rule.key.to_string()).unwrap().key, rule.key);
        let ambiguous = one("e").unwrap_err();
        assert_eq!(ambiguous.exit, Exit::Usage);
        assert!(ambiguous.message.contains(&rule.key.to_string()), "{ambiguous}");
    }

    #[test]
    fn a_key_that_nobody_knows_is_an_error_that_names_the_known_ones() {
        for unknown in [Uuid::nil().to_string(), "no such title".to_owned(), String::new()] {
            let failed = recommendations(&[], &[unknown]).unwrap_err();
            assert_eq!(failed.exit, Exit::NotFound);
            assert!(failed.message.contains(all()[0].title), "{failed}");
        }
    }
}
