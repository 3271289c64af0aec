//! Connections to a server that went away, was demoted, or does not answer any more.
//!
//! A pool keeps connections for half an hour. Those to a primary that became a standby stay open and refuse every write;
//! those to a machine that vanished never answer. So the first one that turns out to be of no use condemns all that are as
//! old: each is closed where it would be handed out, or where it comes back.

use crate::error::{StoreError, condemns};
use sea_orm::{ConnectOptions, DbErr, sqlx};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Watches the statements of one store; clones watch together.
#[derive(Clone, Debug)]
pub(crate) struct Reachability {
    /// Longest that a statement may take, with the wait for its connection; none where there is no network.
    deadline: Option<Duration>,
    /// Connections from before this moment are of no use.
    condemned: Arc<Mutex<Option<Instant>>>,
}

impl Reachability {
    /// Of an embedded database, which cannot get lost on the way.
    pub(crate) fn embedded() -> Self {
        Self { deadline: None, condemned: Arc::default() }
    }

    /// Of a server, which answers by the deadline or is lost.
    pub(crate) fn of_server(deadline: Duration) -> Self {
        Self { deadline: Some(deadline), condemned: Arc::default() }
    }

    /// The same, with another deadline where there is one.
    pub(crate) fn within(&self, deadline: Duration) -> Self {
        Self { deadline: self.deadline.map(|_| deadline), condemned: Arc::clone(&self.condemned) }
    }

    /// Does what needs a connection, and learns from how it fails.
    pub(crate) async fn watch<T>(
        &self,
        work: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, StoreError> {
        let result = match self.deadline {
            None => work.await,
            // The server ends long statements itself; only one that cannot be heard is later than that.
            Some(deadline) => match tokio::time::timeout(deadline, work).await {
                Ok(result) => result,
                Err(_) => {
                    self.condemn();
                    return Err(StoreError::Unavailable(format!("no answer within {deadline:?}")));
                }
            },
        };
        result.map_err(|error| {
            if condemns(&error) {
                self.condemn();
            }
            error.into()
        })
    }

    /// Has the connections of a pool tested against what was learnt.
    pub(crate) fn guard(&self, connect: &mut ConnectOptions) {
        let acquired = self.clone();
        connect.map_sqlx_postgres_before_acquire(move |_, connection| {
            let is_good = !acquired.is_condemned(connection.age);
            Box::pin(async move { Ok(is_good) })
        });
        let released = self.clone();
        connect.map_sqlx_postgres_pool_opts(move |pool| {
            let released = released.clone();
            pool.after_release(move |_, connection| {
                let is_good = !released.is_condemned(connection.age);
                // Not a polite end: nobody may listen any more, and the pool's own test would wait for an answer.
                Box::pin(async move { if is_good { Ok(true) } else { Err(sqlx::Error::PoolClosed) } })
            })
        });
    }

    fn condemn(&self) {
        *self.condemned.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn is_condemned(&self, age: Duration) -> bool {
        let condemned = *self.condemned.lock().unwrap_or_else(PoisonError::into_inner);
        condemned.is_some_and(|moment| moment.elapsed() <= age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_connections_from_before_the_failure_are_condemned() {
        let reachability = Reachability::of_server(Duration::from_secs(1));
        assert!(!reachability.is_condemned(Duration::from_secs(3_600)));
        reachability.condemn();
        assert!(reachability.is_condemned(Duration::from_secs(3_600)));
        assert!(!reachability.is_condemned(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_answered_condemns() {
        let reachability = Reachability::of_server(Duration::from_secs(1));
        let never = std::future::pending::<Result<(), DbErr>>();
        let error = reachability.within(Duration::from_secs(3)).watch(never).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(reachability.is_condemned(Duration::from_secs(3_600)), "clones learn together");
    }

    #[tokio::test(start_paused = true)]
    async fn an_embedded_database_may_take_its_time() {
        let slow = async {
            // Virtual time: an hour takes none.
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            Ok(7)
        };
        assert_eq!(Reachability::embedded().watch(slow).await.expect("it ends"), 7);
    }
}
