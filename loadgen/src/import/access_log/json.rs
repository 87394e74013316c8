//! Lines of JSON: Caddy's, those that nginx is commonly told to write, and any with the usual names.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::line::{Line, Unread, clf_time, is_method, request_line};

/// Reads a line.
pub fn read(line: &str) -> Result<Line<'static>, Unread> {
    let Ok(Value::Object(fields)) = serde_json::from_str(line) else { return Err(Unread::Unknown) };
    // Caddy puts what is asked under `request`, others put all at the top; some nest it under `http`.
    let inner = ["request", "http", "httpRequest"].iter().find_map(|key| fields.get(*key)?.as_object());
    let find = |names: &[&str]| {
        let of = |map: &Map<String, Value>| names.iter().find_map(|name| map.get(*name).cloned());
        of(&fields).or_else(|| inner.and_then(of))
    };
    let text = |names: &[&str]| match find(names) {
        Some(Value::String(text)) => Some(text),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let time_s = find(&[
        "time_iso8601",
        "@timestamp",
        "timestamp",
        "ts",
        "time",
        "time_local",
        "msec",
        "date",
        "StartUTC",
    ])
    .as_ref()
    .and_then(time)
    .ok_or(Unread::Unknown)?;
    let (mut method, mut target) = (
        text(&["request_method", "method", "verb", "http_method", "RequestMethod", "requestMethod"]),
        text(&["request_uri", "uri", "url", "path", "target", "RequestPath", "requestUrl"]),
    );
    if method.is_none()
        && let Some(Value::String(request)) = fields.get("request")
    {
        let (verb, uri) = request_line(request)?;
        (method, target) = (Some(verb.to_owned()), Some(uri.to_owned()));
    }
    let (Some(method), Some(target)) = (method, target) else { return Err(Unread::Unknown) };
    if !is_method(&method) || target.is_empty() {
        return Err(Unread::NoRequest);
    }
    let status =
        text(&["status", "status_code", "response_status", "statusCode", "code", "DownstreamStatus"]);
    let status = status.and_then(|it| it.parse::<f64>().ok()).ok_or(Unread::Unknown)? as u16;
    let client = text(&[
        "remote_addr",
        "client_ip",
        "remote_ip",
        "clientip",
        "ip",
        "client",
        "ClientHost",
        "remoteIp",
        "x_forwarded_for",
    ]);
    let agent = text(&["http_user_agent", "user_agent", "userAgent", "agent", "ua", "request_User-Agent"])
        .or_else(|| {
            let headers = inner?.get("headers")?;
            let value = headers.get("User-Agent").or_else(|| headers.get("user-agent"))?;
            value.get(0).unwrap_or(value).as_str().map(str::to_owned)
        });
    Ok(Line {
        time_s,
        method: Cow::Owned(method),
        target: Cow::Owned(target),
        status,
        client: Cow::Owned(client.unwrap_or_default()),
        agent: Cow::Owned(agent.unwrap_or_default()),
    })
}

/// RFC 3339, the common log format's, or seconds, milliseconds, micro- or nanoseconds since 1970.
fn time(value: &Value) -> Option<f64> {
    let text = match value {
        Value::Number(number) => return epoch(number.as_f64()?),
        Value::String(text) => text.trim(),
        _ => return None,
    };
    if let Ok(number) = text.parse::<f64>() {
        return epoch(number);
    }
    if let Some(seconds) = clf_time(text) {
        return Some(seconds);
    }
    let with_zone = chrono::DateTime::parse_from_rfc3339(text)
        .or_else(|_| chrono::DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .or_else(|_| chrono::DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f %z"));
    let micros = with_zone.map(|it| it.timestamp_micros()).ok().or_else(|| {
        let bare = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
            .or_else(|_| chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"));
        bare.ok().map(|it| it.and_utc().timestamp_micros())
    })?;
    Some(micros as f64 / 1e6)
}

/// Seconds, whatever unit a number of this size must be in to lie between 1973 and 5138.
fn epoch(number: f64) -> Option<f64> {
    [1.0, 1e3, 1e6, 1e9].into_iter().map(|unit| number / unit).find(|seconds| (1e8..1e11).contains(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_line_says_the_same() {
        for line in [
            r#"{"level":"info","ts":1709251200.5,"request":{"remote_ip":"10.0.0.1","method":"GET","uri":"/a?b=1","headers":{"User-Agent":["x/1"]}},"status":200}"#,
            r#"{"time_iso8601":"2024-03-01T00:00:00.5+00:00","request":"GET /a?b=1 HTTP/1.1","status":"200","remote_addr":"10.0.0.1","http_user_agent":"x/1"}"#,
            r#"{"time":"2024-03-01T01:00:00.500+0100","method":"GET","uri":"/a?b=1","status":200,"ip":"10.0.0.1","user_agent":"x/1"}"#,
            r#"{"timestamp":1709251200500,"request_method":"GET","request_uri":"/a?b=1","status":200,"client_ip":"10.0.0.1","agent":"x/1"}"#,
        ] {
            let read = read(line).unwrap_or_else(|why| panic!("{why:?}: {line}"));
            assert_eq!(
                (read.time_s, &*read.method, &*read.target, read.status),
                (1_709_251_200.5, "GET", "/a?b=1", 200),
                "{line}"
            );
            assert_eq!((&*read.client, &*read.agent), ("10.0.0.1", "x/1"), "{line}");
        }
    }

    #[test]
    fn json_that_is_no_request_is_refused() {
        assert_eq!(read(r#"{"level":"info","msg":"started"}"#), Err(Unread::Unknown));
        assert_eq!(read(r#"{"time":1709251200,"request":"","status":400}"#), Err(Unread::NoRequest));
        assert_eq!(read("{"), Err(Unread::Unknown));
    }
}
