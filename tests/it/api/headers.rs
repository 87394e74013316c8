use serde_json::json;

use super::accounts::register;
use super::step::{Step, get, post};

/// What rides along with answers: limits, tags, caching, compression.
pub fn steps() -> Vec<Step> {
    let long = "A task with a description that repeats itself. ".repeat(60);
    let tasks = "/api/v1/tasks";
    vec![
        register("reader", "reader-{run}@suite.headroom.example").header("cache-control", "no-store"),
        post("something long", tasks, json!({ "title": "Long", "description": long })).by("reader"),
        get("a list says what is left of its limit", tasks)
            .by("reader")
            .header("ratelimit-limit", "6000000")
            .header("cache-control", "private, no-cache")
            .header_one_of("x-cache", &["HIT", "MISS", "BYPASS"])
            .save("tag", "etag"),
        get("who has it is not sent it again", tasks)
            .by("reader")
            .sending("if-none-match", "{tag}")
            .gets(304),
        get("who has another is", tasks).by("reader").sending("if-none-match", "W/\"another\""),
        get("long answers are compressed for who likes it", tasks)
            .by("reader")
            .sending("accept-encoding", "gzip")
            .header("content-encoding", "gzip")
            .header("vary", "accept-encoding"),
        post("a write", tasks, json!({ "title": "Another" })).by("reader"),
        get("gives the list another tag", tasks)
            .by("reader")
            .sending("if-none-match", "{tag}")
            .titles("/tasks", &["Another", "Long"]),
        get("the catalogue is for everybody to keep", "/api/v2/products?limit=1")
            .header("cache-control", "public, no-cache"),
        get("a request keeps the name that it brings", "/livez")
            .sending("x-request-id", "mine-{run}")
            .header("x-request-id", "mine-{run}"),
        get("a path that is none", "/api/v1/nothing").gets(404),
        post("a method that is none", "/api/v1/users/me", json!({})).gets(405),
    ]
}
