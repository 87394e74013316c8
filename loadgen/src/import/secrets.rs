//! What must not stand in a scenario, whose text goes into every record: passwords, tokens, keys. They become columns of
//! one data file that only its owner may read, so that another user's can be put in their place.

use super::{journey::Data, naming::identifier, text::Text};

/// The data set that secrets and the names that go with them are in.
pub const SET: &str = "accounts";

/// One recorded account: column and value.
#[derive(Debug, Default)]
pub struct Secrets {
    columns: Vec<(String, String)>,
}

impl Secrets {
    /// The placeholder for `value`, kept in a column called like `hint`.
    pub fn keep(&mut self, hint: &str, value: &str) -> Text {
        let base = identifier(hint);
        let mut column = base.clone();
        let mut number = 2;
        loop {
            match self.columns.iter().find(|(name, _)| *name == column) {
                Some((_, known)) if known == value => break,
                Some(_) => {
                    column = format!("{base}_{number}");
                    number += 1;
                }
                None => {
                    self.columns.push((column.clone(), value.to_owned()));
                    break;
                }
            }
        }
        Text::variable(&format!("{SET}.{column}"))
    }

    /// The data set, if there is anything in it.
    pub fn into_data(self) -> Option<Data> {
        if self.columns.is_empty() {
            return None;
        }
        let (columns, row) = self.columns.into_iter().unzip();
        Some(Data {
            set: SET.to_owned(),
            columns,
            rows: vec![row],
            unique: true,
            comment: "One row a user; the recorded one is there. Add rows, then raise the number of users."
                .to_owned(),
        })
    }

    /// What the columns are called.
    pub fn columns(&self) -> Vec<&str> {
        self.columns.iter().map(|(name, _)| name.as_str()).collect()
    }
}

/// Whether a field of this name holds a password.
pub fn is_password(name: &str) -> bool {
    let name = plain(name);
    ["password", "passwd", "passwort", "passphrase", "passcode"].iter().any(|it| name.contains(it))
        || matches!(name.as_str(), "pwd" | "pass" | "pin" | "otp" | "totp")
}

/// Whether a field of this name says who signs in.
pub fn is_user(name: &str) -> bool {
    let name = plain(name);
    let last = name.rsplit(['.', '[']).next().unwrap_or_default().trim_end_matches(']');
    matches!(
        last,
        "email"
            | "emailaddress"
            | "mail"
            | "user"
            | "username"
            | "userid"
            | "login"
            | "loginid"
            | "identifier"
            | "account"
            | "uname"
    ) || last.ends_with("email")
        || last.ends_with("username")
}

/// Whether a header, parameter or variable of this name gives access to who has it.
pub fn is_secret(name: &str) -> bool {
    let name = plain(name);
    is_password(&name)
        || [
            "secret",
            "apikey",
            "accesskey",
            "authtoken",
            "accesstoken",
            "refreshtoken",
            "bearer",
            "jwt",
            "credential",
        ]
        .iter()
        .any(|it| name.contains(it))
        || matches!(
            name.as_str(),
            "authorization" | "proxyauthorization" | "cookie" | "token" | "xauthtoken" | "sid" | "sessionid"
        )
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_known_by_their_names() {
        for name in ["password", "user[password]", "Passwd", "pwd", "new_password", "login-password"] {
            assert!(is_password(name), "{name}");
        }
        for name in ["email", "user[email]", "user_name", "login", "login_email", "Username"] {
            assert!(is_user(name) && !is_password(name), "{name}");
        }
        for name in ["X-Api-Key", "authorization", "access_token", "client_secret"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["passenger", "title", "tokens_used", "page"] {
            assert!(!is_password(name) && !is_secret(name) && !is_user(name), "{name}");
        }
    }

    #[test]
    fn a_value_is_kept_once_and_two_values_never_share_a_column() {
        let mut secrets = Secrets::default();
        let kept = [("password", "a"), ("password", "a"), ("password", "b"), ("Authorization", "c")]
            .map(|(hint, value)| secrets.keep(hint, value).as_str().to_owned());
        assert_eq!(
            kept,
            [
                "${accounts.password}",
                "${accounts.password}",
                "${accounts.password_2}",
                "${accounts.authorization}"
            ]
        );
        assert_eq!(secrets.into_data().unwrap().rows, [["a", "b", "c"]]);
    }
}
