//! `loadgen once`: every flow once, by one user, every request and response shown.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use record::{Exit, unit::show_us};

use crate::{
    cli::OnceArgs,
    engine::{Engine, Parts},
    flow::user::{Due, VirtualUser},
    outputs, plan, run,
    share::Share,
    stop::Stop,
    transport::{Exchange, Failure},
    witness::{self, Witness},
};

/// Does each flow once and prints what went over the wire. Exit code 10 when a flow did not come to its end.
pub fn once(arguments: &OnceArgs) -> Result<Exit, Stop> {
    let plan = plan::load(&arguments.scenario.file, &arguments.scenario.overrides())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let transport = run::reach(&plan, arguments.reach.insecure).await?;
        let parts = Parts {
            seed: arguments.seed,
            share: Share::WHOLE,
            threads: 1,
            transport,
            control: Arc::default(),
            witness: Witness::of_all(Box::new(show)).and_blocks(Box::new(show_block)),
            ceiling: None,
            header_counts: Vec::new(),
        };
        let engine = Engine::start(plan, parts).map_err(Stop::Usage)?;
        engine.start.get_or_init(std::time::Instant::now);
        let mut user = VirtualUser::new(engine, 0);
        let mut went = true;
        if !engine.plan.on_start.is_empty() {
            outputs::print("── on_start\n\n")?;
            let due = Due::at_once(std::time::Instant::now());
            went &= user.start(due).await.unwrap_or(false);
        }
        for (index, flow) in engine.plan.flows.iter().enumerate() {
            outputs::print(&format!("── {}\n\n", flow.name))?;
            went &= user.once(index).await.unwrap_or(false);
        }
        Ok(if went { Exit::Pass } else { Exit::BudgetMissed })
    })
}

fn show_block(what: &str) {
    // As with requests, the command's own next print reports a closed pipe.
    let _ = outputs::print(&format!("· {what}\n\n"));
}

fn show(request: &str, sent: &str, seen: Option<&Exchange>, failure: Option<&Failure>, response: Duration) {
    let mark = if failure.is_some() { "✘" } else { "✔" };
    let mut text = format!("{mark} {request}   {}\n", show_us(response.as_secs_f64() * 1e6));
    let mut block = |arrow: &str, lines: &str| {
        for line in lines.lines() {
            let _ = writeln!(text, "  {arrow} {line}");
        }
    };
    block(">", sent);
    if let Some(exchange) = seen {
        block("<", &witness::describe(exchange));
    }
    if let Some(failure) = failure {
        block("!", &format!("{}: {}", failure.kind, failure.detail));
    }
    text.push('\n');
    // A closed pipe ends the view; the next print of the command itself reports it.
    let _ = outputs::print(&text);
}
