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

/// `reports html` of a capacity search: the page of its plan.
///
/// # Errors
/// As those of [`plan`].
pub fn page(args: &cli::Html) -> Result<Exit, Failure> {
    let records = vec![args.record.clone()];
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
