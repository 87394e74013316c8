//! The parts of HAR 1.2 that are looked at. Exporters differ in what they leave out: everything is optional.

use serde::Deserialize;
use serde_json::Value;

/// A HAR file.
#[derive(Debug, Deserialize)]
pub struct File {
    /// Its one member.
    pub log: Log,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Log {
    pub pages: Vec<Page>,
    pub entries: Vec<Entry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Page {
    pub id: Option<String>,
    pub title: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Entry {
    pub started_date_time: Option<String>,
    /// Milliseconds.
    pub time: Option<f64>,
    pub pageref: Option<String>,
    pub request: Request,
    pub response: Response,
    /// Chromium: `memory` or `disk` where nothing was sent.
    #[serde(rename = "_fromCache")]
    pub from_cache: Option<Value>,
    /// Chromium: `document`, `xhr`, `image`, …
    #[serde(rename = "_resourceType")]
    pub resource_type: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Request {
    pub method: String,
    pub url: String,
    pub headers: Vec<Pair>,
    pub post_data: Option<PostData>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pair {
    pub name: String,
    pub value: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PostData {
    pub mime_type: Option<String>,
    pub text: Option<String>,
    pub params: Option<Vec<Param>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Param {
    pub name: String,
    pub value: Option<String>,
    pub file_name: Option<String>,
    pub content_type: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Response {
    /// 0 where none came.
    pub status: Option<f64>,
    pub headers: Vec<Pair>,
    pub content: Content,
    #[serde(rename = "redirectURL")]
    pub redirect_url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Content {
    pub mime_type: Option<String>,
    pub text: Option<String>,
    /// `base64` or nothing.
    pub encoding: Option<String>,
}
