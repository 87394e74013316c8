//! All tasks of a user as a file. Each attempt writes a file of its own under a name of its own, which becomes known only
//! when the job is marked as done; what an attempt that died leaves behind is removed as other old exports are.

use super::Failure;
use crate::app::App;
use crate::queue::worker::Progress;
use crate::store::Timestamp;
use crate::store::jobs::{Attempt, ExportFormat};
use crate::store::tasks::{self, Filter, Sort, Task};
use crate::{clock, files};

/// What exports are called among files.
pub const KIND: &str = "export";
/// Tasks fetched at once.
const PAGE: i64 = 500;

pub async fn run(
    app: &App,
    attempt: &Attempt,
    format: ExportFormat,
    progress: &Progress,
) -> Result<Option<String>, Failure> {
    let user = attempt.user_id;
    let all = tasks::stats(&app.store, user, Timestamp(clock::now_us())).await?.total;
    let mut draft = app.files.draft(KIND, extension(format)).await?;
    if format == ExportFormat::Csv {
        draft.write(HEADER).await?;
    }
    let (mut after, mut done) = (None, 0u64);
    loop {
        // Oldest first: what is added meanwhile comes at the end, and nothing is seen twice.
        let filter = Filter { sort: Sort::Oldest, after, limit: PAGE, ..Filter::default() };
        let page = tasks::list(&app.store, user, &filter).await?;
        let Some(last) = page.last() else { break };
        after = Some(Sort::Oldest.position(last));
        draft.write(&rows(format, &page)?).await?;
        done += page.len() as u64;
        progress.set(done, u64::try_from(all).unwrap_or(0));
    }
    let key: files::Key = draft.publish().await?;
    Ok(Some(format!("/api/v1/files/{}", key.as_str())))
}

fn extension(format: ExportFormat) -> &'static str {
    match format {
        ExportFormat::Csv => "csv",
        ExportFormat::Ndjson => "ndjson",
    }
}

const HEADER: &[u8] = b"id,title,description,status,priority,dueAt,createdAt,updatedAt\r\n";

fn rows(format: ExportFormat, tasks: &[Task]) -> Result<Vec<u8>, Failure> {
    let unwritable =
        |e: &dyn std::fmt::Display| Failure::Lasting(anyhow::anyhow!("a task cannot be written: {e}"));
    match format {
        ExportFormat::Ndjson => {
            let mut bytes = Vec::new();
            for task in tasks {
                serde_json::to_writer(&mut bytes, task).map_err(|e| unwritable(&e))?;
                bytes.push(b'\n');
            }
            Ok(bytes)
        }
        ExportFormat::Csv => {
            let mut lines =
                csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
            for task in tasks {
                let row = [
                    task.id.to_string(),
                    task.title.clone(),
                    task.description.clone().unwrap_or_default(),
                    task.status.as_str().to_owned(),
                    task.priority.as_str().to_owned(),
                    task.due_at.map(|due| due.to_string()).unwrap_or_default(),
                    task.created_at.to_string(),
                    task.updated_at.to_string(),
                ];
                lines.write_record(row).map_err(|e| unwritable(&e))?;
            }
            lines.into_inner().map_err(|e| unwritable(&e))
        }
    }
}
