//! What HTTP/2 servers do that HTTP/1.1 servers cannot.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use h2::{
    Ping, Reason,
    server::{self, Connection, SendResponse},
};
use http::Response;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::{at_once, came, engine, iterate};
use crate::flow::user::VirtualUser;

type Served = Connection<TcpStream, Bytes>;

/// A server that hands each connection, with its number from 0, to `serve`.
async fn listen<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(usize, Served) -> F + Send + 'static,
) -> (String, Arc<AtomicUsize>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            let number = counted.fetch_add(1, Ordering::SeqCst);
            let connection = server::handshake(stream).await.unwrap();
            tokio::spawn(serve(number, connection));
        }
    });
    (url, count)
}

fn fine(mut respond: SendResponse<Bytes>) {
    respond.send_response(Response::new(()), true).unwrap();
}

const POST: &str = r#"      - { post: /, body: "not to be repeated lightly" }"#;

#[tokio::test]
async fn a_refused_stream_is_sent_once_more_whatever_its_method() {
    for (refusals, expected) in [(1, (1, "")), (2, (0, "reset:1"))] {
        let (url, _) = listen(move |_, mut connection| async move {
            let mut seen = 0;
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                seen += 1;
                if seen <= refusals { respond.send_reset(Reason::REFUSED_STREAM) } else { fine(respond) }
            }
        })
        .await;
        let engine = engine(&url, ", http: 2", POST).await;
        assert_eq!(iterate(engine, 1).await, (expected.0, expected.1.to_owned()));
    }
}

#[tokio::test]
async fn a_stream_that_is_reset_otherwise_is_a_failure_and_its_connection_goes_on() {
    let (url, connections) = listen(|_, mut connection| async move {
        let mut seen = 0;
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            seen += 1;
            if seen == 1 { respond.send_reset(Reason::INTERNAL_ERROR) } else { fine(respond) }
        }
    })
    .await;
    let engine = engine(&url, ", http: 2", POST).await;
    assert_eq!(iterate(engine, 3).await, (2, "reset:1".to_owned()));
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_server_that_says_goodbye_is_connected_to_anew_without_a_failure() {
    let (url, connections) = listen(|_, mut connection| async move {
        let Some(Ok((_, respond))) = connection.accept().await else { return };
        fine(respond);
        connection.graceful_shutdown();
        while let Some(Ok((_, respond))) = connection.accept().await {
            fine(respond);
        }
    })
    .await;
    let engine = engine(&url, ", http: 2", POST).await;
    assert_eq!(iterate(engine, 6).await, (6, String::new()));
    assert!(connections.load(Ordering::SeqCst) > 1);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_cancelled_and_its_connection_goes_on() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let (url, connections) = listen(move |_, mut connection| {
        let tell = tell.clone();
        async move {
            let mut seen = 0;
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                seen += 1;
                if seen > 1 {
                    fine(respond);
                    continue;
                }
                let tell = tell.clone();
                tokio::spawn(async move {
                    let reset = poll_fn(|cx| respond.poll_reset(cx)).await;
                    tell.send(reset.unwrap()).unwrap();
                });
            }
        }
    })
    .await;
    let engine = engine(&url, ", http: 2", "      - { get: /, timeout: 100ms }").await;
    assert_eq!(iterate(engine, 3).await, (2, "timeout:1".to_owned()));
    assert_eq!(told.recv().await, Some(Reason::CANCEL));
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_that_nothing_more_comes_from_is_given_up_with_its_request() {
    let (url, connections) = listen(|number, mut connection| async move {
        let Some(Ok((_, respond))) = connection.accept().await else { return };
        fine(respond);
        if number == 0 {
            // Lets the answer go out, and then reads and says nothing more.
            let _ = tokio::time::timeout(Duration::from_millis(50), connection.accept()).await;
            std::future::pending::<()>().await;
        }
        while let Some(Ok((_, respond))) = connection.accept().await {
            fine(respond);
        }
    })
    .await;
    let engine = engine(&url, ", http: 2", "      - { get: /, timeout: 200ms }").await;
    let mut user = VirtualUser::new(engine, 0);
    for _ in 0..4 {
        user.iterate(at_once()).await.unwrap();
        user.pause(Instant::now() + Duration::from_millis(60)).await.unwrap();
    }
    assert_eq!(came(engine), (3, "timeout:1".to_owned()));
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_user_that_thinks_answers_pings() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let (url, _) = listen(move |_, mut connection| {
        let tell = tell.clone();
        async move {
            let Some(Ok((_, respond))) = connection.accept().await else { return };
            fine(respond);
            let mut pings = connection.ping_pong().unwrap();
            tokio::spawn(async move { while connection.accept().await.is_some() {} });
            tokio::time::sleep(Duration::from_millis(50)).await;
            pings.ping(Ping::opaque()).await.unwrap();
            tell.send(Instant::now()).unwrap();
        }
    })
    .await;
    let engine = engine(&url, ", http: 2", "      - { get: / }").await;
    let mut user = VirtualUser::new(engine, 0);
    user.iterate(at_once()).await.unwrap();
    let until = Instant::now() + Duration::from_secs(3);
    user.pause(until).await.unwrap();
    assert!(told.recv().await.unwrap() < until);
}

#[tokio::test]
async fn a_server_that_allows_few_streams_gets_no_more_at_once() {
    let most = Arc::new(AtomicUsize::new(0));
    let at_once_now = Arc::new(AtomicUsize::new(0));
    let seen = most.clone();
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = socket.accept().await.unwrap();
        let mut connection: Served =
            server::Builder::new().max_concurrent_streams(2).handshake(stream).await.unwrap();
        while let Some(Ok((_, respond))) = connection.accept().await {
            let (now, seen) = (at_once_now.clone(), seen.clone());
            tokio::spawn(async move {
                seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                fine(respond);
            });
        }
    });
    let (engine, requests) = super::requests(&url, ", http: 2", 9, "/").await;
    let mut user = VirtualUser::new(engine, 0);
    // The first request waits for the server's settings, so that the limit is known to the others.
    assert!(user.parallel(&[&requests[0]], 1, at_once()).await.unwrap());
    assert!(user.parallel(&requests[1..].iter().collect::<Vec<_>>(), 1, at_once()).await.unwrap());
    assert_eq!(came(engine), (9, String::new()));
    assert_eq!(most.load(Ordering::SeqCst), 2);
}
