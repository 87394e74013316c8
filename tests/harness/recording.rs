//! What a browser did, as a HAR file: made of the network events of the DevTools protocol, as the browser's own export is.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use serde_json::{Value, json};

use crate::browser::Browser;

/// A recording in the making.
#[derive(Debug, Default)]
pub struct Recording {
    entries: Vec<Value>,
    pages: Vec<Value>,
    open: BTreeMap<String, Open>,
}

/// A request whose answer is not whole yet.
#[derive(Debug, Default)]
struct Open {
    request: Value,
    kind: String,
    page: String,
    wall_s: f64,
    begun_s: f64,
    response: Value,
    /// When the head of the answer was there.
    answered_s: f64,
    /// Headers as they went over the wire, cookies among them.
    headers: Option<Value>,
}

impl Recording {
    /// Takes what the browser did since the last call. To be called before each step that leaves a page: the browser
    /// then forgets the bodies.
    ///
    /// # Errors
    /// The browser was not started for it: [`Browser::recording`].
    pub async fn collect(&mut self, browser: &Browser) -> Result<()> {
        let mut whole = Vec::new();
        // A page's script goes on when the head of an answer is there; the browser tells of it a little later.
        let mut quiet = 0;
        for _ in 0..20 {
            let events = self.listen(browser, &mut whole).await?;
            quiet = if events == 0 && self.open.is_empty() { quiet + 1 } else { 0 };
            if quiet == 4 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // An answer without a body that no script reads has no end of its own.
        let answered = std::mem::take(&mut self.open).into_iter();
        let (answered, open): (BTreeMap<_, _>, _) = answered.partition(|(_, open)| open.response.is_object());
        self.open = open;
        whole.extend(answered.into_iter().map(|(id, open)| {
            let ended_s = open.answered_s;
            (id, open, ended_s)
        }));
        for (id, open, ended_s) in whole {
            let body =
                browser.page.cdp().send_raw("Network.getResponseBody", json!({ "requestId": id })).await;
            // A page that was left has no body any more, which is what an export would say too.
            let text = body.ok().and_then(|body| Some(body["body"].as_str()?.to_owned())).unwrap_or_default();
            self.entries.push(open.entry(ended_s, &text));
        }
        let (title, page) =
            (browser.page.title().await?, self.entries.last().map(|it| it["pageref"].clone()));
        if let Some(page) = page.filter(|page| !self.pages.iter().any(|it| it["id"] == *page)) {
            self.pages.push(json!({ "id": page, "title": title }));
        }
        Ok(())
    }

    /// Takes the events so far, and says how many; `whole` gets what has ended.
    async fn listen(&mut self, browser: &Browser, whole: &mut Vec<(String, Open, f64)>) -> Result<usize> {
        let events = browser.page.get_log("performance").await?;
        let number = events.len();
        for entry in events {
            let message: Value = serde_json::from_str(&entry.message)?;
            let (method, params) = (&message["message"]["method"], &message["message"]["params"]);
            let id = params["requestId"].as_str().unwrap_or_default().to_owned();
            match method.as_str().unwrap_or_default() {
                "Network.requestWillBeSent" => {
                    let begun_s = params["timestamp"].as_f64().unwrap_or_default();
                    if params["redirectResponse"].is_object()
                        && let Some(mut open) = self.open.remove(&id)
                    {
                        open.response = params["redirectResponse"].clone();
                        self.entries.push(open.entry(begun_s, ""));
                    }
                    let open = Open {
                        request: params["request"].clone(),
                        kind: params["type"].as_str().unwrap_or_default().to_lowercase(),
                        page: params["loaderId"].as_str().unwrap_or_default().to_owned(),
                        wall_s: params["wallTime"].as_f64().unwrap_or_default(),
                        begun_s,
                        ..Open::default()
                    };
                    self.open.insert(id, open);
                }
                "Network.responseReceivedExtraInfo" => {
                    if let Some(open) = self.open.get_mut(&id) {
                        open.headers = Some(params["headers"].clone());
                    }
                }
                "Network.responseReceived" => {
                    if let Some(open) = self.open.get_mut(&id) {
                        open.response = params["response"].clone();
                        open.answered_s = params["timestamp"].as_f64().unwrap_or_default();
                    }
                }
                "Network.loadingFinished" => {
                    if let Some(open) = self.open.remove(&id) {
                        whole.push((id, open, params["timestamp"].as_f64().unwrap_or_default()));
                    }
                }
                _ => {}
            }
        }
        Ok(number)
    }

    /// The file.
    pub fn har(&self) -> Value {
        json!({ "log": { "version": "1.2", "creator": { "name": "tests", "version": "1" },
            "pages": self.pages, "entries": self.entries } })
    }
}

impl Open {
    fn entry(self, ended_s: f64, text: &str) -> Value {
        let pairs = |headers: &Value| -> Vec<Value> {
            let headers = headers.as_object().into_iter().flatten();
            headers.map(|(name, value)| json!({ "name": name, "value": value })).collect()
        };
        let started = rfc3339(self.wall_s);
        let mut request = json!({
            "method": self.request["method"], "url": self.request["url"], "headers": pairs(&self.request["headers"]),
        });
        if let Some(body) = self.request["postData"].as_str() {
            let headers = self.request["headers"].as_object();
            let mime =
                headers.into_iter().flatten().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
            let mime = mime.and_then(|(_, value)| value.as_str()).unwrap_or_default();
            request["postData"] = json!({ "mimeType": mime, "text": body });
        }
        json!({
            "startedDateTime": started, "time": (ended_s - self.begun_s) * 1000.0, "pageref": self.page,
            "_resourceType": self.kind, "request": request,
            "response": {
                "status": self.response["status"],
                "headers": pairs(self.headers.as_ref().unwrap_or(&self.response["headers"])),
                "content": { "mimeType": self.response["mimeType"], "text": text },
                "redirectURL": "",
            },
        })
    }
}

/// RFC 3339 of seconds since 1970, by the civil-from-days algorithm (H. Hinnant).
fn rfc3339(wall_s: f64) -> String {
    let ms = (wall_s * 1000.0) as i64;
    let (days, rest) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) =
        (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (h, m, s, ms) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60, rest % 1000);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{ms:03}Z")
}
