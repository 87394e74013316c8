//! Exchanges become steps: in their order, with the pauses between them, those that overlap side by side.

use std::collections::HashSet;

use url::Url;

use super::{
    account::{self, SignIn},
    exchange::Exchange,
    reuse::Reuse,
};
use crate::import::{
    journey::{Action, Flow, Request, Step},
    naming::path_template,
    secrets::Secrets,
};

/// Shorter pauses are the browser's, not the user's, seconds.
const SHORTEST_PAUSE_S: f64 = 0.3;

/// Which part of the scenario each exchange belongs to.
#[derive(Debug)]
pub struct Sections {
    /// 0: once a user; 1 and on: flows.
    pub section: Vec<usize>,
    /// The exchange that the browser was redirected to.
    pub target: Vec<Option<usize>>,
}

impl Sections {
    /// Signing in is done once by each user, if the recording goes on as that user afterwards; all else are flows.
    pub fn of(exchanges: &[Exchange], sign_in: Option<&SignIn>, flow_per_page: bool) -> Self {
        let target: Vec<Option<usize>> =
            (0..exchanges.len()).map(|index| target_of(exchanges, index)).collect();
        // Where the sign-in led is where every iteration begins.
        let led_to = sign_in.map(|it| {
            let mut at = it.at;
            while let Some(next) = target[at] {
                at = next;
            }
            if at > it.at { at } else { at + 1 }
        });
        let begins =
            led_to.filter(|at| *at < exchanges.len() && !exchanges[*at..].iter().any(account::is_sign_out));
        let begins = begins.unwrap_or(0);
        let mut pages: Vec<&Option<String>> = Vec::new();
        let section = exchanges.iter().enumerate().map(|(index, exchange)| {
            if index < begins {
                return 0;
            }
            if !flow_per_page {
                return 1;
            }
            match pages.iter().position(|page| **page == exchange.page) {
                Some(at) => at + 1,
                None => {
                    pages.push(&exchange.page);
                    pages.len()
                }
            }
        });
        Self { section: section.collect(), target }
    }

    /// How many flows there are.
    pub fn flows(&self) -> usize {
        self.section.iter().copied().max().unwrap_or(0)
    }
}

/// The exchange that a redirect led to: the next but few that asks for where it pointed.
fn target_of(exchanges: &[Exchange], index: usize) -> Option<usize> {
    let location = exchanges[index].location.as_ref()?;
    let mut location = location.clone();
    location.set_fragment(None);
    let next = exchanges.iter().enumerate().skip(index + 1).take(8);
    next.filter(|(_, it)| it.sent.url == location).map(|(at, _)| at).next()
}

/// Cookies that were sent before anything in the recording set them.
pub fn cookies_from_before(exchanges: &[Exchange]) -> Vec<&str> {
    let mut set: HashSet<&str> = HashSet::new();
    let mut unknown: Vec<&str> = Vec::new();
    for exchange in exchanges {
        for name in &exchange.cookies {
            if !set.contains(name.as_str()) && !unknown.contains(&name.as_str()) && !name.starts_with('_') {
                unknown.push(name);
            }
        }
        let headers = exchange.headers.iter().filter(|(name, _)| name == "set-cookie");
        set.extend(
            headers.flat_map(|(_, value)| value.lines()).filter_map(|it| Some(it.split_once('=')?.0.trim())),
        );
    }
    unknown
}

/// Makes the steps.
pub struct Maker<'a> {
    /// What is replayed.
    pub exchanges: &'a [Exchange],
    /// When the browser was busy, seconds.
    pub busy: &'a [(f64, f64)],
    /// Which part each exchange belongs to.
    pub plan: &'a Sections,
    /// What came from answers.
    pub reuse: &'a Reuse,
    /// Who signed in.
    pub sign_in: Option<&'a SignIn>,
    /// What is kept out of the scenario.
    pub secrets: &'a mut Secrets,
    /// The site.
    pub home: &'a Url,
    /// Pages and their titles.
    pub titles: &'a [(String, String)],
}

impl Maker<'_> {
    /// The steps of a section.
    pub fn steps(&mut self, section: usize) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let mut page: Option<&Option<String>> = None;
        // Requests that began before any of them had ended.
        let mut together: Vec<(Request, f64)> = Vec::new();
        let mut done: HashSet<usize> = HashSet::new();
        let exchanges = self.exchanges;
        for (index, exchange) in exchanges.iter().enumerate() {
            if self.plan.section[index] != section || done.contains(&index) {
                continue;
            }
            let (request, end_s) = self.request(index, section, &mut done);
            let first_end = together.iter().map(|(_, end)| *end).fold(f64::INFINITY, f64::min);
            let turned = page != Some(&exchange.page);
            let saved =
                |name: &str| together.iter().any(|(it, _)| it.save.iter().any(|(saved, _)| saved == name));
            let needs = self.reuse.uses(index).any(saved);
            if exchange.start_s >= first_end || needs || exchange.document || turned {
                flush(&mut together, &mut steps);
                if !steps.is_empty() {
                    steps.extend(self.pause_before(exchange.start_s).map(Step::think));
                }
            }
            together.push((request, end_s));
            if turned || exchange.document {
                page = Some(&exchange.page);
                let comment = self.title(exchange);
                flush(&mut together, &mut steps);
                if let (Some(step), true) = (steps.last_mut(), turned) {
                    step.comment = comment;
                }
            }
        }
        flush(&mut together, &mut steps);
        steps
    }

    /// The request, with the answer of where it was redirected to, and when that had come.
    fn request(&mut self, index: usize, section: usize, done: &mut HashSet<usize>) -> (Request, f64) {
        let (reuse, sign_in) = (self.reuse, self.sign_in);
        let secrets = &mut *self.secrets;
        let mut request = self.exchanges[index].sent.request(self.home, &mut |place, value| {
            reuse.put(index, place, value).or_else(|| account::put(sign_in, secrets, place, value))
        });
        request.stay = reuse.stays(index, &self.plan.target);
        let mut last = index;
        if !request.stay {
            while let Some(next) = self.plan.target[last] {
                if self.plan.section[next] != section {
                    // Its answer is the next part's; followed all the same, it is what is promised here.
                    last = next;
                    break;
                }
                done.insert(next);
                last = next;
            }
        }
        let answer = &self.exchanges[last];
        if last == index || self.plan.section[last] == section {
            request.save.clone_from(&reuse.saves[last]);
        }
        // What a browser had, loadgen asks for anew; what led nowhere that was recorded is not known.
        let known =
            answer.status != 304 && answer.status < 600 && (request.stay || answer.location.is_none());
        request.status = if known { vec![answer.status.to_string()] } else { Vec::new() };
        (request, answer.end_s)
    }

    /// The user's pause before something that began at `start_s`: since the browser was last busy.
    fn pause_before(&self, start_s: f64) -> Option<f64> {
        let before = self.busy.iter().filter(|(start, _)| *start < start_s);
        let (mut idle_from, mut busy) = (f64::NEG_INFINITY, false);
        for (_, end) in before {
            busy |= *end > start_s;
            idle_from = idle_from.max(*end);
        }
        let pause = (start_s - idle_from).min(24.0 * 3600.0);
        (!busy && pause.is_finite() && pause >= SHORTEST_PAUSE_S).then(|| (pause * 10.0).round() / 10.0)
    }

    fn title(&self, exchange: &Exchange) -> String {
        let title = exchange.page.as_ref().and_then(|page| self.titles.iter().find(|(id, _)| id == page));
        match title.map(|(_, title)| title.trim()) {
            // Some browsers give a page its URL as title, and URLs hold what nobody else should read.
            Some(title) if !title.is_empty() && !title.contains("://") => format!("The page \"{title}\"."),
            _ => format!("The page {}.", path_template(exchange.sent.url.path())),
        }
    }

    /// What a flow is called: the journey's host, or the page.
    pub fn flow_name(&self, section: usize, others: &[Flow]) -> String {
        let first = self.plan.section.iter().position(|it| *it == section).map(|at| &self.exchanges[at]);
        let name = match first {
            Some(first) if self.plan.flows() > 1 => path_template(first.sent.url.path()),
            _ => "the recorded journey".to_owned(),
        };
        let taken = others
            .iter()
            .filter(|flow| flow.name == name || flow.name.starts_with(&format!("{name} (")))
            .count();
        if taken > 0 { format!("{name} ({})", taken + 1) } else { name }
    }
}

fn flush(together: &mut Vec<(Request, f64)>, steps: &mut Vec<Step>) {
    let requests: Vec<Request> = together.drain(..).map(|(request, _)| request).collect();
    match requests.len() {
        0 => {}
        1 => steps.extend(requests.into_iter().map(Step::request)),
        _ => steps.push(Step { comment: String::new(), action: Action::Parallel(requests) }),
    }
}
