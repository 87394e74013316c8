use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use garde::Validate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::app::App;
use crate::auth::User;
use crate::error::{Error, FieldError};
use crate::input::Json;
use crate::store::Timestamp;
use crate::store::events::{self, Event, EventKind};
use crate::{clock, out};

/// What users did, in the order in which it happened.
#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Events {
    /// 1 to 1,000 events.
    #[garde(length(min = 1, max = 1000), dive)]
    #[schema(min_items = 1, max_items = 1000)]
    events: Vec<NewEvent>,
}

#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewEvent {
    /// Made by the client, so that an event that is sent again counts once.
    #[garde(skip)]
    #[serde(default)]
    id: Option<Uuid>,
    /// What happened.
    #[garde(skip)]
    #[serde(rename = "type")]
    kind: EventKind,
    /// The product that was viewed, marked or bought; for these needed.
    #[garde(skip)]
    #[serde(default)]
    product_id: Option<Uuid>,
    /// What was searched for; for `search` needed.
    #[garde(inner(length(chars, min = 1, max = 200)))]
    #[serde(default)]
    query: Option<String>,
    /// The time on the page, in milliseconds; for `time_on_page` needed.
    #[garde(inner(range(min = 0, max = 86_400_000)))]
    #[schema(minimum = 0, maximum = 86_400_000)]
    #[serde(default)]
    duration_ms: Option<i64>,
    /// What was paid, in cents.
    #[garde(inner(range(min = 0, max = 100_000_000_000)))]
    #[schema(minimum = 0, maximum = 100_000_000_000_i64)]
    #[serde(default)]
    value_cents: Option<i64>,
    /// When; the time of receipt if not given.
    #[garde(skip)]
    #[serde(default)]
    occurred_at: Option<Timestamp>,
}

/// What became of a batch.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    /// Events that were not there before.
    accepted: u64,
    /// Events that were there already.
    repeated: u64,
}

/// Clients may have kept an event for so long while they were offline.
const OLDEST_US: i64 = 30 * 24 * 3600 * 1_000_000;
/// Clocks of clients may be ahead by so much.
const AHEAD_US: i64 = 5 * 60 * 1_000_000;

impl NewEvent {
    /// The event at `position` of the batch; what is missing for its type is added to `wrong`.
    fn check(self, position: usize, now: Timestamp, wrong: &mut Vec<FieldError>) -> Event {
        let mut need = |there: bool, field: &str, message: &str| {
            if !there {
                wrong.push(FieldError::new(format!("events[{position}].{field}"), message));
            }
        };
        match self.kind {
            EventKind::ProductView | EventKind::Favorite | EventKind::Conversion => {
                need(self.product_id.is_some(), "productId", "is needed for this type of event");
            }
            EventKind::Search => {
                need(
                    self.query.as_deref().is_some_and(|query| !query.trim().is_empty()),
                    "query",
                    "is needed for this type of event, and must not be blank",
                );
            }
            EventKind::TimeOnPage => {
                need(self.duration_ms.is_some(), "durationMs", "is needed for this type of event");
            }
        }
        let occurred_at = self.occurred_at.unwrap_or(now);
        need(
            (now.0 - OLDEST_US..=now.0 + AHEAD_US).contains(&occurred_at.0),
            "occurredAt",
            "must lie within the last 30 days",
        );
        Event {
            id: self.id.unwrap_or_else(clock::new_id),
            kind: self.kind,
            product_id: self.product_id,
            query: self.query,
            duration_ms: self.duration_ms,
            value_cents: self.value_cents,
            occurred_at,
        }
    }
}

/// Takes a batch of events, all or none. They are counted within seconds.
#[utoipa::path(post, path = "/api/v1/events", tag = "analytics", operation_id = "createEvents",
    security(("token" = []), ("key" = [])), request_body = Events,
    responses(
        (status = 202, description = "Taken", body = Accepted),
        (status = 401, description = "No valid token", body = crate::error::Problem),
        (status = 422, description = "Fields are not acceptable", body = crate::error::Problem)))]
pub async fn post(
    State(app): State<Arc<App>>,
    User(me): User,
    Json(batch): Json<Events>,
) -> Result<Response, Error> {
    let now = Timestamp(clock::now_us());
    let mut wrong = Vec::new();
    let events: Vec<Event> =
        batch.events.into_iter().enumerate().map(|(at, event)| event.check(at, now, &mut wrong)).collect();
    if !wrong.is_empty() {
        return Err(Error::Invalid(wrong));
    }
    let accepted = events::insert(&app.store, me.user_id, &events).await?;
    let repeated = (events.len() as u64).saturating_sub(accepted);
    out::json(StatusCode::ACCEPTED, &Accepted { accepted, repeated })
}
