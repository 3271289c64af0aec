#![doc = include_str!("../README.md")]

mod answers;
mod change;
mod consumption;
mod control;
mod cost;
mod fault;
mod grant;
mod http;
mod identity;
mod input;
mod options;
mod route;
mod server;
mod state;
mod stats;
#[cfg(test)]
mod tests;
mod truth;
mod world;

pub use change::{Change, ChangeKind};
pub use cost::{CostError, CostTable, RouteCost};
pub use fault::{Fault, FaultAction, FaultMatch};
pub use grant::Grant;
pub use identity::{IdentityKind, SimulatedIdentity};
pub use input::InputError;
pub use options::{AuthorizedResourcesMode, OptionError, SimulatorOptions, WallClock};
pub use route::{Route, UnknownRoute};
pub use server::{Banner, RunningSimulator, Simulator, SimulatorError};
pub use stats::Stats;
pub use truth::{Defect, Truth, TruthKind, TruthResource, TruthState, assessment};
pub use world::{ForkIntent, ReviewerIntent};
