//! The mail with the token for a new password. The token follows from the request's id, so that a second run sends the
//! same mail.

use std::time::Duration;

use uuid::Uuid;

use super::Failure;
use crate::app::App;
use crate::auth::reset;
use crate::mail::letters;
use crate::store::jobs::Attempt;
use crate::store::users;

pub async fn run(app: &App, attempt: &Attempt, reset_id: Uuid) -> Result<Option<String>, Failure> {
    // Who has gone needs no password.
    if let Some(user) = users::get(&app.store, attempt.user_id).await? {
        let token = app.resets.token(user.id, reset_id);
        let life = Duration::from_secs(reset::LIFE_S.unsigned_abs());
        app.mailer.send(&letters::password_reset(attempt, &user, &token, life)).await?;
    }
    Ok(None)
}
