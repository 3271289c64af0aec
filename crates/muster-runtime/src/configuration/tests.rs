use super::*;
use muster_domain::read::Read;
use secrecy::ExposeSecret;

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::from_variables(
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn defaults_need_nothing() {
    let loaded = load(None, &Environment::default()).unwrap();
    assert_eq!(loaded.configuration.listen.to_string(), "127.0.0.1:7780");
    assert!((loaded.configuration.consumption.share - 0.9).abs() < f64::EPSILON);
    assert!(loaded.warnings.is_empty());
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = file("listen = '127.0.0.1:1'\n[consumption]\nshare = 0.5\nwindow_seconds = 60\n");
    let environment = environment(&[("MUSTER_CONSUMPTION__SHARE", "0.25"), ("OTHER", "1")]);
    let configuration = load(Some(file.path()), &environment).unwrap().configuration;
    assert_eq!(configuration.listen.port(), 1);
    assert!((configuration.consumption.share - 0.25).abs() < f64::EPSILON);
    assert!((configuration.consumption.window_seconds - 60.0).abs() < f64::EPSILON);
}

#[test]
fn where_entra_is_can_be_said_and_does_not_follow_azure_devops() {
    let simulator = ("MUSTER_AZURE_DEVOPS_URL", "http://127.0.0.1:8080");
    let configuration = load(None, &environment(&[simulator])).unwrap().configuration;
    assert_eq!(configuration.entra_url, None);
    let both = [simulator, ("MUSTER_ENTRA_URL", "http://127.0.0.1:8080/entra")];
    let configuration = load(None, &environment(&both)).unwrap().configuration;
    assert_eq!(configuration.entra_url.as_deref(), Some("http://127.0.0.1:8080/entra"));
}

#[test]
fn an_unknown_key_of_the_file_is_an_error_that_names_it() {
    let file = file("[consumption]\nshaer = 0.5\n");
    let error = load(Some(file.path()), &Environment::default()).unwrap_err().to_string();
    assert!(error.contains("consumption") && error.contains("shaer") && error.contains("share"), "{error}");
}

#[test]
fn an_unknown_variable_is_a_warning_with_the_nearest_name() {
    let loaded = load(None, &environment(&[("MUSTER_CONSUMPTION__SHAER", "0.5")])).unwrap();
    assert_eq!(loaded.warnings.len(), 1);
    assert!(loaded.warnings[0].contains("MUSTER_CONSUMPTION__SHARE"), "{}", loaded.warnings[0]);
}

#[test]
fn secrets_come_from_files_and_are_never_shown() {
    let secret = file("postgres://muster:hunter2@db/muster\n");
    let path = secret.path().to_str().unwrap();
    let configuration =
        load(None, &environment(&[("MUSTER_DATABASE_URL_FILE", path)])).unwrap().configuration;
    assert_eq!(
        configuration.database_url.as_ref().unwrap().expose_secret(),
        "postgres://muster:hunter2@db/muster"
    );
    assert!(!format!("{configuration:?}").contains("hunter2"));
}

#[test]
fn values_that_do_not_fit_name_their_key() {
    for (name, value, key) in [
        ("MUSTER_CONSUMPTION__SHARE", "1.5", "consumption.share"),
        ("MUSTER_CONSUMPTION__SHARE", "many", "MUSTER_CONSUMPTION__SHARE"),
        ("MUSTER_WORKER__SLOTS", "0", "worker.slots"),
        ("MUSTER_LISTEN", "nowhere", "listen"),
        ("MUSTER_READS__ENTERPRISE_CATALOG", "off", "MUSTER_READS__ENTERPRISE_CATALOG"),
        ("MUSTER_DATABASE_URL_FILE", "/does/not/exist", "MUSTER_DATABASE_URL_FILE"),
    ] {
        let error = load(None, &environment(&[(name, value)])).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
}

#[test]
fn an_address_that_others_reach_is_refused_without_sign_in() {
    for address in ["0.0.0.0:7780", "10.0.0.1:80", "[::]:7780"] {
        let error = load(None, &environment(&[("MUSTER_LISTEN", address)])).unwrap_err().to_string();
        assert!(error.contains("loopback") && error.contains("sign-in"), "{error}");
    }
    assert!(load(None, &environment(&[("MUSTER_LISTEN", "[::1]:7780")])).is_ok());
}

#[test]
fn every_read_that_is_not_documented_has_a_switch_that_is_on_until_somebody_turns_it_off() {
    let on = load(None, &Environment::default()).unwrap().configuration;
    assert!(on.reads.switched_off().is_empty());
    let undocumented: Vec<Read> = Read::ALL.into_iter().filter(|read| !read.is_documented()).collect();
    let variables = [
        ("MUSTER_READS__ENTERPRISE_CATALOG", "false"),
        ("MUSTER_READS__ORGANIZATION_POLICIES", "false"),
        ("MUSTER_READS__ORGANIZATION_PIPELINE_SETTINGS", "false"),
    ];
    let off = load(None, &environment(&variables)).unwrap().configuration;
    assert_eq!(off.reads.switched_off().into_iter().collect::<Vec<_>>(), undocumented);
    let file = file("[reads]\norganization_policies = false\n");
    let one = load(Some(file.path()), &Environment::default()).unwrap().configuration;
    assert_eq!(one.reads.switched_off().into_iter().collect::<Vec<_>>(), [Read::OrganizationPolicies]);
}
