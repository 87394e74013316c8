//! What a request costs, beside other load generators, in one run on one machine, as a Markdown table.
//!
//! ```text
//! bench                       everything, to stdout and target/bench.md
//! bench --only per-request    one part
//! bench serve                 the small fast server that the clients ask (used by the other parts)
//! bench serve --takes-ms 10 --slots 4      a server whose capacity is computed: 400 requests a second
//! ```
//!
//! Repetitions are interleaved (A B C A B C …), so that a machine that slows down slows all of them. Each part is
//! bounded in time and in the number of its requests; nothing is asked beyond loopback.

mod cached_list;
mod connected;
mod demo;
mod depth;
mod flow;
mod hundred_thousand;
mod open_connections;
mod overload;
mod page;
mod peers;
mod per_request;
mod routes;
mod serve;
mod table;
mod usage;

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};
use harness::process::build_folder;
use peers::Wire;

#[derive(Debug, Parser)]
#[command(version, about = "Measures loadgen, service and reports beside their peers")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only these parts.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Measures `make demo` from a fresh clone too.
    #[arg(long)]
    demo: bool,
    /// How often each is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
    /// How long each client runs, in seconds.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(2..=60))]
    seconds: u64,
    /// Users of `hundred-thousand`: fewer to try it.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=200_000))]
    users: u32,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a small JSON document, fast, on a free port, and count.
    Serve {
        /// Take so long for each request instead.
        #[arg(long)]
        takes_ms: Option<u64>,
        /// … and so many requests at once, the others in a queue without end [default: all at once].
        #[arg(long, requires = "takes_ms")]
        slots: Option<usize>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Processor time per request of each load generator.
    PerRequest,
    /// The same over TLS.
    Tls,
    /// The same over HTTP/2.
    Http2,
    /// Processor time per request of a realistic flow: log in, five requests, an id carried on, pauses.
    Flow,
    /// Memory and punctuality with a thousand, ten thousand, twenty thousand users.
    Connected,
    /// A hundred thousand connected users of the service, from one machine; about four minutes, only when named.
    HundredThousand,
    /// Processor time per cached task list, beside a bare axum handler.
    CachedList,
    /// The service's routes over PostgreSQL, beside bare axum, bare sqlx and Express.
    Routes,
    /// The first, the hundredth and the ten-thousandth page, by number and by cursor.
    Depth,
    /// Memory of the service with ten thousand connections open.
    OpenConnections,
    /// Three times the capacity for a minute, and how soon all is well after; about eight minutes, only when named.
    Overload,
    /// Time and memory of a page of a one-hour run.
    Page,
    /// `make demo` from nothing, with the build.
    Demo,
}

const USUAL: [Part; 10] = [
    Part::PerRequest,
    Part::Tls,
    Part::Http2,
    Part::Flow,
    Part::Connected,
    Part::CachedList,
    Part::Routes,
    Part::Depth,
    Part::OpenConnections,
    Part::Page,
];

fn main() -> Result<()> {
    let cli = Cli::parse();
    if let Some(Command::Serve { takes_ms, slots }) = cli.command {
        return match takes_ms {
            Some(takes_ms) => serve::serve_known(Duration::from_millis(takes_ms), slots),
            None => serve::serve(),
        };
    }
    let each = Duration::from_secs(cli.seconds);
    let mut parts = if cli.only.is_empty() { USUAL.to_vec() } else { cli.only };
    parts.extend(cli.demo.then_some(Part::Demo));
    let mut document = format!("# Bench\n\n{}\n", table::machine()?);
    for part in parts {
        let section = match part {
            Part::PerRequest => per_request::measure(Wire::Plain, cli.rounds, each)?,
            Part::Tls => per_request::measure(Wire::Tls, cli.rounds, each)?,
            Part::Http2 => per_request::measure(Wire::Http2, cli.rounds, each)?,
            Part::Flow => flow::measure(cli.rounds, each)?,
            Part::Connected => connected::measure()?,
            Part::HundredThousand => hundred_thousand::measure(cli.users)?,
            Part::CachedList => cached_list::measure(cli.rounds, each)?,
            Part::Routes => routes::measure(cli.rounds, each)?,
            Part::Depth => depth::measure()?,
            Part::OpenConnections => open_connections::measure()?,
            Part::Overload => overload::measure()?,
            Part::Page => page::measure(cli.rounds)?,
            Part::Demo => demo::measure()?,
        };
        println!("{section}");
        document.push_str(&section);
    }
    let folder = build_folder()?;
    let file = folder.parent().context("the build folder lies in the target folder")?.join("bench.md");
    fs::write(&file, document).with_context(|| file.display().to_string())?;
    eprintln!("written to {}", file.display());
    Ok(())
}
