//! What mails say.

use std::time::Duration;

use super::Letter;
use crate::store::jobs::Attempt;
use crate::store::users::User;

fn letter(job: &Attempt, to: &User, subject: &'static str, text: String) -> Letter {
    Letter {
        id: job.id,
        date: job.created_at,
        name: to.name.clone(),
        address: to.email.clone(),
        subject,
        text,
    }
}

/// To somebody who has just registered.
pub fn welcome(job: &Attempt, to: &User) -> Letter {
    let text = format!(
        "Hello {},\n\nyour account is ready. Log in with this address: {}\n\n\
         If you did not register, somebody mistyped an address; you need not do anything.\n",
        to.name, to.email
    );
    letter(job, to, "Your account is ready", text)
}

/// To somebody who asked for a new password: `token` lets them set one for as long as `life`.
pub fn password_reset(job: &Attempt, to: &User, token: &str, life: Duration) -> Letter {
    let text = format!(
        "Hello {},\n\nsomebody, most likely you, asked for a new password for this account. To set one, enter this \
         code within {} minutes:\n\n{token}\n\nIf it was not you, leave this mail alone: nothing has changed.\n",
        to.name,
        life.as_secs() / 60
    );
    letter(job, to, "Set a new password", text)
}
