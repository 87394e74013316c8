use serde_json::{Value, json};

use super::accounts::register;
use super::step::{Step, delete, get, patch, post};

const TASKS: &str = "/api/v1/tasks";

fn made(title: &str, status: &str) -> Step {
    post("a task for the list", TASKS, json!({ "title": title, "status": status })).by("lister")
}

/// One task from beginning to end, and whose it is.
pub fn steps() -> Vec<Step> {
    vec![
        register("owner", "tasks-{run}@suite.headroom.example"),
        register("stranger", "stranger-{run}@suite.headroom.example"),
        post(
            "a task",
            TASKS,
            json!({ "title": "Write", "description": "A letter", "dueAt": "2026-12-24T18:00:00+01:00" }),
        )
        .by("owner")
        .save("task", "/id")
        .save("location", "location")
        .is("/status", json!("todo"))
        .is("/priority", json!("medium"))
        .is("/dueAt", json!("2026-12-24T17:00:00.000000Z")),
        get("it is where it is said to be", "{location}").by("owner").is("/id", json!("{task}")),
        get("a stranger does not find it", "/api/v1/tasks/{task}").by("stranger").gets(404),
        patch("nor changes it", "/api/v1/tasks/{task}", json!({ "title": "Stolen" }))
            .by("stranger")
            .gets(404),
        delete("nor removes it", "/api/v1/tasks/{task}").by("stranger").gets(404),
        get("nobody sees it", "/api/v1/tasks/{task}").gets(401),
        get("nor is it in another's list", TASKS).by("stranger").titles("/tasks", &[]),
        patch("a change", "/api/v1/tasks/{task}", json!({ "status": "in_progress", "description": null }))
            .by("owner")
            .is("/status", json!("in_progress"))
            .is("/description", Value::Null),
        get("is read back at once", "/api/v1/tasks/{task}")
            .by("owner")
            .is("/status", json!("in_progress"))
            .is("/title", json!("Write")),
        get("in the list too", TASKS).by("owner").is("/tasks/0/status", json!("in_progress")),
        get("and in the figures", "/api/v1/tasks/stats").by("owner").is("/total", json!(1)),
        delete("it is removed", "/api/v1/tasks/{task}").by("owner"),
        get("and gone", "/api/v1/tasks/{task}").by("owner").gets(404),
        get("from the list too", TASKS).by("owner").titles("/tasks", &[]),
        get("and from the figures", "/api/v1/tasks/stats").by("owner").is("/total", json!(0)),
        get("an id that is none", "/api/v1/tasks/nonsense").by("owner").gets(404),
        post("a task without a title", TASKS, json!({})).by("owner").gets(422),
        post("a task of another's", TASKS, json!({ "title": "x", "userId": "me" })).by("owner").gets(422),
    ]
}

/// Lists: filters, orders, pages.
pub fn lists() -> Vec<Step> {
    let wrong = |query: &str, field: &str| {
        get("a parameter that is not acceptable is named", &format!("/api/v1/tasks?{query}"))
            .by("lister")
            .gets(422)
            .is("/errors/0/field", json!(field))
    };
    vec![
        register("lister", "lists-{run}@suite.headroom.example"),
        made("One", "todo"),
        made("Two", "done"),
        made("Three", "todo"),
        made("100% sure", "todo"),
        get("newest first", TASKS).by("lister").titles("/tasks", &["100% sure", "Three", "Two", "One"]),
        get("by status, oldest first", "/api/v1/tasks?status=todo&sort=created_at")
            .by("lister")
            .titles("/tasks", &["One", "Three", "100% sure"]),
        get("by a text, whatever the case", "/api/v1/tasks?q=T")
            .by("lister")
            .titles("/tasks", &["Three", "Two"]),
        get("which has no wildcards", "/api/v1/tasks?q=%25").by("lister").titles("/tasks", &["100% sure"]),
        get("the first page", "/api/v1/tasks?limit=3")
            .by("lister")
            .titles("/tasks", &["100% sure", "Three", "Two"])
            .is("/hasMore", json!(true))
            .save("cursor", "/nextCursor"),
        made("Added between the pages", "todo"),
        get("the second page is in step", "/api/v1/tasks?limit=3&cursor={cursor}")
            .by("lister")
            .titles("/tasks", &["One"])
            .is("/hasMore", json!(false))
            .is("/nextCursor", Value::Null),
        get("a cursor of another order", "/api/v1/tasks?sort=created_at&cursor={cursor}")
            .by("lister")
            .gets(400),
        get("a made-up cursor", "/api/v1/tasks?cursor=made-up").by("lister").gets(400),
        get("figures", "/api/v1/tasks/stats")
            .by("lister")
            .is("/total", json!(5))
            .is("/todo", json!(4))
            .is("/done", json!(1)),
        wrong("limit=0", "limit"),
        wrong("limit=101", "limit"),
        wrong("status=finished", "status"),
        wrong("colour=red", "colour"),
    ]
}

/// `Idempotency-Key`, whichever process each request meets.
pub fn repeated() -> Vec<Step> {
    let once = |about, key: &str, title: &str| {
        post(about, TASKS, json!({ "title": title })).by("repeater").sending("idempotency-key", key)
    };
    vec![
        register("repeater", "repeater-{run}@suite.headroom.example"),
        once("a task with a key", "key-1", "Once").save("first", "/id"),
        once("the same request again", "key-1", "Once").is("/id", json!("{first}")),
        once("and again", "key-1", "Once").is("/id", json!("{first}")),
        once("and again", "key-1", "Once").is("/id", json!("{first}")),
        get("one task", TASKS).by("repeater").titles("/tasks", &["Once"]),
        once("the key for another request", "key-1", "Other").gets(422),
        once("another key", "key-2", "Once"),
        get("two tasks", TASKS).by("repeater").titles("/tasks", &["Once", "Once"]),
    ]
}
