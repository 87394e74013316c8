use std::path::PathBuf;

use clap::Args;

use super::Against;

pub const HELP: &str = "\
Examples:
  reports html runs/phase-1k --out report.html
  reports html runs/phase-1k --out report.html --json report.json
  reports html runs/phase-1k --baseline baselines --out report.html
  reports html runs/10-users runs/100-users runs/1000-users --out capacity.html
  reports html runs/phase-1k --out - | less

With --baseline the page says too what changed since, as `reports gate` judges it; a baseline of another
scenario, of other settings or of another kind of machine is refused.

Exits 0 when the page was drawn, whatever the verdict;
13 when the record holds nothing to draw.";

/// `reports html`.
#[derive(Debug, Args)]
pub struct Html {
    /// The folder of a run record; of a capacity search, or of several run records, it is the page of `reports plan`.
    #[arg(value_name = "RECORD", required = true)]
    pub records: Vec<PathBuf>,
    /// The page to write; `-` is stdout.
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub out: PathBuf,
    /// Write everything the page shows as JSON too; `-` is stdout.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write each figure as an SVG file of its own into this folder too.
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
    #[command(flatten)]
    pub against: Against,
}
