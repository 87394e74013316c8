use secrecy::SecretString;

use super::*;
use crate::store::products::{self, Filter};
use crate::store::tasks;
use crate::testing;

fn options(seed: u64, accounts: Option<std::path::PathBuf>) -> SeedOptions {
    SeedOptions {
        users: 7,
        tasks_per_user: 5,
        products: 40,
        favorites_per_user: 3,
        seed,
        accounts,
        token_ttl: 3600,
        password: SecretString::from("the seeded password"),
        reset: false,
        tokens_only: false,
    }
}

/// Everything a seed makes, as text.
async fn contents(config: &Config) -> String {
    let app = App::build(config.clone()).await.unwrap();
    let all = products::list(&app.store, &Filter { limit: 1000, ..Filter::default() }, None).await.unwrap();
    let users = bulk::users_of(&app.store, DOMAIN, "", 1000).await.unwrap();
    let mut text = format!("{all:?}{users:?}");
    for (id, _) in users {
        let filter = tasks::Filter { limit: 1000, ..tasks::Filter::default() };
        text += &format!("{:?}", tasks::list(&app.store, id, &filter).await.unwrap());
    }
    text
}

#[tokio::test]
async fn the_same_seed_makes_the_same_data_and_another_seed_other_data() {
    let mut made = Vec::new();
    for seed in [1, 1, 2] {
        let (config, _dir) = testing::config();
        run(config.clone(), &options(seed, None)).await.unwrap();
        made.push(contents(&config).await);
    }
    assert_eq!(made[0], made[1]);
    assert_ne!(made[0], made[2]);
    assert!(made[0].contains("user000007@seed.headroom.example"));
}

#[tokio::test]
async fn a_seeded_token_is_live_in_a_service_that_starts_later() {
    let (config, dir) = testing::config();
    let file = dir.path().join("accounts.csv");
    run(config.clone(), &options(1, Some(file.clone()))).await.unwrap();
    let mut reader = csv::Reader::from_path(&file).unwrap();
    assert_eq!(reader.headers().unwrap(), &accounts::COLUMNS[..]);
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 7);

    let running = crate::lifecycle::start(config.clone()).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = |path: &str| format!("http://{}{path}", running.address);
    let tasks = client.get(url("/api/v1/tasks?limit=100")).bearer_auth(&rows[3][2]).send().await.unwrap();
    let tasks: serde_json::Value = tasks.json().await.unwrap();
    assert_eq!(tasks["tasks"].as_array().unwrap().len(), 5);
    let login = serde_json::json!({ "email": &rows[3][0], "password": &rows[3][1] });
    assert_eq!(client.post(url("/api/v1/auth/login")).json(&login).send().await.unwrap().status(), 200);
    let refresh = serde_json::json!({ "refreshToken": &rows[3][3] });
    assert_eq!(client.post(url("/api/v1/auth/refresh")).json(&refresh).send().await.unwrap().status(), 200);
    running.stop().await;

    let renewed = SeedOptions { tokens_only: true, ..options(1, Some(file.clone())) };
    run(config, &renewed).await.unwrap();
    let again: Vec<_> = csv::Reader::from_path(&file).unwrap().records().map(Result::unwrap).collect();
    assert_eq!(again.len(), 7);
    assert_ne!(again[3][2], rows[3][2], "a new token");
    assert_eq!(again[3][4], rows[3][4], "of the same user");
}

#[tokio::test]
async fn data_that_is_there_is_only_removed_when_asked() {
    let (config, _dir) = testing::config();
    run(config.clone(), &options(1, None)).await.unwrap();
    let refused = run(config.clone(), &options(2, None)).await.unwrap_err().to_string();
    assert!(refused.contains("--reset"), "{refused}");
    run(config, &SeedOptions { reset: true, ..options(2, None) }).await.unwrap();
}
