use serde_json::{Value, json};

use super::accounts::register;
use super::step::{Step, delete, get, patch, post, put};

const PRODUCTS: &str = "/api/v1/products";

fn lamp(title: &'static str, price_cents: u32, id: &'static str) -> Step {
    let body = json!({ "title": title, "category": "lamps-{run}", "priceCents": price_cents });
    post("a product", PRODUCTS, body).by("admin").save(id, "/id")
}

/// The admin that the seed makes.
pub fn admin() -> Step {
    let body = json!({ "email": "admin@seed.headroom.example", "password": "headroom-demo-password" });
    post("the admin logs in", "/api/v1/auth/login", body).gets(200).save("admin", "/accessToken")
}

/// The catalogue: who reads, who changes, both versions of the list.
pub fn products() -> Vec<Step> {
    vec![
        admin(),
        register("customer", "customer-{run}@suite.headroom.example"),
        lamp("Lamp 1", 100, "lamp"),
        get("everybody reads it", "/api/v1/products/{lamp}").is("/priceCents", json!(100)),
        get("or some of it", "/api/v1/products/{lamp}?fields=title").lacks("/priceCents"),
        post("nobody adds one", PRODUCTS, json!({ "title": "x", "category": "x", "priceCents": 1 }))
            .gets(401),
        post("nor does a customer", PRODUCTS, json!({ "title": "x", "category": "x", "priceCents": 1 }))
            .by("customer")
            .gets(403),
        patch("nor changes one", "/api/v1/products/{lamp}", json!({ "priceCents": 1 }))
            .by("customer")
            .gets(403),
        delete("nor removes one", "/api/v1/products/{lamp}").by("customer").gets(403),
        patch("an admin does", "/api/v1/products/{lamp}", json!({ "priceCents": 150 })).by("admin"),
        get("and it is read at once", "/api/v1/products/{lamp}").is("/priceCents", json!(150)),
        lamp("Lamp 2", 200, "second"),
        lamp("Lamp 3", 300, "third"),
        get("the first version pages by number", "/api/v1/products?category=lamps-{run}&page=2&limit=2")
            .titles("/products", &["Lamp 1"])
            .is("/total", json!(3))
            .is("/totalPages", json!(2))
            .header("link", "</api/v2/products>; rel=\"successor-version\"")
            .header("deprecation", "@1767225600"),
        get("the second by cursor", "/api/v2/products?category=lamps-{run}&limit=2")
            .titles("/products", &["Lamp 3", "Lamp 2"])
            .save("cursor", "/nextCursor"),
        lamp("Lamp 4", 400, "fourth"),
        get("in step when one is added", "/api/v2/products?category=lamps-{run}&limit=2&cursor={cursor}")
            .titles("/products", &["Lamp 1"])
            .is("/hasMore", json!(false))
            .is("/nextCursor", Value::Null),
        get("by price", "/api/v2/products?category=lamps-{run}&min_price=200&max_price=300")
            .titles("/products", &["Lamp 3", "Lamp 2"]),
        get("a range that holds nothing", "/api/v2/products?min_price=5&max_price=4").gets(422),
        delete("a product goes", "/api/v1/products/{fourth}").by("admin"),
        get("and is gone", "/api/v1/products/{fourth}").gets(404),
        get("from the list too", "/api/v2/products?category=lamps-{run}")
            .titles("/products", &["Lamp 3", "Lamp 2", "Lamp 1"]),
    ]
}

/// Favourites: marked, listed page by page, unmarked; the products are those of [`products`].
pub fn favorites() -> Vec<Step> {
    let mark = |about, id: &str| put(about, &format!("/api/v1/favorites/{id}"), None).by("fan").gets(204);
    let unmark = |about, id: &str| delete(about, &format!("/api/v1/favorites/{id}")).by("fan");
    let list = |about, query: &str| get(about, &format!("/api/v1/favorites{query}")).by("fan");
    vec![
        register("fan", "fan-{run}@suite.headroom.example"),
        list("none yet", "").titles("/favorites", &[]),
        mark("one", "{lamp}"),
        mark("two", "{second}"),
        mark("three", "{third}"),
        mark("marking twice is marking once", "{lamp}"),
        list("the first page, marked last first", "?limit=2")
            .titles("/favorites", &["Lamp 3", "Lamp 2"])
            .save("next", "/nextCursor"),
        list("the second", "?limit=2&cursor={next}").titles("/favorites", &["Lamp 1"]),
        unmark("unmarked", "{third}"),
        unmark("twice", "{third}"),
        list("the others stay", "").titles("/favorites", &["Lamp 2", "Lamp 1"]),
        get("they are nobody else's", "/api/v1/favorites").by("customer").titles("/favorites", &[]),
        get("and not for everybody", "/api/v1/favorites").gets(401),
        mark("no such product", "00000000-0000-7000-8000-000000000005").gets(404),
    ]
}

/// What others marked along with one's own favourites; those are the ones of [`favorites`].
pub fn recommendations() -> Vec<Step> {
    let list = |about, query: &str| get(about, &format!("/api/v1/recommendations{query}"));
    vec![
        register("guest", "guest-{run}@suite.headroom.example"),
        put("a mark", "/api/v1/favorites/{lamp}", None).by("guest").gets(204),
        list("what the fan marked along is recommended before long", "?limit=1")
            .by("guest")
            .titles("/recommendations", &["Lamp 2"])
            .eventually(),
        put("it is marked, too", "/api/v1/favorites/{second}", None).by("guest").gets(204),
        list("and not recommended any more", "?limit=50")
            .by("guest")
            .lacks_title("/recommendations", "Lamp 2"),
        list("not for everybody", "").gets(401),
        list("not so many", "?limit=51").by("guest").gets(422),
    ]
}
