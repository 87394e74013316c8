use record::unit::{show_number, show_ratio};

use super::{
    PhasePlan, Prices, Safe,
    inputs::{Input, Rests},
    loads::Seen,
    size::Ground,
};
use crate::capacity::Basis;

/// What a reader must know before using a figure.
pub fn caveats(
    seen: &Seen,
    safe: &Safe,
    inputs: &[Input],
    phases: &[PhasePlan],
    prices: &Prices,
) -> Vec<String> {
    let mut notes = seen.notes.clone();
    if safe.at_least {
        notes.push(
            "No load broke a budget, so the capacity of an instance is at least what is shown, and the phases may need \
             fewer instances; a search (loadgen capacity) finds the limit."
                .to_owned(),
        );
    }
    if safe.requests_per_user.is_none() {
        notes.push(
            "Nothing measured says how many requests a user makes; users rest on an assumption. Give a run of the closed \
             model, or `requests_per_user` in the file of phases."
                .to_owned(),
        );
    }
    if seen.setting.target.loopback {
        notes.push(
            "The service ran on the machine that made the load: no answer crossed a network, and unless the two were kept \
             apart each took processor time from the other."
                .to_owned(),
        );
    }
    if phases.iter().any(|phase| matches!(phase.basis, Basis::Refused { .. })) {
        notes.push(
            "A phase whose basis is “refused” was not extrapolated: it is a count of instances, each as measured, and what \
             they share (database, cache) is sized by assumptions. Measure it before you buy it."
                .to_owned(),
        );
    }
    let assumed: Vec<&str> =
        inputs.iter().filter(|input| input.rests == Rests::Assumed).map(|input| input.label).collect();
    if !assumed.is_empty() {
        notes.push(format!(
            "Assumed, not measured: {}. The file of phases (`assume`) takes better values.",
            assumed.join(", ")
        ));
    }
    for phase in phases {
        for item in &phase.bill.unpriced {
            notes.push(format!("The cost of {} is a floor: {item}.", phase.name));
        }
    }
    if !prices.stale.is_empty() {
        notes.push(format!(
            "Prices older than {} days at the newest run: {}.",
            crate::cost::STALE_DAYS,
            prices.stale.join(", ")
        ));
    }
    if !prices.untraceable.is_empty() {
        notes.push(format!(
            "Prices that nobody can trace to the provider: {}.",
            prices.untraceable.join(", ")
        ));
    }
    notes.push(
        "Not counted: people, support plans, taxes, e-mail, domain names, a content network, and discounts that are \
         negotiated."
            .to_owned(),
    );
    notes
}

/// How the figures were made.
pub fn method(ground: &Ground) -> Vec<String> {
    let machine = ground.cores.map_or_else(
        || "The machine that was measured is not known, so an instance of any size is taken to carry what was measured.".to_owned(),
        |cores| {
            format!(
                "Measured on {} cores; an instance with fewer virtual processors is taken to carry that much less, one with \
                 more no more.",
                show_number(cores)
            )
        },
    );
    vec![
        "Percentiles are of merged histograms of response time, from the due instant to the last byte; intervals are \
         95 %, of order statistics."
            .to_owned(),
        "The safe rate is the highest of which every budget was kept with its upper confidence bound; users at once are \
         that rate over the requests a second of one user (Little's law)."
            .to_owned(),
        "Instances: peak ÷ (capacity of one × target utilisation), rounded up, at least the minimum, and on top one more or \
         Z ÷ (Z − 1) where an instance or a zone may be lost. With autoscaling each is paid from its order on."
            .to_owned(),
        machine,
        format!(
            "Databases: queries = requests × queries a request; {} of them are taken to follow the cache's misses. Writes go \
             to primaries, so they decide the shards; all queries decide the replicas.",
            show_ratio(ground.miss_ratio)
        ),
        "A month has 730 hours; its requests are the mean of a smooth day, the same every day. Balancer units are the \
         largest of four dimensions each hour. GB are of 1,073,741,824 bytes. Logs are kept for 30 days, backups for 7 with \
         5 % of changes a day."
            .to_owned(),
        "Money is decimal: each line is rounded to the cent, and the lines add up to the total. What has no price is listed \
         and makes the total “at least”."
            .to_owned(),
        "From low to high: each input that nobody decides is varied over its range, and the differences are added as the \
         root of the sum of squares, below and above."
            .to_owned(),
    ]
}
