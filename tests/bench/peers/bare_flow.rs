//! The flow of the benchmark with nothing around it: a hyper connection and a task of one thread for each user, no
//! schedule, no record, no checks. What it costs is the least that a client on these libraries can.
//!
//! `bare_flow 127.0.0.1:8080 4000 0.1 0.3`: address, users, shortest and longest pause in seconds

use std::{env, time::Duration};

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request,
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::TcpStream,
    task::{LocalSet, spawn_local},
    time::sleep,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, users, least, most] = arguments.as_slice() else { bail!("address, users, least, most") };
    let (least, most): (f64, f64) = (least.parse()?, most.parse()?);
    let users: u64 = users.parse()?;
    let local = LocalSet::new();
    for number in 1..=users {
        let mut user =
            User { address: address.clone(), pauses_s: (least, most), drawn: number, token: String::new() };
        local.spawn_local(async move {
            if let Err(error) = user.work().await {
                eprintln!("user {number}: {error:#}");
            }
        });
    }
    local.await;
    Ok(())
}

struct User {
    address: String,
    pauses_s: (f64, f64),
    drawn: u64,
    token: String,
}

impl User {
    async fn work(&mut self) -> Result<()> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let (mut connection, driver) = handshake(TokioIo::new(stream)).await?;
        spawn_local(driver);
        let credentials = r#"{"email":"load@example.com","password":"correct horse battery"}"#;
        let login = self.ask(&mut connection, Method::POST, "/login", credentials).await?;
        self.token = text(&serde_json::from_slice(&login)?, "/access_token")?;
        loop {
            let list = self.ask(&mut connection, Method::GET, "/projects?limit=10", "").await?;
            let project = text(&serde_json::from_slice(&list)?, "/projects/0/id")?;
            self.pause().await;
            self.ask(&mut connection, Method::GET, &format!("/projects/{project}"), "").await?;
            self.pause().await;
            self.ask(&mut connection, Method::GET, &format!("/projects/{project}/tasks"), "").await?;
            self.pause().await;
            let (path, comment) = (format!("/projects/{project}/comments"), r#"{"text":"looks good to me"}"#);
            self.ask(&mut connection, Method::POST, &path, comment).await?;
            self.pause().await;
            self.ask(&mut connection, Method::GET, "/me", "").await?;
            self.pause().await;
        }
    }

    async fn ask(
        &self,
        connection: &mut SendRequest<Full<Bytes>>,
        method: Method,
        path: &str,
        body: &str,
    ) -> Result<Bytes> {
        let mut request = Request::builder().method(method).uri(path).header("host", &self.address);
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?;
        connection.ready().await?;
        let answer = connection.send_request(request).await?;
        if !answer.status().is_success() {
            bail!("{path}: {}", answer.status());
        }
        Ok(answer.into_body().collect().await?.to_bytes())
    }

    async fn pause(&mut self) {
        // Knuth's linear congruential generator (MMIX); its upper bits are random enough for a pause.
        self.drawn =
            self.drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = (self.drawn >> 32) as f64 / f64::from(u32::MAX);
        let (least, most) = self.pauses_s;
        sleep(Duration::from_secs_f64(least + (most - least) * share)).await;
    }
}

fn text(value: &Value, pointer: &str) -> Result<String> {
    Ok(value.pointer(pointer).and_then(Value::as_str).with_context(|| pointer.to_owned())?.to_owned())
}
