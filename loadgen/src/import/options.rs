//! The command line of `loadgen import`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Where a scenario is made from.
#[derive(Debug, Subcommand)]
pub enum From {
    /// A browser's recording: one journey with its think times, form tokens and sign-in made to work for any user
    #[command(after_help = "\
Record it in the browser's developer tools: Network, then \"Save all as HAR with content\". Chromium leaves cookies and
authorization out unless \"Allow to generate HAR with sensitive data\" is set; sign in while recording and neither is needed.

Examples:
  loadgen import har shop.har --out shop.yaml
  loadgen import har shop.har --host api.example.com --with-assets")]
    Har(Har),
    /// An OpenAPI 3.0 or 3.1 description, JSON or YAML: a flow of reads and one of writes for each tag
    #[command(after_help = "Example:\n  loadgen import openapi openapi.json --read-only --out api.yaml")]
    Openapi(OpenApi),
    /// A Postman collection, format 2.1: folders become flows
    #[command(after_help = "Example:\n  loadgen import postman collection.json --out api.yaml")]
    Postman(Postman),
    /// curl command lines, from a file or standard input: one flow
    #[command(after_help = "\
Examples:
  loadgen import curl requests.sh --out api.yaml
  wl-paste | loadgen import curl - --out one.yaml")]
    Curl(Curl),
    /// An access log (nginx, Apache, Caddy, JSON lines; also gzipped): its mix, its rate by hour, replayed
    #[command(after_help = "\
Every request line is counted by method and path without its ids; each becomes a flow by its share, its ids a data file
drawn from by their popularity. The rate of each hour becomes a stage.

Examples:
  loadgen import access-log access.log.gz --target http://127.0.0.1:8080 --out day.yaml
  loadgen import access-log access.log --speed 60 --out quick.yaml       # an hour in a minute
  loadgen import access-log access.log --amplify 2 --out double.yaml     # twice the traffic
  loadgen import access-log access.log --sessions --out visits.yaml      # users who stay for several requests")]
    AccessLog(AccessLog),
}

/// What every source takes.
#[derive(Debug, Args)]
pub struct Common {
    /// What to import; `-` is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Write the scenario here, its data files beside it [default: standard output, data files in this folder]
    #[arg(long, value_name = "FILE.yaml")]
    pub out: Option<PathBuf>,
    /// Replace files that exist
    #[arg(long)]
    pub force: bool,
    /// The scenario's name [default: the file's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The service to load [default: the one in the file]
    #[arg(long, value_name = "URL")]
    pub target: Option<String>,
}

/// Arguments of `import har`.
#[derive(Debug, Args)]
pub struct Har {
    #[command(flatten)]
    pub common: Common,
    /// Also take requests to this host (may be repeated) [default: the first page's host alone]
    #[arg(long, value_name = "HOST")]
    pub host: Vec<String>,
    /// Also take pictures, styles, scripts and fonts
    #[arg(long)]
    pub with_assets: bool,
    /// Make a flow of each page instead of one of the whole journey
    #[arg(long)]
    pub flow_per_page: bool,
    /// Keep this header although browsers set it themselves, such as `origin` (may be repeated)
    #[arg(long, value_name = "NAME")]
    pub keep_header: Vec<String>,
}

/// Arguments of `import openapi`.
#[derive(Debug, Args)]
pub struct OpenApi {
    #[command(flatten)]
    pub common: Common,
    /// Only GET and HEAD
    #[arg(long)]
    pub read_only: bool,
}

/// Arguments of `import postman`.
#[derive(Debug, Args)]
pub struct Postman {
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `import curl`.
#[derive(Debug, Args)]
pub struct Curl {
    #[command(flatten)]
    pub common: Common,
}

/// How arrivals are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Spacing {
    /// Evenly: each stage sends exactly what the log had
    Constant,
    /// As independent users arrive: bursts as in life, counts that vary by their square root
    Poisson,
}

/// Arguments of `import access-log`.
#[derive(Debug, Args)]
pub struct AccessLog {
    #[command(flatten)]
    pub common: Common,
    /// Replay so many times faster: durations are divided, rates multiplied
    #[arg(long, value_name = "F", default_value_t = 1.0, value_parser = crate::cli::positive)]
    pub speed: f64,
    /// So many times the traffic: rates are multiplied, durations stay
    #[arg(long, value_name = "F", default_value_t = 1.0, value_parser = crate::cli::positive)]
    pub amplify: f64,
    /// Length of a stage, of the log's time [default: 1h; shorter for logs of less than three hours]
    #[arg(long, value_name = "TIME", value_parser = stage_length)]
    pub every: Option<u64>,
    /// How arrivals are spaced within a stage
    #[arg(long, value_enum, default_value_t = Spacing::Constant)]
    pub process: Spacing,
    /// Replay visits, users who pause between several requests, instead of single requests
    #[arg(long)]
    pub sessions: bool,
    /// Also take what crawlers and monitors sent
    #[arg(long)]
    pub with_bots: bool,
    /// Also take pictures, styles, scripts and fonts
    #[arg(long)]
    pub with_assets: bool,
    /// Also take requests that were never answered below 400, such as what scanners try
    #[arg(long)]
    pub with_failures: bool,
    /// Only GET and HEAD
    #[arg(long)]
    pub read_only: bool,
}

fn stage_length(text: &str) -> Result<u64, String> {
    match record::unit::parse_duration(text)?.as_secs() {
        0 => Err("a second at least is needed, such as `10m`".to_owned()),
        seconds => Ok(seconds),
    }
}

impl From {
    /// What every source takes.
    pub const fn common(&self) -> &Common {
        match self {
            Self::Har(it) => &it.common,
            Self::Openapi(it) => &it.common,
            Self::Postman(it) => &it.common,
            Self::Curl(it) => &it.common,
            Self::AccessLog(it) => &it.common,
        }
    }
}
