//! What a call costs, and what others use: a linear estimate that every header corrects.
//!
//! Unknowns `x = (F, c_1 … c_m)`: what other consumers of the identity use, and the cost of each read. A header
//! says `U = limit - remaining`, and with our counts `z = (1, n_1 … n_m)` in the service's window `U = z·x` up to an
//! error of timing. `P` is the covariance of `x`; all steps go along `P z`, the direction in which the doubt lies:
//!
//! * a measurement of variance `R` (Kalman): `x += P z (U - z·x) / (z·P z + R)`, `P -= P z (P z)ᵀ / (z·P z + R)`. With
//!   `R = 0` and `P` diagonal this is Kaczmarz' projection; with a common factor in `P` all costs scale together;
//! * a bound (`U` at least, at most) is no measurement and leaves `P`: where `U` must be more, `F` rises (in the first window
//!   with headers all costs), where it must be less, `F` falls and then all costs together;
//! * time: `F` fades with the window, as the calls of somebody who stopped leave it (slowly while headers say what it
//!   is), and its doubt grows back; costs wander a little;
//! * surprise: an error beyond two standard deviations says that the model is wrong, not the measurement. Downward it is
//!   a bound. Upward, in the first window with headers, the guesses are to blame: all costs are scaled at once. Later
//!   somebody else is: the doubt of `F` is raised to the error, so `F` takes it and leaves with it again, and what has
//!   been learned about costs stays. A lasting error (a service that became dearer) moves to the costs as `F` fades.
//!   So single costs only ever move by what their own doubt allows, and all of them keep their relations.

use super::estimate::{Estimate, dot, with_foreign};

/// How far a cost wanders in one window, of itself.
const COST_DRIFT: f64 = 0.03;
/// What others may use without being noticed, of the limit: standard deviation.
const FOREIGN_DOUBT: f64 = 0.003;
/// An error of more standard deviations than this is a surprise.
const SURPRISE: f64 = 2.0;
/// Guesses that would be off by more than this are not to blame: others have used the identity before us.
const MOST_WRONG: f64 = 20.0;
/// An error that leads back to no foreign use is believed by this part at once: without it noise would let foreign
/// use and costs drift apart, as their sum is all that a header says.
const BACK: f64 = 0.5;

/// What an error is put down to when it is larger than doubt allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// The guesses: nothing better is known in the first window with headers.
    Guesses,
    /// Somebody else who uses the identity.
    Others,
}

/// What a header says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// Limit less remaining, TSTU.
    pub(super) used: f64,
    /// How far our counts can be from the service's at that moment, as a variance, TSTU².
    pub(super) variance: f64,
}

impl Estimate {
    /// Lets time pass, in windows; in `fading` of them what others use fades.
    pub(super) fn pass(&mut self, windows: f64, fading: f64, blame: Blame, limit_tstu: f64) {
        let size = self.x.len();
        let fade = (-fading).exp();
        self.x[0] *= fade;
        for column in 0..size {
            self.p[column] *= fade;
            self.p[column * size] *= fade;
        }
        if blame == Blame::Others {
            let foreign = FOREIGN_DOUBT * limit_tstu;
            self.p[0] += foreign * foreign * (1.0 - fade * fade);
        }
        for column in 1..size {
            let drift = COST_DRIFT * self.reference(column);
            self.p[column * size + column] += drift * drift * windows;
        }
        self.bound_doubt(limit_tstu);
    }

    /// A header: the service counted `used` where we count `counts`.
    pub(super) fn measure(&mut self, counts: &[f64], header: Header, blame: Blame, limit_tstu: f64) {
        let mut z = with_foreign(counts);
        self.explain(counts, &z, header, blame, limit_tstu);
        if self.x[0] + self.step(&z, header)[0] < 0.0 {
            // Nobody uses less than nothing: what is left of the error is for the costs alone.
            self.x[0] = 0.0;
            z[0] = 0.0;
        }
        let step = self.step(&z, header);
        self.x.iter_mut().zip(&step).for_each(|(value, step)| *value += step);
        self.x[0] = self.x[0].max(0.0);
        self.bound_costs(limit_tstu);
        let along = self.along(&z);
        let spread = dot(&z, &along).max(0.0) + header.variance;
        let size = self.x.len();
        for row in 0..size {
            for column in 0..size {
                self.p[row * size + column] -= along[row] * along[column] / spread;
            }
            // Rounding must not make a variance negative.
            self.p[row * size + row] = self.p[row * size + row].max(0.0);
        }
        self.bound_doubt(limit_tstu);
    }

    /// How far a header moves each unknown.
    fn step(&self, z: &[f64], header: Header) -> Vec<f64> {
        let along = self.along(z);
        let spread = dot(z, &along).max(0.0) + header.variance;
        let error = header.used - dot(z, &self.x);
        along.into_iter().map(|along| along * error / spread).collect()
    }

    /// Corrects the model where the error of a header is larger than it allows.
    fn explain(&mut self, counts: &[f64], z: &[f64], header: Header, blame: Blame, limit_tstu: f64) {
        let error = header.used - dot(z, &self.x);
        if blame == Blame::Others && error < 0.0 {
            let back = (-error).min(self.x[0]) * BACK;
            self.p[0] += back * back;
        }
        let spread = dot(z, &self.along(z)).max(0.0) + header.variance;
        let enough = error * error / (SURPRISE * SURPRISE);
        if enough <= spread {
            return;
        }
        let factor = (header.used - self.x[0]) / self.value(counts);
        if error < 0.0 {
            self.lower(counts, header.used, limit_tstu);
        } else if blame == Blame::Guesses && factor <= MOST_WRONG {
            self.scale(factor, limit_tstu);
        } else {
            self.p[0] += enough - spread;
        }
    }

    /// The service counted `used` and we hold no more than `counts`: the estimate of it rises to that.
    pub(super) fn raise(&mut self, counts: &[f64], used: f64, blame: Blame, limit_tstu: f64) {
        let factor = (used - self.x[0]) / self.value(counts);
        if blame == Blame::Guesses && factor <= MOST_WRONG {
            self.scale(factor, limit_tstu);
        }
        let missing = (used - self.used(counts)).max(0.0);
        self.x[0] += missing;
        self.p[0] += missing * missing;
    }

    /// The service counted no more than `used`, although we count `counts`: foreign use falls first, then all costs.
    pub(super) fn lower(&mut self, counts: &[f64], used: f64, limit_tstu: f64) {
        self.x[0] -= (self.used(counts) - used).clamp(0.0, self.x[0]);
        let factor = (used - self.x[0]) / self.value(counts);
        self.scale(factor.min(1.0), limit_tstu);
    }

    /// Takes all costs times a factor.
    fn scale(&mut self, factor: f64, limit_tstu: f64) {
        if !factor.is_finite() || factor <= 0.0 {
            return;
        }
        let before = self.x.clone();
        self.x[1..].iter_mut().for_each(|cost| *cost *= factor);
        self.bound_costs(limit_tstu);
        self.keep_relative_doubt(&before);
    }
}
