//! The commands about what more costs: `plan` and `prices`.

use std::path::Path;

use record::Exit;

use crate::{
    STDOUT, cli,
    cost::{self, Catalogue},
    export,
    failure::Failure,
    one_to_stdout, plan as planner, write,
};

/// `reports plan`.
///
/// # Errors
/// Records, phases or prices that cannot be used; a file that cannot be written.
pub fn plan(args: &cli::Plan) -> Result<Exit, Failure> {
    let stdout_taken = one_to_stdout(&[args.out.as_deref(), args.json.as_deref(), args.markdown.as_deref()])?;
    let found = planner::plan(&args.records, args.phases.as_deref(), args.prices.as_deref())?;
    if let Some(path) = &args.json {
        write(path, &export::json(&found)?)?;
    }
    if let Some(path) = &args.out {
        write(path, &export::plan_html(&found))?;
    }
    if let Some(path) = &args.markdown {
        write(path, &export::plan_markdown(&found))?;
    }
    if let Some(folder) = &args.svg {
        export::plan_svg(&found, folder)?;
    }
    if stdout_taken {
        eprintln!("{}", found.answer.sentence);
    } else {
        write(Path::new(STDOUT), &export::plan(&found))?;
    }
    for (name, path) in [("page", &args.out), ("figures", &args.svg)] {
        if let Some(path) = path.as_deref().filter(|path| *path != Path::new(STDOUT)) {
            eprintln!("{name}: {}", path.display());
        }
    }
    Ok(Exit::Pass)
}

/// `reports html` of a capacity search, or of several runs: the page of their plan.
///
/// # Errors
/// As those of [`plan`].
pub fn page(args: &cli::Html) -> Result<Exit, Failure> {
    if !args.against.baseline.is_empty() {
        return Err(Failure::usage(
            "a page is held against a baseline with one run, and not with a search or several runs; name one record, or hold \
             several against a baseline with `reports gate` and against each other with `reports compare`",
        ));
    }
    let records = args.records.clone();
    let (out, json, svg) = (Some(args.out.clone()), args.json.clone(), args.svg.clone());
    plan(&cli::Plan { records, phases: None, prices: None, out, json, markdown: None, svg })
}

/// `reports prices`.
///
/// # Errors
/// The file cannot be read; of `list`, also a line that is no price.
pub fn prices(args: &cli::Prices) -> Result<Exit, Failure> {
    match &args.command {
        cli::PricesCommand::List(filter) => list(filter),
        cli::PricesCommand::Check(check) => look(check),
    }
}

fn list(filter: &cli::Filter) -> Result<Exit, Failure> {
    let catalogue = Catalogue::read(filter.prices.as_deref())?;
    let holds = |wanted: &Option<String>, name: &str| {
        wanted.as_ref().is_none_or(|wanted| name.to_lowercase().contains(&wanted.to_lowercase()))
    };
    let found: Vec<_> = catalogue
        .prices
        .iter()
        .filter(|price| {
            holds(&filter.service, &price.service)
                && holds(&filter.sku, &price.sku)
                && holds(&filter.region, &price.region)
        })
        .collect();
    if filter.json {
        write(Path::new(STDOUT), &export::json(&found)?)?;
    } else if found.is_empty() {
        eprintln!("no price of {} matches", catalogue.file);
    } else {
        write(Path::new(STDOUT), &export::prices(&found))?;
        eprintln!("{}: {} in {}", catalogue.file, catalogue.place(), catalogue.currency());
    }
    Ok(Exit::Pass)
}

fn look(check: &cli::Check) -> Result<Exit, Failure> {
    let (catalogue, wrong) = Catalogue::open(check.prices.as_deref())?;
    let on = check.on.or_else(|| catalogue.newest());
    let found = cost::check(&catalogue, &wrong, on.unwrap_or_default());
    if check.json {
        write(Path::new(STDOUT), &export::json(&found)?)?;
    } else {
        write(Path::new(STDOUT), &export::findings(&found))?;
    }
    Ok(if found.iter().any(|it| it.error) { Exit::Usage } else { Exit::Pass })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    const SEARCH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/search");

    fn asked() -> cli::Plan {
        let records = vec![PathBuf::from(SEARCH)];
        cli::Plan { records, phases: None, prices: None, out: None, json: None, markdown: None, svg: None }
    }

    #[test]
    fn a_plan_is_written_as_page_json_markdown_and_figures_and_a_search_s_page_is_that_page() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let args = cli::Plan {
            out: Some(at("plan.html")),
            json: Some(at("plan.json")),
            markdown: Some(at("plan.md")),
            svg: Some(at("figures")),
            ..asked()
        };
        assert_eq!(plan(&args).unwrap(), Exit::Pass);
        let read = |name: &str| fs::read_to_string(at(name)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&read("plan.json")).unwrap();
        assert_eq!(json["schema"], "headroom.plan/1");
        assert!(json["phases"][0]["mid"].is_string(), "money is text, so that nobody reads it as a float");
        assert!(read("plan.md").starts_with("### Safe up to 9,888 requests a second"));
        assert_eq!(fs::read_dir(at("figures")).unwrap().count(), 7);
        let search = cli::Html {
            records: vec![SEARCH.into()],
            out: at("other.html"),
            json: None,
            svg: None,
            against: cli::Against { baseline: Vec::new(), least_effect: 0.05 },
        };
        page(&search).unwrap();
        assert!(read("plan.html") == read("other.html"));
        let against = cli::Against { baseline: vec![at("baselines")], ..search.against };
        let held = page(&cli::Html { against, ..search }).unwrap_err();
        assert!(
            held.exit == Exit::Usage && held.message.contains("with one run, and not with a search"),
            "{held}"
        );
    }

    #[test]
    fn two_documents_do_not_share_stdout_and_folders_without_records_are_refused() {
        let both = cli::Plan { out: Some("-".into()), json: Some("-".into()), ..asked() };
        assert_eq!(plan(&both).unwrap_err().exit, Exit::Usage);
        let none = cli::Plan { records: vec!["/nowhere".into()], ..asked() };
        assert_eq!(plan(&none).unwrap_err().exit, Exit::Usage);
        let phases = cli::Plan { phases: Some("/nowhere.yaml".into()), ..asked() };
        assert!(plan(&phases).unwrap_err().message.starts_with("cannot read the phases /nowhere.yaml"));
    }

    #[test]
    fn a_file_of_prices_that_would_make_a_wrong_bill_fails_its_check() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prices.csv");
        let text = include_str!("../prices/aws-us-east-1.csv");
        let checked = |text: String| {
            fs::write(&path, text).unwrap();
            look(&cli::Check { prices: Some(path.clone()), on: None, json: false }).unwrap()
        };
        assert_eq!(checked(text.to_owned()), Exit::Pass, "stale prices are a warning");
        assert_eq!(checked(text.replace(",51200,153600,", ",60000,153600,")), Exit::Usage);
        assert_eq!(checked(text.replace(",0.0416,", ",?,")), Exit::Usage);
        assert_eq!(checked("nonsense\n".to_owned()), Exit::Usage);
        let filter =
            cli::Filter { prices: None, service: Some("EC2".into()), sku: None, region: None, json: true };
        assert_eq!(list(&filter).unwrap(), Exit::Pass);
    }
}
