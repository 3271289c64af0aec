//! What `muster connector create` and `muster connector preview` are told, checked as the ingress would.

use crate::exit::Failed;
use crate::lookup;
use clap::Args;
use muster_domain::clock::{Clock as _, SystemClock};
use muster_domain::connector::{OrganizationsChoice, Plan};
use muster_domain::{OrganizationName, TenantId};
use muster_messages::Request;
use muster_messages::request::{OnboardingRequested, RejectedRequest, RequestEnvelope};

/// A connector that is asked for.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Name of the connector, unique within subscription and resource group.
    name: String,
    /// Name of a stored credential (`muster credential set`).
    #[arg(long, value_name = "NAME")]
    credential: String,
    /// Azure subscription that the connector belongs to, for example from `az account show --query id`.
    #[arg(long, value_name = "GUID")]
    subscription_id: String,
    /// Name of the Azure resource group that the connector belongs to, for example rg-security.
    #[arg(long, value_name = "NAME")]
    resource_group: String,
    /// Azure region, for example centralus or westeurope.
    #[arg(long, value_name = "REGION")]
    region: String,
    /// Tenant that the organizations must belong to; learnt from the first organization where it is left out.
    #[arg(long, value_name = "GUID")]
    tenant_id: Option<TenantId>,
    /// What is paid for.
    #[arg(long, value_parser = lookup::plan(), ignore_case = true, default_value = Plan::Foundational.as_str())]
    plan: Plan,
    /// An organization to connect; may be given several times. Without any, all that exist now are connected.
    #[arg(long = "organization", value_name = "NAME", conflicts_with = "all_organizations")]
    organizations: Vec<String>,
    /// Connect all organizations that the credential reaches, now and later.
    #[arg(long)]
    all_organizations: bool,
}

impl Options {
    /// The request that they are, or what is wrong with which option.
    pub(super) fn request(self) -> Result<OnboardingRequested, Failed> {
        checked(self.into_request())
    }

    fn into_request(self) -> OnboardingRequested {
        let organizations = if self.all_organizations {
            OrganizationsChoice::AllExistingAndFuture
        } else {
            OrganizationsChoice::Selected {
                organizations: self.organizations.into_iter().map(OrganizationName::new).collect(),
            }
        };
        OnboardingRequested {
            name: self.name,
            subscription_id: self.subscription_id,
            resource_group: self.resource_group,
            region: self.region,
            tenant_id: self.tenant_id,
            plan: Some(self.plan),
            credential: self.credential,
            organizations,
        }
    }
}

/// The request as the ingress would read it: what holds for events holds here.
fn checked(request: OnboardingRequested) -> Result<OnboardingRequested, Failed> {
    let envelope = RequestEnvelope {
        source: crate::commands::event::SOURCE.to_owned(),
        id: request.name.clone(),
        time: SystemClock.now(),
        trace: None,
    };
    match Request::from_event(&Request::Onboard(request).to_event(envelope)) {
        Ok(Request::Onboard(request)) => Ok(request),
        Ok(other) => Err(Failed::usage(format!("{} is no onboarding", other.event_type()))),
        Err(rejection) => Err(refusal(&rejection)),
    }
}

/// The same words as for an event, with the option in the place of the field.
fn refusal(rejection: &RejectedRequest) -> Failed {
    let option = rejection.field.as_deref().map(option_of).unwrap_or_default();
    Failed::usage(format!("{option} {}; {}", rejection.reason, rejection.remedy))
}

/// `data.subscriptionId` is `--subscription-id`, `data.organizations[1]` is `--organization`.
fn option_of(field: &str) -> String {
    let name = field.strip_prefix("data.").unwrap_or(field);
    let name = name.split_once('[').map_or(name, |(list, _)| list.trim_end_matches('s'));
    if name == "name" {
        return "NAME".to_owned();
    }
    name.chars().fold("--".to_owned(), |mut option, character| {
        if character.is_ascii_uppercase() {
            option.push('-');
        }
        option.push(character.to_ascii_lowercase());
        option
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use clap::Parser as _;

    #[derive(Debug, clap::Parser)]
    struct Wrapper {
        #[command(flatten)]
        options: Options,
    }

    const COMPLETE: [&str; 10] = [
        "create",
        "contoso",
        "--credential",
        "reader",
        "--subscription-id",
        "20ff7fc3-e762-44dd-bd96-b71116dcdc23",
        "--resource-group",
        "rg-security",
        "--region",
        "West Europe",
    ];

    fn request(more: &[&str]) -> OnboardingRequested {
        let arguments = COMPLETE.iter().chain(more);
        Wrapper::try_parse_from(arguments).unwrap().options.into_request()
    }

    #[test]
    fn options_become_the_request_that_an_event_would_carry() {
        let request = checked(request(&["--organization", "contoso", "--organization", "labs"])).unwrap();
        assert_eq!(request.region, "westeurope");
        assert_eq!(request.plan, Some(Plan::Foundational));
        let organizations = ["contoso", "labs"].map(OrganizationName::new).to_vec();
        assert_eq!(request.organizations, OrganizationsChoice::Selected { organizations });
    }

    #[test]
    fn without_a_choice_all_existing_organizations_are_meant() {
        let none = OrganizationsChoice::Selected { organizations: Vec::new() };
        assert_eq!(checked(request(&[])).unwrap().organizations, none);
        let all = checked(request(&["--all-organizations", "--plan", "defendercspm"])).unwrap();
        assert_eq!(all.organizations, OrganizationsChoice::AllExistingAndFuture);
        assert_eq!(all.plan, Some(Plan::DefenderCspm));
        let both = COMPLETE.iter().chain(&["--all-organizations", "--organization", "contoso"]);
        assert!(Wrapper::try_parse_from(both).is_err());
    }

    #[test]
    fn what_is_wrong_is_named_by_its_option() {
        type Change = fn(&mut OnboardingRequested);
        let wrong: [(&str, Change); 6] = [
            ("NAME", |request| request.name = "a/b".to_owned()),
            ("--subscription-id", |request| request.subscription_id = "1".to_owned()),
            ("--resource-group", |request| request.resource_group = "group.".to_owned()),
            ("--region", |request| request.region = "atlantis".to_owned()),
            ("--credential", |request| request.credential = "two words".to_owned()),
            ("--organization", |request| {
                let organizations = vec![OrganizationName::new("ok"), OrganizationName::new("a b")];
                request.organizations = OrganizationsChoice::Selected { organizations };
            }),
        ];
        for (option, change) in wrong {
            let mut request = request(&[]);
            change(&mut request);
            let failed = checked(request).unwrap_err();
            assert!(failed.message.starts_with(&format!("{option} ")), "{failed}");
            assert_eq!(failed.exit, Exit::Usage);
        }
    }

    #[test]
    fn a_token_in_the_place_of_a_credential_is_not_repeated() {
        let token = "a1".repeat(26);
        let mut request = request(&[]);
        request.credential.clone_from(&token);
        let failed = checked(request).unwrap_err();
        assert!(
            failed.message.contains("looks like a secret") && !failed.message.contains(&token),
            "{failed}"
        );
    }
}
