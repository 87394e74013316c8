//! A journey as a scenario file.

use std::collections::HashSet;

use record::unit::show_number;

use super::{
    journey::{Action, Body, Data, Flow, Journey, Load, Part, Pause, Request, Source, Stage, Step},
    text::Text,
    yaml::{self, Node},
};

/// The text of the scenario; `file_of` says by what name a data set's file is found from it.
pub fn scenario(journey: &Journey, file_of: &dyn Fn(&Data) -> String) -> String {
    let mut entries = vec![
        ("version", Node::bare("1")),
        ("name", Node::text(journey.name.as_str())),
        ("about", Node::text(journey.about.as_str())),
        ("target", target(journey)),
    ];
    if !journey.vars.is_empty() {
        let vars = journey
            .vars
            .iter()
            .map(|(name, value, comment)| (name.as_str(), Node::text(value.as_str()).about(comment)));
        entries.push(("vars", Node::map(vars).block()));
    }
    if !journey.data.is_empty() {
        let sets = journey.data.iter().map(|data| (data.set.as_str(), data_set(data, file_of(data))));
        entries.push(("data", Node::map(sets).block()));
    }
    entries.push(("load", load(&journey.load)));
    if !journey.on_start.is_empty() {
        let comment = "Once by each user, before its first iteration.";
        entries.push(("on_start", steps(&journey.on_start).about(comment)));
    }
    let mut defaults = Vec::new();
    if !journey.headers.is_empty() {
        defaults.push(("headers", headers(&journey.headers)));
    }
    if journey.stay {
        defaults.push(("follow_redirects", Node::bare("false")));
    }
    if !defaults.is_empty() {
        entries.push(("defaults", Node::map(defaults)));
    }
    entries.push(("flows", Node::list(journey.flows.iter().map(flow).collect()).block()));
    let comment = "What has to hold; a latency such as `- { p95: 200ms }` is for you to decide.";
    let budget = Node::map([("error_rate", Node::text("1%"))]);
    entries.push(("budgets", Node::list(vec![budget]).block().about(comment)));

    let mut head = vec!["yaml-language-server: $schema=scenario.schema.json".to_owned()];
    head.extend(journey.head.iter().cloned());
    let entries: Vec<_> = entries.into_iter().map(|(key, node)| (key.to_owned(), node)).collect();
    yaml::write(&head, &entries)
}

fn target(journey: &Journey) -> Node {
    let node = Node::map([("base_url", Node::text(journey.base_url.as_str()))]);
    let host = url::Url::parse(&journey.base_url).ok().and_then(|url| url.host_str().map(str::to_owned));
    match host.filter(|host| !is_loopback(host)) {
        None => node,
        Some(host) => node.about(&format!(
            "Nothing is sent there before its owner's consent is written down: `allow: [{host}]` here, or --allow {host}."
        )),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn data_set(data: &Data, file: String) -> Node {
    let pick = if data.unique { "unique" } else { "random" };
    Node::map([("csv", Node::text(file)), ("pick", Node::text(pick))]).about(&data.comment)
}

fn load(load: &Load) -> Node {
    match load {
        Load::Users { users, comment } => {
            let stage = Node::map([("users", Node::bare(users.to_string())), ("hold", Node::text("1m"))]);
            let users = Node::map([("stages", Node::list(vec![stage])), ("think", Node::text("1s"))]);
            Node::map([("users", users)]).block().about(comment)
        }
        Load::Arrivals { process, max_in_flight, stages, comment } => {
            let stages = stages.iter().map(stage).collect();
            let arrivals = Node::map([
                ("process", Node::text(*process)),
                ("max_in_flight", Node::bare(max_in_flight.to_string())),
                ("stages", Node::list(stages).block()),
            ]);
            Node::map([("arrivals", arrivals.block())]).block().about(comment)
        }
    }
}

fn stage(stage: &Stage) -> Node {
    let rate = Node::text(format!("{}/s", six_digits(stage.rate)));
    Node::map([("rate", rate), ("hold", Node::text(seconds(stage.seconds)))]).about(&stage.comment)
}

/// A number of at least six significant digits, never with an exponent.
fn six_digits(number: f64) -> String {
    let decimals = if number > 0.0 { (5.0 - number.log10().floor()).clamp(0.0, 18.0) } else { 0.0 };
    let text = format!("{number:.0$}", decimals as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A duration to the millisecond as scenarios write it.
pub fn seconds(seconds: f64) -> String {
    let ms = (seconds * 1000.0).round().max(0.0) as u64;
    let (h, min, rest) = (ms / 3_600_000, ms / 60_000 % 60, ms % 60_000);
    let mut text = String::new();
    if h > 0 {
        text += &format!("{h}h");
    }
    if min > 0 {
        text += &format!("{min}m");
    }
    match (rest / 1000, rest % 1000) {
        (0, 0) if !text.is_empty() => {}
        (0, ms) => text += &format!("{ms}ms"),
        (s, 0) => text += &format!("{s}s"),
        (s, ms) => text += format!("{s}.{ms:03}").trim_end_matches('0'),
    }
    if !text.ends_with(|c: char| c.is_ascii_alphabetic()) {
        text.push('s');
    }
    text
}

fn flow(flow: &Flow) -> Node {
    let mut entries = vec![("name", Node::text(flow.name.as_str()))];
    if let Some(weight) = flow.weight {
        entries.push(("weight", Node::bare(show_weight(weight))));
    }
    entries.push(("steps", steps(&flow.steps)));
    Node::map(entries).block().about(&flow.comment)
}

fn show_weight(weight: f64) -> String {
    if weight.fract() == 0.0 { format!("{weight:.0}") } else { six_digits(weight) }
}

fn steps(steps: &[Step]) -> Node {
    Node::list(steps.iter().map(step).collect()).block()
}

fn step(step: &Step) -> Node {
    let node = match &step.action {
        Action::Request(it) => request(it),
        Action::Parallel(requests) => {
            Node::map([("parallel", Node::list(requests.iter().map(request).collect()).block())]).block()
        }
        Action::Loop(times, inner) => {
            let times = if times.parse::<u64>().is_ok() {
                Node::bare(times.as_str())
            } else {
                Node::text(times.as_str())
            };
            Node::map([("loop", times), ("steps", steps(inner))]).block()
        }
        Action::Choose { again: true, .. } => Node::map([("choose", Node::bare("*requests"))]).block(),
        Action::Choose { branches, .. } => {
            let branches = branches.iter().map(|(weight, inner)| {
                Node::map([("weight", Node::bare(show_weight(*weight))), ("steps", steps(inner))]).block()
            });
            Node::map([("choose", Node::list(branches.collect()).block().anchored("requests"))]).block()
        }
        Action::Think(Pause::Constant(time)) => Node::map([("think", Node::text(seconds(*time)))]).block(),
        Action::Think(Pause::LogNormal(median, p95)) => {
            let law = [("median", Node::text(seconds(*median))), ("p95", Node::text(seconds(*p95)))];
            Node::map([("think", Node::map([("lognormal", Node::map(law))]))]).block()
        }
    };
    node.about(&step.comment)
}

fn request(request: &Request) -> Node {
    let mut entries = Vec::new();
    if let Some(condition) = &request.condition {
        entries.push(("if", Node::text(condition.as_str())));
    }
    let method = request.method.to_ascii_lowercase();
    entries.push((&method, text(&request.url)));
    if !request.name.trim().is_empty() {
        // A name is the same for every user: it holds no placeholders.
        entries.push(("name", Node::text(request.name.trim().replace("${", "$ {"))));
    }
    if !request.headers.is_empty() {
        entries.push(("headers", headers(&request.headers)));
    }
    match &request.body {
        None => {}
        Some(Body::Json(value)) => entries.push(("json", Node::json(value))),
        Some(Body::Form(pairs)) => {
            entries.push(("form", Node::map(pairs.iter().map(|(key, value)| (key.as_str(), text(value))))));
        }
        Some(Body::Multipart(parts)) => {
            entries.push(("multipart", multipart(parts)));
        }
        Some(Body::GraphQl(query, variables)) => {
            let query = [("query", text(query))].into_iter();
            let variables = variables.as_ref().map(|it| ("variables", Node::json(it)));
            // The language has the short form for POST alone.
            let key = if request.method == "POST" { "graphql" } else { "json" };
            entries.push((key, Node::map(query.chain(variables))));
        }
        Some(Body::Text(body)) => entries.push(("body", text(body))),
    }
    if request.stay {
        entries.push(("follow_redirects", Node::bare("false")));
    }
    match request.status.as_slice() {
        [] => {}
        [one] => entries.push(("expect", Node::map([("status", status(one))]))),
        many => {
            let list = Node::list(many.iter().map(|it| status(it)).collect());
            entries.push(("expect", Node::map([("status", list)])));
        }
    }
    if !request.save.is_empty() {
        let save = request.save.iter().map(|(name, source)| (name.as_str(), self::source(source)));
        entries.push(("save", Node::map(save)));
    }
    Node::map(entries).block()
}

fn status(text: &str) -> Node {
    if text.parse::<u16>().is_ok() { Node::bare(text) } else { Node::text(text) }
}

/// Fields by their names, in the order they first come in.
fn multipart(parts: &[Part]) -> Node {
    let mut fields: Vec<(&str, Vec<Node>)> = Vec::new();
    for part in parts {
        let made = self::part(part);
        match fields.iter_mut().find(|(name, _)| *name == part.name) {
            Some((_, all)) => all.push(made),
            None => fields.push((&part.name, vec![made])),
        }
    }
    let files = parts.iter().any(|part| part.file_name.is_some());
    let comment = if files { "Put a file where one was: `{ file: photo.jpg }`." } else { "" };
    Node::map(
        fields
            .into_iter()
            .map(|(name, mut all)| (name, if all.len() == 1 { all.remove(0) } else { Node::list(all) })),
    )
    .about(comment)
}

fn part(part: &Part) -> Node {
    // A content type is a header's text, the same for every user.
    let fixed = |mime: &&String| !mime.contains("${") && http::HeaderValue::from_str(mime).is_ok();
    match part.content_type.as_ref().filter(fixed) {
        None => text(&part.value),
        Some(mime) => Node::map([("text", text(&part.value)), ("type", Node::text(mime.as_str()))]),
    }
}

fn source(source: &Source) -> Node {
    let (key, value) = match source {
        Source::Json(path) => return Node::text(path.as_str()),
        Source::Header(name) => ("header", name),
        Source::Cookie(name) => ("cookie", name),
        Source::Input(name) => ("input", name),
        Source::Meta(name) => ("meta", name),
        Source::Regex(regex) => ("regex", regex),
    };
    Node::map([(key, Node::text(value.as_str()))])
}

/// Headers by name; of several of one name the first.
fn headers(headers: &[(String, Text)]) -> Node {
    let mut seen = HashSet::new();
    let first = headers.iter().filter(|(name, _)| seen.insert(name.to_ascii_lowercase()));
    Node::map(first.map(|(name, value)| (name.as_str(), text(value))))
}

fn text(text: &Text) -> Node {
    Node::text(text.as_str())
}

/// A count with the word for it.
pub fn count(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{} {many}", show_number(count as f64)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use record::unit::parse_duration;

    use super::*;

    proptest! {
        #[test]
        fn a_duration_is_read_back_to_the_millisecond(ms in 0_u64..400_000_000) {
            let text = seconds(ms as f64 / 1000.0);
            prop_assert_eq!(parse_duration(&text).unwrap().as_millis() as u64, ms, "{}", text);
        }

        #[test]
        fn a_rate_keeps_six_digits(rate in prop_oneof![1e-6..1.0_f64, 1.0..1e6_f64]) {
            let text = six_digits(rate);
            prop_assert!(!text.contains('e'));
            prop_assert!((text.parse::<f64>().unwrap() / rate - 1.0).abs() < 1e-5, "{rate} {text}");
        }
    }
}
