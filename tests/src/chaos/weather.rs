//! What happens to processes, lines and servers.

use super::crew::Crew;
use super::dice::Dice;
use super::services::{Broker, Line, Side};
use crate::failover::{DatabaseNode, Stop};
use std::collections::BTreeMap;
use std::time::Duration;

/// Shorter than the broker's heartbeats and the leases, and longer: both must be survived.
const SHORTEST_STALL: Duration = Duration::from_secs(1);
const LONGEST_STALL: Duration = Duration::from_secs(12);
/// A machine that hangs, up to longer than a lease.
const LONGEST_FREEZE: Duration = Duration::from_secs(50);

/// A misfortune.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// One worker dies.
    KillWorker,
    /// One scheduler dies.
    KillScheduler,
    /// Every second process dies at once.
    KillHalf,
    /// One process hangs, then goes on as if nothing had been.
    Freeze,
    /// A graceful restart of a broker's node.
    RestartBroker,
    /// A broker's node dies and is booted again.
    KillBroker,
    /// The database drops everything and recovers.
    RestartDatabase,
    /// Connections of one side to the broker are reset.
    CutBroker,
    /// Connections of one side to the database are reset.
    CutDatabase,
    /// Connections to Azure DevOps are reset.
    CutAzureDevOps,
    /// Nothing passes between one side and the broker.
    StallBroker,
    /// Nothing passes between one side and the database.
    StallDatabase,
    /// Nothing passes to and from Azure DevOps.
    StallAzureDevOps,
}

/// How often each happens, beside the others.
const LIKELIHOODS: [(Deed, usize); 13] = [
    (Deed::KillWorker, 10),
    (Deed::KillScheduler, 4),
    (Deed::KillHalf, 2),
    (Deed::Freeze, 2),
    (Deed::RestartBroker, 2),
    (Deed::KillBroker, 2),
    (Deed::RestartDatabase, 3),
    (Deed::CutBroker, 4),
    (Deed::CutDatabase, 4),
    (Deed::CutAzureDevOps, 4),
    (Deed::StallBroker, 3),
    (Deed::StallDatabase, 3),
    (Deed::StallAzureDevOps, 3),
];

impl Deed {
    /// One that a list of likelihoods gives.
    pub fn by_chance(dice: &mut Dice) -> Self {
        let all: usize = LIKELIHOODS.iter().map(|(_, likelihood)| likelihood).sum();
        let mut thrown = dice.below(all);
        for (deed, likelihood) in LIKELIHOODS {
            match thrown.checked_sub(likelihood) {
                Some(rest) => thrown = rest,
                None => return deed,
            }
        }
        Self::KillWorker
    }
}

/// Does misfortunes, and counts them.
#[derive(Debug)]
pub struct Weather<'a> {
    /// The processes.
    pub crew: &'a Crew,
    /// The lines.
    pub sides: &'a [Side],
    /// The broker.
    pub broker: &'a Broker,
    /// The database.
    pub database: &'a DatabaseNode,
    /// Chance.
    pub dice: Dice,
    /// What happened how often.
    pub counts: BTreeMap<Deed, u64>,
}

impl Weather<'_> {
    /// Does one, to its end: what it stopped goes on.
    pub async fn strike(&mut self, deed: Deed) {
        let happened = match deed {
            Deed::KillWorker => self.kill_one(false),
            Deed::KillScheduler => self.kill_one(true),
            Deed::KillHalf => self.kill_half(),
            Deed::Freeze => self.freeze().await,
            Deed::RestartBroker => self.broker.restart(&mut self.dice).await,
            Deed::KillBroker => self.broker.kill(&mut self.dice).await,
            Deed::RestartDatabase => {
                self.database.stop(Stop::Immediate).await;
                self.database.start_again().await;
                true
            }
            Deed::CutBroker => self.cut(Line::Broker),
            Deed::CutDatabase => self.cut(Line::Database),
            Deed::CutAzureDevOps => self.cut(Line::AzureDevOps),
            Deed::StallBroker => self.stall(Line::Broker).await,
            Deed::StallDatabase => self.stall(Line::Database).await,
            Deed::StallAzureDevOps => self.stall(Line::AzureDevOps).await,
        };
        if happened {
            *self.counts.entry(deed).or_default() += 1;
        }
    }

    /// How often any of these happened.
    pub fn count(&self, deeds: &[Deed]) -> u64 {
        deeds.iter().filter_map(|deed| self.counts.get(deed)).sum()
    }

    fn kill_one(&mut self, scheduler: bool) -> bool {
        let places: Vec<usize> =
            (0..self.crew.len()).filter(|place| self.crew.is_scheduler(*place) == scheduler).collect();
        self.crew.kill(*self.dice.pick(&places));
        true
    }

    fn kill_half(&mut self) -> bool {
        let first = self.dice.below(2);
        (0..self.crew.len()).skip(first).step_by(2).for_each(|place| self.crew.kill(place));
        true
    }

    async fn freeze(&mut self) -> bool {
        let place = self.dice.below(self.crew.len());
        let length = self.dice.between(SHORTEST_STALL, LONGEST_FREEZE);
        self.crew.freeze(place, true);
        // The length of the misfortune.
        tokio::time::sleep(length).await;
        self.crew.freeze(place, false);
        true
    }

    fn cut(&mut self, line: Line) -> bool {
        let side = self.dice.below(self.sides.len());
        self.sides[side].proxies(line).iter().for_each(|proxy| proxy.cut());
        true
    }

    async fn stall(&mut self, line: Line) -> bool {
        let side = self.dice.below(self.sides.len());
        let length = self.dice.between(SHORTEST_STALL, LONGEST_STALL);
        let proxies = self.sides[side].proxies(line);
        proxies.iter().for_each(|proxy| proxy.stall());
        // The length of the misfortune.
        tokio::time::sleep(length).await;
        proxies.iter().for_each(|proxy| proxy.restore());
        true
    }
}
