//! Budgets of identities.

use muster_domain::budget::PauseReason;
use muster_domain::credential::Credential;
use muster_store::budget::IdentityBudget;
use serde::Serialize;

/// Whether calls are let out, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum BudgetStanding {
    /// There is room.
    Open,
    /// The window holds as much as workers may use; room comes as old calls leave it.
    Full,
    /// Azure DevOps asked for a pause, which holds for the whole fleet.
    Paused,
}

/// Why calls wait, for people; `None` where they do not.
fn reason(standing: BudgetStanding, pause: Option<PauseReason>) -> Option<&'static str> {
    match (standing, pause) {
        (BudgetStanding::Open, _) => None,
        (BudgetStanding::Full, _) => Some("the share of the window is spent"),
        (BudgetStanding::Paused, None) => Some("Azure DevOps asked for a pause"),
        (BudgetStanding::Paused, Some(PauseReason::RetryAfter)) => {
            Some("Azure DevOps named the time of a pause (Retry-After)")
        }
        (BudgetStanding::Paused, Some(PauseReason::Delayed)) => {
            Some("Azure DevOps held an answer back (X-RateLimit-Delay)")
        }
        (BudgetStanding::Paused, Some(PauseReason::Refused)) => Some("Azure DevOps refused a call (429)"),
    }
}

/// The budget of an identity.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetDocument {
    /// What is known of it.
    #[serde(flatten)]
    pub budget: IdentityBudget,
    /// Names of the credentials that act as this identity.
    pub credentials: Vec<String>,
    /// What workers may still use of the window, by our estimate, TSTU.
    pub left_tstu: f64,
    /// Whether calls are let out.
    pub standing: BudgetStanding,
    /// Why they wait, where they do.
    pub standing_reason: Option<&'static str>,
}

impl BudgetDocument {
    /// A budget, of those who act as its identity among all credentials.
    pub fn of(budget: IdentityBudget, credentials: &[Credential]) -> Self {
        let acting = credentials.iter().filter(|credential| credential.budget_key() == budget.identity);
        let view = &budget.view;
        let left_tstu = (view.share_tstu - view.spent_tstu).max(0.0);
        let standing = match view.blocked_until {
            Some(_) => BudgetStanding::Paused,
            None if left_tstu <= 0.0 => BudgetStanding::Full,
            None => BudgetStanding::Open,
        };
        Self {
            credentials: acting.map(|credential| credential.name.clone()).collect(),
            left_tstu,
            standing,
            standing_reason: reason(standing, budget.view.blocked_reason),
            budget,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use muster_domain::IdentityKey;
    use muster_domain::budget::{BudgetSettings, BudgetState};

    fn document(change: impl FnOnce(&mut IdentityBudget)) -> BudgetDocument {
        let mut budget = IdentityBudget {
            identity: IdentityKey::subject("aad.abc"),
            view: BudgetState::new().view(&BudgetSettings::default(), DateTime::UNIX_EPOCH),
            updated_at: DateTime::UNIX_EPOCH,
            spent: Vec::new(),
            waiting: Vec::new(),
        };
        change(&mut budget);
        BudgetDocument::of(budget, &[])
    }

    #[test]
    fn a_budget_says_whether_and_why_calls_wait() {
        let open = document(|_| ());
        assert_eq!(
            (open.standing, open.left_tstu, open.standing_reason),
            (BudgetStanding::Open, 180.0, None)
        );
        let full = document(|budget| budget.view.spent_tstu = 180.5);
        assert_eq!((full.standing, full.left_tstu), (BudgetStanding::Full, 0.0));
        let paused = document(|budget| {
            budget.view.blocked_until = Some(DateTime::UNIX_EPOCH);
            budget.view.blocked_reason = Some(PauseReason::Refused);
        });
        let json = serde_json::to_value(&paused).unwrap();
        assert_eq!((&json["standing"], &json["identity"]), (&"paused".into(), &"aad.abc".into()));
        assert!(json["standingReason"].as_str().unwrap().contains("429"), "{json}");
        assert_eq!(json["limitTstu"], 200.0);
    }
}
