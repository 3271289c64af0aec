#![doc = include_str!("../README.md")]

mod answer;
mod catalogue;
mod default_branch;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod judgement_properties;
mod open_to_all_pipelines;
mod pages;
mod rules;

pub use catalogue::{Rule, catalogue, find, judge_project, required_reads, revision, rules_reading};
