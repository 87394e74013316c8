//! Background jobs, as those see them who asked for them.

pub mod get;

use serde::Serialize;
use uuid::Uuid;

use crate::store::{Timestamp, jobs};

/// A background job.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Identity.
    pub id: Uuid,
    /// What it does.
    #[schema(example = "export_tasks")]
    pub kind: String,
    /// Where it stands; one that failed and is tried again is `queued`.
    pub state: State,
    /// How far it is, in percent.
    #[schema(minimum = 0, maximum = 100)]
    pub percent: i64,
    /// Attempts begun.
    pub attempts: i64,
    /// A path under which what came of it is found, once it is `done`.
    pub result: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not begun.
    Queued,
    /// At work.
    Running,
    /// Finished.
    Done,
    /// Given up.
    Failed,
}

impl From<jobs::Job> for Job {
    fn from(job: jobs::Job) -> Self {
        let state = match job.state.as_str() {
            "done" => State::Done,
            "dead" => State::Failed,
            "running" => State::Running,
            _ => State::Queued,
        };
        Self {
            id: job.id,
            kind: job.kind,
            state,
            percent: job.percent,
            attempts: job.attempts,
            result: job.result,
            created_at: job.created_at,
            updated_at: job.updated_at,
        }
    }
}

impl From<&jobs::NewJob> for Job {
    fn from(job: &jobs::NewJob) -> Self {
        Self {
            id: job.id,
            kind: job.work.kind().to_owned(),
            state: State::Queued,
            percent: 0,
            attempts: 0,
            result: None,
            created_at: job.now,
            updated_at: job.now,
        }
    }
}
