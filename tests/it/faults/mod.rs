//! The faults that a fleet of workers meets, each with what must hold; the list is in the README of `tests`.

/// Answers of Azure DevOps that are wrong, late or refused.
mod azure_devops;
/// A broker that stops, stalls, loses or refuses.
mod broker;
/// Everything at once.
mod chaos;
/// Two claims on one organization, and a connector that is removed under load.
mod connectors;
/// Many workers on one identity, and many organizations on one worker.
mod consumption;
/// Processes that die at the worst moment, and handlers that never come back.
mod crashes;
/// A database that stops, refuses, fails over or lies about the time.
mod database;
/// Events and tickets that come twice, broken, too large or from the future.
mod ingress;
/// Start, drain, stop, and two versions side by side.
mod lifecycle;
/// What must not be told, looked for everywhere.
mod secrets;
