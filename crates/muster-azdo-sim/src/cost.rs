//! What calls cost, in Azure DevOps throughput units (TSTU).

use std::collections::BTreeMap;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::str::FromStr;

use crate::route::{Route, UnknownRoute};

/// The cost of each route: the defaults, and what was set over them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CostTable {
    overrides: BTreeMap<Route, f64>,
}

impl CostTable {
    /// Sets the cost of one route.
    pub fn set(&mut self, cost: RouteCost) {
        self.overrides.insert(cost.route, cost.tstu);
    }

    /// The cost of one call of `route`, in TSTU.
    #[must_use]
    pub fn tstu(&self, route: Route) -> f64 {
        self.overrides.get(&route).copied().unwrap_or_else(|| route.default_cost_tstu())
    }
}

impl FromIterator<RouteCost> for CostTable {
    fn from_iter<I: IntoIterator<Item = RouteCost>>(costs: I) -> Self {
        Self { overrides: costs.into_iter().map(|cost| (cost.route, cost.tstu)).collect() }
    }
}

/// The cost of one route, as written `ROUTE=TSTU`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RouteCost {
    /// The route.
    pub route: Route,
    /// What one call of it costs, in TSTU.
    pub tstu: f64,
}

impl FromStr for RouteCost {
    type Err = CostError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (route, tstu) = text.split_once('=').ok_or_else(|| CostError::Shape { text: text.to_owned() })?;
        let route = route.trim().parse()?;
        let amount = tstu.trim().parse::<f64>().ok().filter(|amount| amount.is_finite() && *amount >= 0.0);
        let tstu = amount.ok_or_else(|| CostError::Amount { text: tstu.trim().to_owned() })?;
        Ok(Self { route, tstu })
    }
}

/// Why a text is not a route cost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CostError {
    /// There is no `=`.
    #[error("\"{text}\" is not ROUTE=TSTU, for example repositories=0.3")]
    Shape {
        /// What was given.
        text: String,
    },
    /// The route does not exist.
    #[error(transparent)]
    Route(#[from] UnknownRoute),
    /// The amount is not a number that can be spent.
    #[error("\"{text}\" is not a cost; give TSTU as a number from 0, for example 0.3")]
    Amount {
        /// What was given.
        text: String,
    },
}

/// An amount of TSTU, kept in millionths: sums stay exact however long they are added up and taken off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tstu(u64);

impl Tstu {
    const MILLIONTHS: f64 = 1e6;

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "amounts are validated to be finite and not negative; the cast saturates"
    )]
    pub(crate) fn from_f64(tstu: f64) -> Self {
        Self((tstu * Self::MILLIONTHS).round() as u64)
    }

    #[expect(clippy::cast_precision_loss, reason = "a window holds far less than 2^53 millionths")]
    pub(crate) fn as_f64(self) -> f64 {
        self.0 as f64 / Self::MILLIONTHS
    }

    pub(crate) fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Tstu {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Tstu {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl AddAssign for Tstu {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl SubAssign for Tstu {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl Sum for Tstu {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_read_and_overrides_the_default() {
        let table: CostTable = ["projects=2.5".parse::<RouteCost>().unwrap()].into_iter().collect();
        assert_eq!(table.tstu(Route::Projects), 2.5);
        assert_eq!(table.tstu(Route::Repositories), 0.3);
    }

    #[test]
    fn a_bad_cost_names_what_is_wrong() {
        assert!(matches!("projects".parse::<RouteCost>(), Err(CostError::Shape { .. })));
        assert!(matches!("repos=1".parse::<RouteCost>(), Err(CostError::Route(_))));
        assert!(matches!("projects=-1".parse::<RouteCost>(), Err(CostError::Amount { .. })));
        assert!(matches!("projects=NaN".parse::<RouteCost>(), Err(CostError::Amount { .. })));
    }

    #[test]
    fn a_long_sum_comes_back_to_exactly_zero() {
        let cost = Tstu::from_f64(0.1);
        let mut sum = Tstu::default();
        for _ in 0..10_000 {
            sum += cost;
        }
        assert_eq!(sum, Tstu::from_f64(1000.0));
        for _ in 0..10_000 {
            sum -= cost;
        }
        assert_eq!(sum, Tstu::default());
    }
}
