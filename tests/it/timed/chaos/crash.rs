use std::time::Instant;

use ::stack::topology::Queue;
use ::stack::{Phase, Plan};
use anyhow::{Context as _, Result};
use harness::visits::compare;

use super::errands::Errands;
use super::{Loaded, pass};

/// A minute of writes; a process of the service, PostgreSQL and RabbitMQ are killed in it, each with time to come back.
#[test]
fn what_was_acknowledged_is_there_after_every_kind_of_crash() -> Result<()> {
    let plan = Plan { queue: Queue::Rabbitmq, ..Plan::of(Phase::Single) };
    let Loaded { topology, tokens, visits, per_s } = Loaded::start(plan)?;
    let main = topology.parts().main.as_ref().context("PostgreSQL")?;
    let rabbitmq = topology.parts().rabbitmq.as_ref().context("RabbitMQ")?;
    let begun = Instant::now();
    let errands = Errands::start(&topology.url(), tokens.clone())?;

    pass(5.0);
    let service = &topology.services()[0];
    service.kill();
    pass(2.0);
    service.start_again()?;
    pass(8.0);
    main.primary.kill();
    pass(1.0);
    main.primary.start_again()?;
    pass(8.0);
    rabbitmq.kill();
    pass(2.0);
    rabbitmq.start_again()?;
    pass((60.0 - begun.elapsed().as_secs_f64()).max(5.0));

    let end = Instant::now();
    let (seen, errands) = (visits.finish()?, errands.finish()?);
    eprintln!(
        "{}; {} exports, {} registrations",
        seen.summary(),
        errands.exports.len(),
        errands.emails.len()
    );
    let least = per_s * 60.0 / 2.0;
    assert!(seen.written() as f64 > least, "too few writes to say anything: {}", seen.summary());
    let last = seen.failed_between(end - std::time::Duration::from_secs(5), end);
    assert!(last.is_empty(), "it did not recover by itself: {last:?}");
    let (lost, doubled) = compare(&topology.url(), &tokens, &seen)?;
    assert!(lost.is_empty(), "{} of {} acknowledged tasks are lost", lost.len(), seen.written());
    assert!(doubled.is_empty(), "made twice: {doubled:?}");
    assert!(errands.exports.len() > 60 && errands.emails.len() > 20, "too little work to say anything");
    errands.are_done(&topology.url(), &tokens)?;
    errands.mailed_once(&topology.folder().join("service.db.mail"))
}
