//! Tests of the budget as a whole: single steps, invariants, and runs against a simulated service.

mod endless_demand;
mod fair_turns;
mod invariants;
mod people_first;
mod scenario;
mod shares_of_scopes;
mod sharing;
mod simulation;
mod steps;
