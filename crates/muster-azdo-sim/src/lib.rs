#![doc = include_str!("../README.md")]

mod answers;
mod change;
mod consumption;
mod control;
mod cost;
mod entra;
mod fault;
mod grant;
mod http;
mod identity;
mod input;
mod locations;
mod options;
mod quirk;
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
pub use fault::{CannedAnswer, Fault, FaultAction, FaultMatch};
pub use grant::Grant;
pub use identity::{IdentityKind, SimulatedClient, SimulatedIdentity};
pub use input::InputError;
pub use options::{AuthorizedResourcesMode, OptionError, ResourceAreasMode, SimulatorOptions, WallClock};
pub use quirk::{Quirk, UnknownQuirk};
pub use route::{Route, UnknownRoute};
pub use server::{Banner, RunningSimulator, Simulator, SimulatorError};
pub use stats::Stats;
pub use truth::{Defect, Truth, TruthKind, TruthResource, TruthState, assessment};
pub use world::{ForkIntent, ReviewerIntent};
