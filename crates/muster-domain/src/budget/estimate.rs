//! The numbers behind [`super::learning`]: unknowns, their covariance, and steps that keep both sound.

/// Cheapest call that is believed in, TSTU. A positive floor keeps every count worth something.
const CHEAPEST_TSTU: f64 = 0.001;
/// Dearest call that is believed in, as a part of the limit: an empty window always has room for one call.
const DEAREST_SHARE: f64 = 0.25;
/// Doubt of a first guess that all reads have in common: up to ten times off.
const COMMON_DOUBT: f64 = 3.0;
/// Doubt of a read's cost beside the others'; simple reads differ by a factor of six in the field.
const SINGLE_DOUBT: f64 = 0.7;
/// The same of a read that is used for the first time when others are known: few of its calls are let out at once.
const LATER_DOUBT: f64 = 1.5;
/// The doubt of a cost is at least measured against this part of the mean cost.
const REFERENCE: f64 = 0.3;
/// Doubt is never larger than this, of a cost (of the limit, for foreign use).
const LARGEST_DOUBT: f64 = 10.0;

/// The estimate. `x[0]` is foreign use, `x[1 + i]` the cost of column `i` of the ring.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Estimate {
    pub(super) x: Vec<f64>,
    /// Row by row, symmetric.
    pub(super) p: Vec<f64>,
}

impl Default for Estimate {
    fn default() -> Self {
        Self { x: vec![0.0], p: vec![0.0] }
    }
}

impl Estimate {
    /// From what was kept; nothing if it is not of one piece.
    pub(super) fn restore(x: Vec<f64>, triangle: &[f64]) -> Option<Self> {
        let size = x.len();
        if size == 0
            || triangle.len() != size * (size + 1) / 2
            || x.iter().any(|value| !value.is_finite() || *value < 0.0)
        {
            return None;
        }
        let mut p = vec![0.0; size * size];
        for row in 0..size {
            for column in 0..=row {
                let value = triangle[row * (row + 1) / 2 + column];
                p[row * size + column] = value;
                p[column * size + row] = value;
            }
        }
        Some(Self { x, p })
    }

    /// Lower triangle of the covariance, row by row.
    pub(super) fn triangle(&self) -> impl Iterator<Item = f64> + '_ {
        let size = self.x.len();
        (0..size).flat_map(move |row| (0..=row).map(move |column| self.p[row * size + column]))
    }

    /// All unknowns: foreign use, then costs.
    pub(super) fn unknowns(&self) -> &[f64] {
        &self.x
    }

    /// What others use, TSTU.
    pub(super) fn foreign_tstu(&self) -> f64 {
        self.x[0]
    }

    /// Cost of a column, TSTU.
    pub(super) fn cost_tstu(&self, column: usize) -> f64 {
        self.x[column + 1]
    }

    /// Number of columns that have a cost.
    pub(super) fn columns(&self) -> usize {
        self.x.len() - 1
    }

    /// Our counts at the present costs, without foreign use.
    pub(super) fn value(&self, counts: &[f64]) -> f64 {
        counts.iter().zip(&self.x[1..]).map(|(count, cost)| count * cost).sum()
    }

    /// The same with foreign use: what the service counts.
    pub(super) fn used(&self, counts: &[f64]) -> f64 {
        self.x[0] + self.value(counts)
    }

    /// Standard deviation of [`Estimate::used`].
    pub(super) fn doubt(&self, counts: &[f64]) -> f64 {
        let z = with_foreign(counts);
        dot(&z, &self.along(&z)).max(0.0).sqrt()
    }

    /// Standard deviation of [`Estimate::value`].
    pub(super) fn doubt_of_calls(&self, counts: &[f64]) -> f64 {
        let mut z = with_foreign(counts);
        z[0] = 0.0;
        dot(&z, &self.along(&z)).max(0.0).sqrt()
    }

    /// Adds a column. `guess` is the configured one, `scale` how far those of the known columns were off; where
    /// nothing has been learned all guesses share their doubt.
    pub(super) fn add(&mut self, guess: f64, scale: Option<f64>) {
        let (old, size) = (self.x.len(), self.x.len() + 1);
        let cost = (guess * scale.unwrap_or(1.0)).max(CHEAPEST_TSTU);
        let mut p = vec![0.0; size * size];
        for row in 0..old {
            p[row * size..row * size + old].copy_from_slice(&self.p[row * old..(row + 1) * old]);
        }
        let (common, single) =
            if scale.is_none() { (COMMON_DOUBT, SINGLE_DOUBT) } else { (0.0, LATER_DOUBT) };
        for column in 1..old {
            let together = common * common * cost * self.x[column];
            p[old * size + column] = together;
            p[column * size + old] = together;
        }
        p[size * size - 1] = (common * common + single * single) * cost * cost;
        self.x.push(cost);
        self.p = p;
    }

    /// A cost that moved without a measurement is as doubtful as before, in relation to itself.
    pub(super) fn keep_relative_doubt(&mut self, before: &[f64]) {
        let size = self.x.len();
        for (index, before) in before.iter().enumerate().skip(1) {
            let factor = self.x[index] / before;
            for other in 0..size {
                self.p[index * size + other] *= factor;
                self.p[other * size + index] *= factor;
            }
        }
    }

    /// Keeps costs believable.
    pub(super) fn bound_costs(&mut self, limit_tstu: f64) {
        let range = CHEAPEST_TSTU..=DEAREST_SHARE * limit_tstu;
        self.x[1..].iter_mut().for_each(|cost| *cost = cost.clamp(*range.start(), *range.end()));
    }

    /// `P z`.
    pub(super) fn along(&self, z: &[f64]) -> Vec<f64> {
        self.p.chunks(self.x.len()).map(|row| dot(row, z)).collect()
    }

    /// What the doubt of a cost is measured against: itself, or a part of the mean, so that a cost that was
    /// taken for nothing by mistake can come back.
    pub(super) fn reference(&self, index: usize) -> f64 {
        let costs = &self.x[1..];
        let mean = costs.iter().sum::<f64>() / costs.len() as f64;
        self.x[index].max(REFERENCE * mean)
    }

    /// Keeps doubt finite after surprises; scales rows and columns alike, so that `P` stays a covariance.
    pub(super) fn bound_doubt(&mut self, limit_tstu: f64) {
        let size = self.x.len();
        for index in 0..size {
            let largest =
                LARGEST_DOUBT * if index == 0 { limit_tstu / LARGEST_DOUBT } else { self.reference(index) };
            let variance = self.p[index * size + index];
            if variance > largest * largest {
                let scale = largest / variance.sqrt();
                for other in 0..size {
                    self.p[index * size + other] *= scale;
                    self.p[other * size + index] *= scale;
                }
            }
        }
    }
}

pub(super) fn with_foreign(counts: &[f64]) -> Vec<f64> {
    std::iter::once(1.0).chain(counts.iter().copied()).collect()
}

pub(super) fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}
