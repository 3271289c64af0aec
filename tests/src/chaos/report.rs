//! What a run of chaos came to.

use std::fmt;

/// Figures, and what did not hold.
#[derive(Clone, Debug, Default)]
pub struct ChaosReport {
    /// What was counted and measured, in the order of printing.
    pub figures: Vec<(&'static str, String)>,
    /// What does not hold; empty when all does.
    pub broken: Vec<String>,
}

impl ChaosReport {
    /// Notes a figure.
    pub fn figure(&mut self, name: &'static str, value: &impl ToString) {
        self.figures.push((name, value.to_string()));
    }

    /// Notes what does not hold.
    pub fn require(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(otherwise());
        }
    }
}

impl fmt::Display for ChaosReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.figures.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, value) in &self.figures {
            writeln!(formatter, "{name:width$}  {value}")?;
        }
        for broken in &self.broken {
            writeln!(formatter, "DOES NOT HOLD: {broken}")?;
        }
        Ok(())
    }
}
