use std::fs;

use anyhow::Result;
use harness::{
    loadgen::{Loadgen, reports_html},
    process::{program, repository, run},
    service::Site,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_gets_from_an_empty_folder_to_a_report() -> Result<()> {
    let site = Site::new()?;
    let accounts = site.seed(50, 20, 200)?;
    let service = site.start()?;
    let smoke = repository().join("scenarios/smoke.yaml");
    let accounts = format!("accounts={}", accounts.display());
    let finished = Loadgen::run_file(&smoke, &service.url)?.args(&["--var", &accounts]).finish()?;
    let record = finished.record()?;
    let (summary, judgement) = record.conclude()?;
    assert!(summary.completed >= 20, "{:?}", finished.ended);
    assert_eq!(summary.failed, 0, "{:#?}", record.errors);
    assert_eq!(finished.ended.code, Some(i32::from(judgement.exit)));
    assert!(
        finished.ended.stderr.contains(&judgement.sentence),
        "the verdict is said: {}",
        finished.ended.stderr
    );
    let observed = summary.observed.iter().filter(|it| it.value.is_some()).count();
    assert!(observed >= 1, "the service's own figures are in the record: {:?}", summary.observed);
    // A record holds what was measured, never what opens an account.
    let text = fs::read_to_string(finished.record_folder().join("run.json"))?;
    assert!(!text.contains("eyJ"), "a token is in the record");

    let page = finished.record_folder().join("report.html");
    let drawn = reports_html(&finished.record_folder(), &page)?;
    assert_eq!(drawn.code, Some(0), "{}", drawn.stderr);
    super::page::is_readable_everywhere(&page).await?;

    let gate =
        run(std::process::Command::new(program("reports")?).arg("gate").arg(finished.record_folder()))?;
    assert_eq!(gate.code, finished.ended.code, "one verdict, wherever it is asked for: {}", gate.stderr);
    Ok(())
}
