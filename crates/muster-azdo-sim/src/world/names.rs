//! Realistic names, unique by construction: each index is a pair of words of its own, then a number.

use crate::world::{Draw, Topic};

const COMPANIES: [&str; 12] = [
    "contoso",
    "fabrikam",
    "northwind",
    "tailspin",
    "wingtip",
    "litware",
    "proseware",
    "woodgrove",
    "adventure-works",
    "fourth-coffee",
    "trey-research",
    "wide-world",
];

const UNITS: [&str; 20] = [
    "payments",
    "retail",
    "logistics",
    "platform",
    "data",
    "mobile",
    "health",
    "insurance",
    "media",
    "energy",
    "labs",
    "identity",
    "commerce",
    "research",
    "finance",
    "travel",
    "games",
    "cloud",
    "security",
    "education",
];

const AREAS: [&str; 24] = [
    "Payments",
    "Billing",
    "Checkout",
    "Inventory",
    "Shipping",
    "Customer",
    "Identity",
    "Reporting",
    "Search",
    "Catalogue",
    "Pricing",
    "Risk",
    "Claims",
    "Ledger",
    "Messaging",
    "Mobile",
    "Web",
    "Data",
    "Analytics",
    "Partner",
    "Warehouse",
    "Fleet",
    "Support",
    "Onboarding",
];

const NOUNS: [&str; 16] = [
    "Platform",
    "Services",
    "Portal",
    "Engine",
    "Tools",
    "Core",
    "Integration",
    "Operations",
    "Insights",
    "Gateway",
    "Foundation",
    "Automation",
    "Experience",
    "Infrastructure",
    "Systems",
    "Program",
];

/// Appended to some project names: clients have to encode what is not ASCII.
const PLACES: [&str; 8] =
    ["Zürich", "São Paulo", "Málaga", "Kraków", "東京", "Αθήνα", "Łódź", "Île-de-France"];

const SERVICES: [&str; 40] = [
    "billing",
    "invoice",
    "payment",
    "checkout",
    "cart",
    "order",
    "inventory",
    "catalog",
    "pricing",
    "discount",
    "shipping",
    "tracking",
    "customer",
    "account",
    "profile",
    "identity",
    "session",
    "consent",
    "notification",
    "email",
    "search",
    "recommendation",
    "review",
    "rating",
    "fraud",
    "ledger",
    "settlement",
    "tax",
    "refund",
    "subscription",
    "loyalty",
    "voucher",
    "warehouse",
    "supplier",
    "partner",
    "report",
    "audit",
    "scheduler",
    "gateway",
    "telemetry",
];

const FORMS: [&str; 15] = [
    "api",
    "web",
    "worker",
    "service",
    "ui",
    "client",
    "sdk",
    "infra",
    "terraform",
    "pipelines",
    "docs",
    "tests",
    "jobs",
    "etl",
    "mobile",
];

/// A prime above every number of pairs here: stepping by it visits each pair once.
const STRIDE: usize = 1009;

pub(crate) fn organization_name(seed: u64, index: usize) -> String {
    let (pair, round) =
        scattered(Draw::new(seed, Topic::OrganizationNames, &[]), index, COMPANIES.len() * UNITS.len());
    let name = format!("{}-{}", COMPANIES[pair % COMPANIES.len()], UNITS[pair / COMPANIES.len()]);
    numbered(name, round, '-')
}

/// The name of the project with this position in its organization.
pub(crate) fn project_name(seed: u64, organization: usize, position: usize) -> String {
    let draw = Draw::new(seed, Topic::ProjectNames, &[organization]);
    let (pair, round) = scattered(draw, position, AREAS.len() * NOUNS.len());
    let (area, noun) = (AREAS[pair % AREAS.len()], NOUNS[pair / AREAS.len()]);
    let mut style = Draw::new(seed, Topic::ProjectNames, &[organization, position]);
    match style.below(10) {
        0..=5 => numbered(format!("{area} {noun}"), round, ' '),
        6..=7 => numbered(format!("{area}-{noun}").to_lowercase(), round, '-'),
        8 => numbered(format!("{area}{noun}"), round, '.'),
        _ => format!("{} {}", numbered(format!("{area} {noun}"), round, ' '), style.pick(&PLACES)),
    }
}

/// The name of the repository with this position in its project.
pub(crate) fn repository_name(seed: u64, project: usize, position: usize) -> String {
    let draw = Draw::new(seed, Topic::RepositoryNames, &[project]);
    let (pair, round) = scattered(draw, position, SERVICES.len() * FORMS.len());
    let name = format!("{}-{}", SERVICES[pair % SERVICES.len()], FORMS[pair / SERVICES.len()]);
    numbered(name, round, '-')
}

/// Which pair of words, and how often all pairs were used before.
fn scattered(mut offset: Draw, index: usize, pairs: usize) -> (usize, usize) {
    ((offset.below(pairs) + (index % pairs) * STRIDE) % pairs, index / pairs)
}

fn numbered(name: String, round: usize, separator: char) -> String {
    if round == 0 { name } else { format!("{name}{separator}{}", round + 1) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn distinct(names: impl Iterator<Item = String>) -> usize {
        names.map(|name| name.to_lowercase()).collect::<BTreeSet<_>>().len()
    }

    #[test]
    fn names_are_unique_far_beyond_the_word_lists() {
        assert_eq!(distinct((0..1_000).map(|index| organization_name(5, index))), 1_000);
        assert_eq!(distinct((0..2_000).map(|index| project_name(5, 3, index))), 2_000);
        assert_eq!(distinct((0..5_000).map(|index| repository_name(5, 9, index))), 5_000);
    }

    #[test]
    fn some_project_names_need_encoding() {
        let names: Vec<_> = (0..60).map(|index| project_name(1, 0, index)).collect();
        assert!(names.iter().any(|name| name.contains(' ')));
        assert!(names.iter().any(|name| !name.is_ascii()));
    }
}
