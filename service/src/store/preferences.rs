//! What users prefer.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::named::{Arg, Named};
use super::{Op, Result, Store, Timestamp, ro, rw};

/// The colours of the interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// As the device.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl TryFrom<String> for Theme {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        match text.as_str() {
            "system" => Ok(Self::System),
            "light" => Ok(Self::Light),
            "dark" => Ok(Self::Dark),
            _ => Err(format!("`{text}` is no theme")),
        }
    }
}

/// What one user prefers.
#[derive(
    Clone, Debug, PartialEq, Serialize, Deserialize, sqlx::FromRow, garde::Validate, utoipa::ToSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Preferences {
    /// The colours of the interface.
    #[sqlx(try_from = "String")]
    #[garde(skip)]
    pub theme: Theme,
    /// Language and region, such as `en` or `de-AT`.
    #[garde(length(min = 2, max = 35), pattern(r"^[A-Za-z0-9-]+$"))]
    #[schema(min_length = 2, max_length = 35, pattern = "^[A-Za-z0-9-]+$", example = "en")]
    pub locale: String,
    /// Whether mail is wanted.
    #[garde(skip)]
    pub email_notifications: bool,
    /// Items per page.
    #[garde(range(min = 1, max = 100))]
    #[schema(minimum = 1, maximum = 100)]
    pub page_size: i64,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { theme: Theme::System, locale: "en".to_owned(), email_notifications: true, page_size: 20 }
    }
}

const GET: &str = "SELECT theme, locale, email_notifications, page_size FROM preferences WHERE user_id = $1";

/// The preferences of `user`; the defaults when none were ever set.
///
/// # Errors
/// When the database does not answer.
pub async fn get(store: &Store, user: Uuid) -> Result<Preferences> {
    store
        .timed(Op::PreferencesGet, async {
            let row: Option<Preferences> =
                ro!(store.of(user), p => sqlx::query_as(GET).bind(user).fetch_optional(p).await?);
            Ok(row.unwrap_or_default())
        })
        .await
}

const PUT: &str = "INSERT INTO preferences (user_id, theme, locale, email_notifications, page_size, updated_at_us) \
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (user_id) DO UPDATE SET theme = excluded.theme, \
                   locale = excluded.locale, email_notifications = excluded.email_notifications, \
                   page_size = excluded.page_size, updated_at_us = excluded.updated_at_us";

/// Replaces the preferences of `user`.
///
/// # Errors
/// [`super::StoreError::Dangling`] when there is no such user.
pub async fn put(store: &Store, user: Uuid, preferences: &Preferences, now: Timestamp) -> Result<()> {
    store
        .timed(Op::PreferencesPut, async {
            rw!(store.of(user), p => sqlx::query(PUT).bind(user).bind(preferences.theme.as_str()).bind(&preferences.locale)
                .bind(preferences.email_notifications).bind(preferences.page_size).bind(now).execute(p).await?
                .rows_affected());
            Ok(())
        })
        .await
}

/// What `explain` shows of this file.
pub(super) fn questions() -> Vec<Named> {
    use Arg::{Bool, Int, Text, User};
    vec![
        Named::hot("preferences: get", GET, &[User]),
        Named::hot("preferences: put", PUT, &[User, Text("dark"), Text("en"), Bool(true), Int(20), Int(1)]),
    ]
}
