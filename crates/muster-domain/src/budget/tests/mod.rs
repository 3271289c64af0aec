//! Tests of the budget as a whole: single steps, invariants, and runs against a simulated service.

mod endless_demand;
mod invariants;
mod scenario;
mod sharing;
mod simulation;
mod steps;
