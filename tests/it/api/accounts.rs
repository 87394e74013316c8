use serde_json::json;

use super::step::{Step, delete, get, patch, post, put};

pub const PASSWORD: &str = "a password for tests";

/// Registers `{name}-{run}@suite.headroom.example`; its access token is saved as the name.
pub fn register(name: &'static str, email: &str) -> Step {
    let body = json!({ "email": email, "name": name, "password": PASSWORD });
    post("somebody registers", "/api/v1/auth/register", body).save(name, "/accessToken")
}

/// Everything about accounts, sessions and tokens.
pub fn steps() -> Vec<Step> {
    let me = "/api/v1/users/me";
    let email = "accounts-{run}@suite.headroom.example";
    let login = |password: &str| json!({ "email": email, "password": password });
    let refresh = |token: &str| json!({ "refreshToken": token });
    vec![
        register("owner", email).is("/tokenType", json!("Bearer")).save("refresh", "/refreshToken"),
        post(
            "an e-mail registers once, whatever its case",
            "/api/v1/auth/register",
            json!({ "email": "Accounts-{run}@Suite.Headroom.example", "name": "x", "password": PASSWORD }),
        )
        .gets(409),
        post(
            "every wrong field is named",
            "/api/v1/auth/register",
            json!({ "email": "not an address", "name": "", "password": "short" }),
        )
        .gets(422)
        .is("/type", json!("urn:headroom:problem:invalid")),
        post("a wrong password", "/api/v1/auth/login", login("another password")).gets(401),
        post(
            "an unknown e-mail is told the same",
            "/api/v1/auth/login",
            json!({ "email": "nobody-{run}@suite.headroom.example", "password": PASSWORD }),
        )
        .gets(401)
        .is("/detail", json!("the e-mail address or the password is wrong")),
        get("the account", me).by("owner").is("/email", json!(email)).lacks("/passwordHash"),
        get("nobody's account", me).gets(401).header("www-authenticate", "Bearer"),
        get("an account by a made-up token", me).sending("authorization", "Bearer a.b.c").gets(401),
        patch("a new name", me, json!({ "name": "Countess" })).by("owner").is("/name", json!("Countess")),
        get("the name is read back at once", me).by("owner").is("/name", json!("Countess")),
        patch("a field that is not one's own to set", me, json!({ "role": "admin" })).by("owner").gets(422),
        get("preferences begin with defaults", "/api/v1/users/me/preferences")
            .by("owner")
            .is("/theme", json!("system")),
        put(
            "preferences are replaced",
            "/api/v1/users/me/preferences",
            Some(json!({ "theme": "dark", "locale": "de-AT", "emailNotifications": false, "pageSize": 50 })),
        )
        .by("owner"),
        get("and read back", "/api/v1/users/me/preferences").by("owner").is("/locale", json!("de-AT")),
        post("a refresh token works", "/api/v1/auth/refresh", refresh("{refresh}"))
            .gets(200)
            .save("second", "/accessToken")
            .save("second_refresh", "/refreshToken"),
        get("the new token is good", me).by("second"),
        post("a used refresh token ends its family", "/api/v1/auth/refresh", refresh("{refresh}")).gets(401),
        post("the latest token with it", "/api/v1/auth/refresh", refresh("{second_refresh}")).gets(401),
        get("and the access token", me).by("second").gets(401),
        post("one session", "/api/v1/auth/login", login(PASSWORD)).gets(200).save("one", "/accessToken"),
        post("another", "/api/v1/auth/login", login(PASSWORD)).gets(200).save("two", "/accessToken"),
        post("a third", "/api/v1/auth/login", login(PASSWORD)).gets(200).save("three", "/accessToken"),
        put("logging out", "/api/v1/auth/logout", None).gets(405).by("one"),
        logout("/api/v1/auth/logout", "one"),
        get("the session is over", me).by("one").gets(401),
        get("the others are not", me).by("two"),
        logout("/api/v1/auth/logout-all", "two"),
        get("now they are", me).by("two").gets(401),
        get("all of them", me).by("three").gets(401),
        post("logging in again", "/api/v1/auth/login", login(PASSWORD))
            .gets(200)
            .save("last", "/accessToken"),
        delete("the account goes", me).by("last"),
        get("its token with it", me).by("last").gets(401),
        post("nobody logs in to it", "/api/v1/auth/login", login(PASSWORD)).gets(401),
        register("again", email),
    ]
}

fn logout(path: &str, by: &'static str) -> Step {
    post("logging out", path, json!({})).by(by).gets(204)
}
