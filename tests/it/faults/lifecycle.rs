//! Start, drain, stop, and two versions side by side.

/// Clocks of workers that are wrong, and schedules that many processes look at.
mod clocks;
/// Stops under load, and while something does not answer.
mod stops;
/// An older binary beside a newer one.
mod upgrade;
