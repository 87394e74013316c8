//! Buckets of users move from one database to another while two processes of the service write and read.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use harness::process::run;
use harness::service::{Service, Site};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use stack::Postgres;
use tokio::time::{Instant, MissedTickBehavior, interval};

const USERS: u32 = 6000;
const TASKS_PER_USER: u32 = 5;
const WRITERS: usize = 8;
/// 25 each: 200 a second in all.
const PAUSE: Duration = Duration::from_millis(40);

/// Two servers, the first with the directory, the catalogue and shard 0, the second with shard 1.
struct Shards {
    first: Postgres,
    second: Postgres,
    site: Site,
}

/// Somebody who writes.
#[derive(Clone)]
struct Account {
    user: String,
    token: String,
}

impl Shards {
    fn start() -> Result<Self> {
        let (first, second) = (Postgres::start()?, Postgres::start()?);
        let directory = first.create_database("directory")?;
        let shards = [first.create_database("shard0")?, second.create_database("shard1")?].join(",");
        let site = Site::new()?
            .with("SERVICE_DATABASE_URL", &directory)
            .with("SERVICE_DATABASE_SHARDS", &shards)
            // Few, but there: making one takes a busy machine longer than a move.
            .with("SERVICE_DATABASE_MIN_CONNECTIONS", "5")
            .with("SERVICE_DATABASE_ACQUIRE_TIMEOUT_MS", "20000")
            // The key of all processes.
            .with("SERVICE_AUTH_SECRET", "0123456789abcdef0123456789abcdef")
            // Whatever is read is read from a database; what a process remembers is another test's subject.
            .with("SERVICE_CACHE_POLICY", "off")
            .with("SERVICE_LIMITS_PROFILE", "off");
        Ok(Self { first, second, site })
    }

    /// The rows that `statement`, which counts, finds on each of the two shards.
    fn counts(&self, statement: &str) -> Result<[usize; 2]> {
        let first = self.first.query("shard0", statement)?.trim().parse()?;
        let second = self.second.query("shard1", statement)?.trim().parse()?;
        Ok([first, second])
    }

    /// The bucket with most users on shard 0, and the users.
    fn fullest_bucket(&self) -> Result<(String, Vec<String>)> {
        let sql = "SELECT bucket_of(id), string_agg(id::text, ',') FROM users WHERE role = 'user' \
                   GROUP BY 1 ORDER BY COUNT(*) DESC, 1 LIMIT 1";
        let row = self.first.query("shard0", sql)?;
        let (bucket, users) = row.trim().split_once('|').context("shard 0 has users")?;
        Ok((bucket.to_owned(), users.split(',').map(str::to_owned).collect()))
    }

    /// Moves a bucket with the command, which has to say that it did.
    fn moved(&self, bucket: &str, to: &str) -> Result<()> {
        let ended = run(&mut self.site.command(&["reshard", "--bucket", bucket, "--to", to])?)?;
        print!("{}", ended.stderr);
        ensure!(ended.code == Some(0), "service reshard ended with {:?}: {}", ended.code, ended.stderr);
        let says = format!("bucket {bucket} is on shard {to} now");
        ensure!(ended.stderr.contains(&says), "it does not say {says:?}: {}", ended.stderr);
        Ok(())
    }
}

fn accounts(file: &Path) -> Result<HashMap<String, Account>> {
    let text = std::fs::read_to_string(file)?;
    let rows = text.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let account = Account { user: fields[4].to_owned(), token: fields[2].to_owned() };
        (account.user.clone(), account)
    });
    Ok(rows.collect())
}

async fn ask(
    client: &Client,
    method: Method,
    url: String,
    who: &Account,
    body: Option<Value>,
) -> Result<Value> {
    let mut request = client.request(method.clone(), &url).bearer_auth(&who.token);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.with_context(|| format!("{method} {url}"))?;
    let status = response.status();
    let text = response.text().await?;
    if !matches!(status, StatusCode::OK | StatusCode::CREATED) {
        bail!("{method} {url} was answered {status}: {text}");
    }
    Ok(serde_json::from_str(&text)?)
}

/// What the writers did so far.
#[derive(Debug, Default)]
struct Tally {
    /// Acknowledged tasks that were added, and changes of them.
    added: usize,
    changed: usize,
    /// Reads that were answered rightly.
    reads: usize,
    /// How long the slowest write took, since that was last asked.
    longest_write: Duration,
}

/// One user who writes through one process, reads through the other, and knows what the answer has to be.
struct Writer {
    client: Client,
    who: Account,
    urls: [String; 2],
    number: usize,
    tally: Arc<Mutex<Tally>>,
    /// What was acknowledged: title by id.
    written: HashMap<String, String>,
}

impl Writer {
    fn note(&self, note: impl FnOnce(&mut Tally)) {
        note(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }

    async fn write(&self, method: Method, url: String, body: Value) -> Result<Value> {
        let begun = Instant::now();
        let answer = ask(&self.client, method, url, &self.who, Some(body)).await?;
        self.note(|tally| tally.longest_write = tally.longest_write.max(begun.elapsed()));
        Ok(answer)
    }

    async fn read(&self, url: String) -> Result<Value> {
        ask(&self.client, Method::GET, url, &self.who, None).await
    }

    async fn work(mut self, stop: Arc<AtomicBool>) -> Result<Self> {
        let mut ticks = interval(PAUSE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut round = 0usize;
        while !stop.load(Ordering::Acquire) {
            ticks.tick().await;
            round += 1;
            let (here, there) = (&self.urls[round % 2], &self.urls[(round + 1) % 2]);
            let title = format!("Task {round} of writer {}", self.number);
            let task =
                self.write(Method::POST, format!("{here}/api/v1/tasks"), json!({ "title": title })).await?;
            let id = task["id"].as_str().context("a task has an id")?.to_owned();
            self.written.insert(id.clone(), title);
            self.note(|tally| tally.added += 1);
            let read = self.read(format!("{there}/api/v1/tasks/{id}")).await?;
            ensure!(read == task, "the other process has {read} instead of {task}");
            self.note(|tally| tally.reads += 1);
            if round.is_multiple_of(5) {
                let title = format!("Task {round} of writer {}, changed", self.number);
                let change = json!({ "title": title, "status": "done" });
                self.write(Method::PATCH, format!("{there}/api/v1/tasks/{id}"), change).await?;
                self.written.insert(id, title);
                let stats = self.read(format!("{here}/api/v1/tasks/stats")).await?;
                let total = TASKS_PER_USER as usize + self.written.len();
                ensure!(stats["total"] == total, "{stats}, but {total} tasks were acknowledged");
                self.note(|tally| {
                    tally.changed += 1;
                    tally.reads += 1;
                });
            }
        }
        Ok(self)
    }

    /// Walks all tasks: each that was acknowledged is there once and as it was left.
    async fn check(&self) -> Result<()> {
        let (mut seen, mut cursor) = (HashMap::new(), String::new());
        loop {
            let url = format!("{}/api/v1/tasks?limit=100{cursor}", self.urls[0]);
            let page = self.read(url).await?;
            for task in page["tasks"].as_array().context("a page has tasks")? {
                let text = |name: &str| task[name].as_str().unwrap_or_default().to_owned();
                ensure!(seen.insert(text("id"), text("title")).is_none(), "a task is there twice: {task}");
            }
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        for (id, title) in &self.written {
            ensure!(seen.get(id) == Some(title), "{title} ({id}) is {:?}", seen.get(id));
        }
        ensure!(seen.len() == self.written.len() + TASKS_PER_USER as usize, "{} tasks are there", seen.len());
        Ok(())
    }
}

/// A load of 200 writes a second by users of one bucket, through two processes.
struct Load {
    writers: Vec<tokio::task::JoinHandle<Result<Writer>>>,
    stop: Arc<AtomicBool>,
    tally: Arc<Mutex<Tally>>,
    begun: Instant,
}

impl Load {
    fn start(users: &[Account], services: &[Service; 2]) -> Result<Self> {
        let (stop, tally) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<Tally>>::default());
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
        let writers = users.iter().take(WRITERS).enumerate().map(|(number, who)| {
            let writer = Writer {
                client: client.clone(),
                who: who.clone(),
                urls: [services[0].url.clone(), services[1].url.clone()],
                number,
                tally: Arc::clone(&tally),
                written: HashMap::new(),
            };
            tokio::spawn(writer.work(Arc::clone(&stop)))
        });
        Ok(Self { writers: writers.collect(), stop, tally, begun: Instant::now() })
    }

    fn added(&self) -> usize {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).added
    }

    /// Until so many more tasks are acknowledged, or a writer gave up.
    async fn more(&self, tasks: usize) -> Result<()> {
        let (enough, deadline) = (self.added() + tasks, Instant::now() + Duration::from_secs(30));
        while self.added() < enough && !self.writers.iter().any(tokio::task::JoinHandle::is_finished) {
            ensure!(Instant::now() < deadline, "{} of {enough} tasks were acknowledged", self.added());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// How long the slowest write took since this was last asked, in milliseconds.
    fn longest_ms(&self) -> u128 {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut tally.longest_write).as_millis()
    }

    /// Ends the load; every writer finds what it wrote. How many tasks were added and acknowledged.
    async fn finish(self) -> Result<usize> {
        self.stop.store(true, Ordering::Release);
        let seconds = self.begun.elapsed().as_secs_f64();
        for writer in self.writers {
            writer.await??.check().await?;
        }
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let Tally { added, changed, reads, .. } = &*tally;
        println!(
            "{added} tasks added and {changed} changed in {seconds:.1} s, {:.0} writes/s; {reads} reads, all right",
            (added + changed) as f64 / seconds,
        );
        Ok(*added)
    }
}

#[test]
fn a_bucket_moves_under_writes_and_nothing_is_lost_doubled_or_read_wrong() -> Result<()> {
    let shards = Shards::start()?;
    let accounts = accounts(&shards.site.seed(USERS, TASKS_PER_USER, 20)?)?;
    let (bucket, users) = shards.fullest_bucket()?;
    let writers: Vec<Account> = users.iter().filter_map(|user| accounts.get(user).cloned()).collect();
    ensure!(
        writers.len() >= WRITERS,
        "of {} users in bucket {bucket}, {} can log in",
        users.len(),
        writers.len()
    );
    let services = [shards.site.start()?, shards.site.start()?];
    // Commands block, and what they start must not outlive this thread: the load has threads of its own.
    let runtime = tokio::runtime::Runtime::new()?;
    let load = runtime.block_on(async { Load::start(&writers, &services) })?;
    runtime.block_on(load.more(200))?;
    println!("before any move the longest write took {} ms", load.longest_ms());
    for to in ["1", "0", "1"] {
        shards.moved(&bucket, to)?;
        println!("during the move to shard {to} the longest write took {} ms", load.longest_ms());
        runtime.block_on(load.more(200))?;
        println!("after it {} ms", load.longest_ms());
    }
    let added = runtime.block_on(load.finish())?;
    let of_bucket = format!("SELECT COUNT(*) FROM tasks WHERE bucket_of(user_id) = {bucket}");
    let in_bucket = users.len() * TASKS_PER_USER as usize + added;
    assert_eq!(shards.counts(&of_bucket)?, [0, in_bucket], "the rows left are removed");
    let all: usize = shards.counts("SELECT COUNT(*) FROM tasks")?.iter().sum();
    assert_eq!(all, (USERS * TASKS_PER_USER) as usize + added);
    Ok(())
}
