//! Parameters of an address. A name that is not known is refused: a filter with a typing error must not select all.

use super::errors::ApiError;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

/// The parameters of a request, each taken by name; [`Parameters::finish`] refuses the others.
#[derive(Debug)]
pub(crate) struct Parameters {
    given: Vec<(String, String)>,
    known: BTreeSet<&'static str>,
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let query: Result<Query<Vec<(String, String)>>, _> = Query::try_from_uri(&parts.uri);
        let Query(given) = query.map_err(|rejection| ApiError::invalid("query", rejection.body_text()))?;
        Ok(Self { given, known: BTreeSet::new() })
    }
}

impl Parameters {
    /// Every value of a parameter: given several times, or separated by commas.
    pub(crate) fn words<T: Copy>(
        &mut self,
        name: &'static str,
        all: &[T],
        parse: fn(&str) -> Option<T>,
        word: fn(T) -> &'static str,
    ) -> Result<Vec<T>, ApiError> {
        self.known.insert(name);
        let values = self.given.iter().filter(|(given, _)| given == name);
        let words = values.flat_map(|(_, value)| value.split(',')).map(str::trim);
        words
            .map(|written| {
                parse(written).ok_or_else(|| {
                    let possible: Vec<_> = all.iter().copied().map(word).collect();
                    let message = format!("{name} is none of {}: {written}", possible.join(", "));
                    ApiError::invalid(name, message)
                })
            })
            .collect()
    }

    /// The value of a parameter that is one of these words and may be given once.
    pub(crate) fn word<T: Copy>(
        &mut self,
        name: &'static str,
        all: &[T],
        parse: fn(&str) -> Option<T>,
        word: fn(T) -> &'static str,
    ) -> Result<Option<T>, ApiError> {
        match self.words(name, all, parse, word)?.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(*only)),
            _ => Err(ApiError::invalid(name, format!("{name} is given more than once"))),
        }
    }

    /// The value of a parameter that may be given once.
    pub(crate) fn one<T>(&mut self, name: &'static str) -> Result<Option<T>, ApiError>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.known.insert(name);
        let mut values = self.given.iter().filter(|(given, _)| given == name);
        let Some((_, value)) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(ApiError::invalid(name, format!("{name} is given more than once")));
        }
        value.parse().map(Some).map_err(|error| ApiError::invalid(name, format!("{name}={value}: {error}")))
    }

    /// Refuses what nobody has taken.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        match self.given.into_iter().find(|(name, _)| !self.known.contains(name.as_str())) {
            None => Ok(()),
            Some((name, _)) => {
                let known: Vec<_> = self.known.into_iter().collect();
                let there_are = if known.is_empty() { "there are none".to_owned() } else { known.join(", ") };
                let message = format!("the parameter {name} is not known here; known: {there_are}");
                Err(ApiError::invalid(name, message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;
    use muster_domain::job::JobState;

    async fn parameters(query: &str) -> Parameters {
        let (mut parts, ()) =
            Request::builder().uri(format!("/api/v1/jobs?{query}")).body(()).unwrap().into_parts();
        Parameters::from_request_parts(&mut parts, &()).await.unwrap()
    }

    fn states(parameters: &mut Parameters) -> Result<Vec<JobState>, ApiError> {
        parameters.words("state", &JobState::ALL, JobState::parse, JobState::as_str)
    }

    #[tokio::test]
    async fn values_come_several_times_or_with_commas() {
        for query in ["state=dead&state=done", "state=dead,done", "state=dead%2C%20done"] {
            let found = states(&mut parameters(query).await);
            assert_eq!(found, Ok(vec![JobState::Dead, JobState::Done]), "{query}");
        }
        let error = states(&mut parameters("state=deaf").await).unwrap_err();
        assert_eq!(error.target, "state");
        assert!(error.message.contains("dead") && error.message.contains("deaf"), "{error:?}");
    }

    #[tokio::test]
    async fn what_is_not_known_is_refused_with_what_is() {
        let mut given = parameters("limit=7&stat=dead").await;
        assert_eq!(given.one::<u32>("limit"), Ok(Some(7)));
        assert_eq!(given.one::<u32>("after"), Ok(None));
        let error = given.finish().unwrap_err();
        assert_eq!(error.target, "stat");
        assert!(error.message.contains("after, limit"), "{error:?}");
        let error = parameters("limit=many").await.one::<u32>("limit").unwrap_err();
        assert!(error.message.contains("limit=many"), "{error:?}");
        assert!(parameters("limit=1&limit=2").await.one::<u32>("limit").is_err());
        assert!(parameters("").await.finish().is_ok());
    }
}
