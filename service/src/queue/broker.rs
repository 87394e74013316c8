//! RabbitMQ as the queue: a durable quorum queue, persistent messages, publisher confirms, manual acknowledgements, no more
//! unacknowledged messages than workers. A message is the id of a job and of its user.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions,
    BasicQosOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::{Ends, backoff, worker};
use crate::app::App;
use crate::clock;
use crate::config::{QueueConfig, SecretUrl};
use crate::store::jobs;
use crate::store::outbox::Entry;

/// A broker that does not answer in this time is away.
const PATIENCE: Duration = Duration::from_secs(10);
const PERSISTENT: u8 = 2;

/// What a message says.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    job: Uuid,
    user: Uuid,
}

/// An open channel; its connection lives as long.
struct Line {
    channel: Channel,
    connection: Connection,
}

/// Connects and makes sure that the queues are there.
async fn open(url: &SecretUrl, name: &str) -> anyhow::Result<Line> {
    let properties = ConnectionProperties::default().with_connection_name("headroom".into());
    let opening = async {
        let connection = Connection::connect(url.expose(), properties).await?;
        let channel = connection.create_channel().await?;
        let dead = format!("{name}.dead");
        let quorum = || {
            let mut arguments = FieldTable::default();
            arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
            arguments
        };
        channel.queue_declare(dead.as_str().into(), QueueDeclareOptions::durable(), quorum()).await?;
        let mut arguments = quorum();
        let text = |text: &str| AMQPValue::LongString(LongString::from(text));
        arguments.insert("x-dead-letter-exchange".into(), text(""));
        arguments.insert("x-dead-letter-routing-key".into(), text(&dead));
        channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments).await?;
        Ok::<_, lapin::Error>(Line { channel, connection })
    };
    let line = tokio::time::timeout(PATIENCE, opening).await.context("RabbitMQ does not answer")?;
    line.context("RabbitMQ refuses")
}

/// Puts messages into the queue, over one connection that is made anew when it breaks.
pub struct Publisher {
    url: SecretUrl,
    name: String,
    line: Mutex<Option<Line>>,
}

impl Publisher {
    /// As configured. Connects at the first need.
    pub fn new(config: &QueueConfig) -> Self {
        Self { url: config.url.clone(), name: config.name.clone(), line: Mutex::new(None) }
    }

    /// Publishes a message for each entry, and returns when the broker has confirmed that all are safe.
    ///
    /// # Errors
    /// When it did not: then any number of them may be in the queue.
    pub async fn publish(&self, entries: &[Entry]) -> anyhow::Result<()> {
        self.over_line(async |channel| {
            let mut confirms = Vec::with_capacity(entries.len());
            for entry in entries {
                let message = serde_json::to_vec(&Message { job: entry.job_id, user: entry.user_id })?;
                let properties = BasicProperties::default()
                    .with_delivery_mode(PERSISTENT)
                    .with_content_type("application/json".into())
                    .with_message_id(entry.job_id.to_string().into());
                let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
                let name = self.name.as_str().into();
                confirms.push(channel.basic_publish("".into(), name, options, &message, properties).await?);
            }
            for confirm in confirms {
                match confirm.await? {
                    Confirmation::Ack(None) => {}
                    refused => anyhow::bail!("RabbitMQ did not keep a message: {refused:?}"),
                }
            }
            Ok(())
        })
        .await
    }

    /// Messages in the queue that no worker has.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn depth(&self) -> anyhow::Result<u32> {
        self.over_line(async |channel| {
            let options = QueueDeclareOptions::durable().passive();
            let queue =
                channel.queue_declare(self.name.as_str().into(), options, FieldTable::default()).await?;
            Ok(queue.message_count())
        })
        .await
    }

    /// Does something over the line; one that fails or is slow is dropped.
    async fn over_line<T>(&self, work: impl AsyncFnOnce(&Channel) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let mut held = self.line.lock().await;
        let line = match held.take() {
            Some(line) if line.channel.status().connected() => line,
            _ => {
                let line = open(&self.url, &self.name).await?;
                line.channel.confirm_select(ConfirmSelectOptions::default()).await?;
                line
            }
        };
        let done = tokio::time::timeout(PATIENCE, work(&line.channel)).await;
        let done = done.context("RabbitMQ does not answer")??;
        *held = Some(line);
        Ok(done)
    }
}

/// Attends to messages until the end; connects anew when the line breaks.
pub async fn consume(app: Arc<App>, ends: Ends, running: TaskTracker) {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(5);
    let mut failures = 0;
    loop {
        match session(&app, &ends, &running, &mut failures).await {
            Ok(()) => return,
            Err(error) => {
                failures += 1;
                if failures == 1 {
                    tracing::warn!(error = format!("{error:#}"), "no jobs come from RabbitMQ for now");
                }
            }
        }
        if !ends.sleep(backoff::wait(failures, FIRST, LONGEST, clock::random_between(0.5..=1.0))).await {
            return;
        }
    }
}

/// One connection, from its beginning until it breaks, or until the end.
async fn session(
    app: &Arc<App>,
    ends: &Ends,
    running: &TaskTracker,
    failures: &mut u32,
) -> anyhow::Result<()> {
    let config = &app.config.queue;
    let Line { channel, connection } = open(&config.url, &config.name).await?;
    channel.basic_qos(config.workers, BasicQosOptions::default()).await?;
    let name = config.name.as_str().into();
    let mut consumer =
        channel.basic_consume(name, "".into(), BasicConsumeOptions::default(), FieldTable::default()).await?;
    if *failures > 0 {
        tracing::info!("jobs come from RabbitMQ again");
    }
    *failures = 0;
    let attending = TaskTracker::new();
    loop {
        let delivery = tokio::select! {
            () = ends.stop.cancelled() => break,
            delivery = consumer.next() => delivery.context("RabbitMQ ended the subscription")??,
        };
        running.spawn(attending.track_future(attend(Arc::clone(app), delivery, ends.clone())));
    }
    // What is begun ends over the open line; what else was sent here goes back when it closes.
    let tag = consumer.tag();
    let _ = tokio::time::timeout(PATIENCE, channel.basic_cancel(tag, BasicCancelOptions::default())).await;
    attending.close();
    attending.wait().await;
    let _ = tokio::time::timeout(PATIENCE, connection.close(200, "stopping".into())).await;
    Ok(())
}

/// Does what a message asks for, then acknowledges it. A line that broke meanwhile brings the message again, to find
/// the job done.
async fn attend(app: Arc<App>, delivery: Delivery, ends: Ends) {
    let message: Message = match serde_json::from_slice(&delivery.data) {
        Ok(message) => message,
        Err(error) => {
            tracing::error!(%error, "a message that no service wrote is put with the dead letters");
            let _ = delivery.nack(BasicNackOptions { requeue: false, ..BasicNackOptions::default() }).await;
            return;
        }
    };
    let (now, lease) = worker::lease(&app.config.queue);
    match jobs::claim(&app.store, message.user, message.job, now, lease).await {
        Ok(Some(attempt)) => worker::perform(app, attempt, ends.cut).await,
        // Done, removed, or another's: whose worker falls silent, the watch brings back.
        Ok(None) => {}
        Err(error) => {
            tracing::warn!(job = %message.job, %error, "a job goes back: the database does not answer");
            ends.sleep(Duration::from_secs(1)).await;
            let _ = delivery.nack(BasicNackOptions { requeue: true, ..BasicNackOptions::default() }).await;
            return;
        }
    }
    let _ = delivery.ack(BasicAckOptions::default()).await;
}
