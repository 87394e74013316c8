//! The mail that greets a new user. Run twice it is the same mail, with the same `Message-ID`: a folder has it once; a mail
//! server that took it just before the worker died gets it once more and can tell.

use super::Failure;
use crate::app::App;
use crate::mail::letters;
use crate::store::jobs::Attempt;
use crate::store::users;

pub async fn run(app: &App, attempt: &Attempt) -> Result<Option<String>, Failure> {
    // Who has gone again needs no welcome.
    if let Some(user) = users::get(&app.store, attempt.user_id).await? {
        app.mailer.send(&letters::welcome(attempt, &user)).await?;
    }
    Ok(None)
}
