//! Everything at once, in a short form; `cargo bench --bench chaos` is the long one.

use muster_azdo_sim::SimulatorOptions;
use tests::chaos::services::BrokerChoice;
use tests::chaos::weather::Deed;
use tests::chaos::{ChaosOptions, Plan, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_in_chaos_loses_nothing_doubles_nothing_and_tells_no_secret() {
    let deeds = vec![
        Deed::KillWorker,
        Deed::CutBroker,
        Deed::KillScheduler,
        Deed::RestartDatabase,
        Deed::KillHalf,
        Deed::StallDatabase,
        Deed::RestartBroker,
        Deed::KillWorker,
        Deed::CutDatabase,
        Deed::CutAzureDevOps,
        Deed::KillWorker,
    ];
    let report = run(ChaosOptions {
        world: SimulatorOptions {
            organizations: 2,
            projects: 10,
            repositories: 120,
            seed: 11,
            tstu_limit: Some(30.0),
            window_seconds: 8.0,
            ..SimulatorOptions::default()
        },
        processes: 2,
        seed: 4,
        broker: BrokerChoice::Own,
        plan: Plan::These(deeds),
    })
    .await;
    assert!(report.broken.is_empty(), "{report}");
}
