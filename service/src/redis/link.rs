//! A connection to a server or to a cluster, and who is at its other end.

use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection, PubSub};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisResult, ScriptInvocation, Value};

use crate::config::RedisConfig;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_millis(500);
/// A cluster's client follows a moved slot or a lost node by itself, a few times, within the command's time.
const RETRIES: u32 = 2;
const RETRY_WAIT_MS: (u64, u64) = (2, 10);

/// What makes connections.
pub enum Address {
    Server(Client),
    Cluster { client: Box<ClusterClient>, nodes: Vec<Client> },
}

/// A connection that many use at once.
#[derive(Clone)]
pub enum Link {
    /// It ends with its server: a server that was started again is another one, which cannot be taken for the first.
    Server(MultiplexedConnection),
    /// Connections to all nodes, renewed by themselves; [`Link::fleet`] tells when a node is another one.
    Cluster(ClusterConnection),
}

impl Address {
    pub fn new(config: &RedisConfig) -> RedisResult<Self> {
        let nodes: Vec<Client> =
            config.urls.iter().map(|url| Client::open(url.expose())).collect::<RedisResult<_>>()?;
        let mut nodes = nodes;
        if nodes.len() == 1 {
            return Ok(Self::Server(nodes.remove(0)));
        }
        let client = ClusterClient::builder(config.urls.iter().map(|url| url.expose()))
            .connection_timeout(CONNECT)
            .response_timeout(Duration::from_millis(config.timeout_ms))
            .retries(RETRIES)
            .min_retry_wait(RETRY_WAIT_MS.0)
            .max_retry_wait(RETRY_WAIT_MS.1)
            .connection_concurrency_limit(config.concurrency)
            .build()?;
        Ok(Self::Cluster { client: Box::new(client), nodes })
    }

    pub async fn connect(&self, config: &RedisConfig) -> RedisResult<Link> {
        match self {
            Self::Server(client) => {
                let options = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT))
                    .set_response_timeout(Some(Duration::from_millis(config.timeout_ms)))
                    .set_pipeline_buffer_size(config.concurrency)
                    .set_concurrency_limit(config.concurrency);
                Ok(Link::Server(client.get_multiplexed_async_connection_with_config(&options).await?))
            }
            Self::Cluster { client, .. } => Ok(Link::Cluster(client.get_async_connection().await?)),
        }
    }

    /// A connection that listens to `channel`. In a cluster any node will do: all of them pass messages on.
    pub async fn listen(&self, channel: &str) -> RedisResult<PubSub> {
        let nodes = match self {
            Self::Server(client) => std::slice::from_ref(client),
            Self::Cluster { nodes, .. } => nodes,
        };
        let mut last = None;
        for node in nodes {
            match tokio::time::timeout(CONNECT, subscribe(node, channel)).await {
                Ok(Ok(listening)) => return Ok(listening),
                Ok(Err(error)) => last = Some(error),
                Err(_elapsed) => last = Some(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
            }
        }
        Err(last.unwrap_or_else(|| std::io::Error::from(std::io::ErrorKind::NotConnected).into()))
    }
}

async fn subscribe(node: &Client, channel: &str) -> RedisResult<PubSub> {
    let mut listening = node.get_async_pubsub().await?;
    listening.subscribe(channel).await?;
    Ok(listening)
}

impl Link {
    /// Sends one command.
    pub async fn command<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        match self {
            Self::Server(link) => command.query_async(&mut link.clone()).await,
            Self::Cluster(link) => command.query_async(&mut link.clone()).await,
        }
    }

    /// Runs a script; it is sent whole only to a server that does not know it yet.
    pub async fn script<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> RedisResult<T> {
        match self {
            Self::Server(link) => script.invoke_async(&mut link.clone()).await,
            Self::Cluster(link) => script.invoke_async(&mut link.clone()).await,
        }
    }

    /// Names the running servers at the other end: another text means that one of them was started again or
    /// replaced, and may have come back with data of before. All of a cluster's masters have to answer.
    pub async fn fleet(&self) -> RedisResult<String> {
        let mut info = redis::cmd("INFO");
        info.arg("server");
        let told: Value = match self {
            Self::Server(link) => link.clone().req_packed_command(&info).await?,
            Self::Cluster(link) => link.clone().req_packed_command(&info).await?,
        };
        let mut runs = Vec::new();
        collect_runs(&told, &mut runs);
        runs.sort_unstable();
        Ok(runs.join(","))
    }
}

/// Every `run_id` in the answer of one node, or in the map of those of all nodes.
fn collect_runs(value: &Value, runs: &mut Vec<String>) {
    match value {
        Value::Map(nodes) => nodes.iter().for_each(|(_, told)| collect_runs(told, runs)),
        Value::Array(values) => values.iter().for_each(|told| collect_runs(told, runs)),
        other => {
            let text: String = redis::from_redis_value(other.clone()).unwrap_or_default();
            let run = text.lines().find_map(|line| line.strip_prefix("run_id:"));
            runs.extend(run.map(|run| run.trim().chars().take(16).collect::<String>()));
        }
    }
}
