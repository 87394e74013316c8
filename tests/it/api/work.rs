use serde_json::json;

use super::accounts::register;
use super::step::{Step, get, post};

/// Work in the background: asked for, done by whichever process works, its result fetched by whom it belongs to.
pub fn steps() -> Vec<Step> {
    let export = |about| post(about, "/api/v1/tasks/export", json!({ "format": "csv" })).by("worker");
    vec![
        register("worker", "worker-{run}@suite.headroom.example"),
        register("onlooker", "onlooker-{run}@suite.headroom.example"),
        post("something to export", "/api/v1/tasks", json!({ "title": "Exported" })).by("worker"),
        export("an export").sending("idempotency-key", "export-1").gets(202).save("job", "/id"),
        export("the same again").sending("idempotency-key", "export-1").gets(202).is("/id", json!("{job}")),
        get("it is done before long", "/api/v1/jobs/{job}")
            .by("worker")
            .is("/state", json!("done"))
            .is("/percent", json!(100))
            .save("result", "/result")
            .eventually(),
        get("nobody else sees it", "/api/v1/jobs/{job}").by("onlooker").gets(404),
        get("the file is there", "{result}").by("worker"),
        post("an export in a form that is none", "/api/v1/tasks/export", json!({ "format": "pdf" }))
            .by("worker")
            .gets(422),
        get("nobody's notifications", "/api/v1/notifications").gets(401),
        get("one's own", "/api/v1/notifications").by("worker").is("/hasMore", json!(false)),
    ]
}
