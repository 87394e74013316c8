//! Answers that no server should give. A user must neither panic nor hang nor fill this machine's memory, whatever
//! comes; what it counts is not asked here. `PROPTEST_CASES` lets it run for long.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use proptest::{
    collection::vec,
    prelude::*,
    sample::Index,
    test_runner::{Config, TestRunner},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};

use super::{at_once, engine, engine_with, iterate};
use crate::{engine::Engine, flow::user::VirtualUser, witness::Witness};

/// How a damaged answer is sent.
#[derive(Debug, Clone)]
struct Sent {
    bytes: Vec<u8>,
    /// Bytes at a time.
    pieces: usize,
    /// Whether the connection stays open after it.
    lingers: bool,
}

/// A change to some bytes.
#[derive(Debug, Clone)]
enum Harm {
    Cut(Index),
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Repeat(Index, Index, u8),
    Replace(&'static str, &'static str),
}

impl Harm {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        let at = |index: &Index| index.index(length + 1);
        match self {
            Self::Cut(end) => bytes.truncate(at(end)),
            Self::Flip(index, bits) if length > 0 => bytes[index.index(length)] ^= bits,
            Self::Flip(..) => {}
            Self::Insert(index, more) => {
                bytes.splice(at(index)..at(index), more.iter().copied());
            }
            Self::Repeat(one, other, times) => {
                let (from, to) = (at(one).min(at(other)), at(one).max(at(other)));
                let again = bytes[from..to].repeat(usize::from(*times));
                bytes.splice(to..to, again);
            }
            Self::Replace(old, new) => {
                let (old, new) = (old.as_bytes(), new.as_bytes());
                if let Some(at) = bytes.windows(old.len()).position(|window| window == old) {
                    bytes.splice(at..at + old.len(), new.iter().copied());
                }
            }
        }
    }
}

const ANSWERS: [&[u8]; 7] = [
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n{\"id\":7}",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n{\"id\r\n4;x=y\r\n\":7}\r\n0\r\ntrailer: t\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nset-cookie: a=b; Path=/\r\n\r\nuntil the end",
    b"HTTP/1.1 302 Found\r\nlocation: /next?x=%20\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 22\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x04\0\x43\xbe\xb7\xe8\x01\0\0\0",
];

const LIES: [(&str, &str); 8] = [
    ("content-length: 8", "content-length: 99999999999999999999"),
    ("content-length: 8", "content-length: 3\r\ncontent-length: 8"),
    ("content-length: 8", "content-length: -1"),
    ("4\r\n", "ffffffffffffffff\r\n"),
    ("4\r\n", "7fffffff\r\n"),
    ("200", "999"),
    ("location: /next", "location: http://[::1"),
    ("gzip", "br"),
];

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        any::<Index>().prop_map(Harm::Cut),
        (any::<Index>(), 1..=255_u8).prop_map(|(index, bits)| Harm::Flip(index, bits)),
        (any::<Index>(), vec(any::<u8>(), 1..40)).prop_map(|(index, more)| Harm::Insert(index, more)),
        (any::<Index>(), any::<Index>(), any::<u8>()).prop_map(|(a, b, times)| Harm::Repeat(a, b, times)),
        (0..LIES.len()).prop_map(|index| Harm::Replace(LIES[index].0, LIES[index].1)),
    ]
}

fn sent(answers: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Sent> {
    (answers, vec(harm(), 0..4), prop_oneof![Just(1), Just(7), Just(100_000)], any::<bool>()).prop_map(
        |(mut bytes, harms, pieces, lingers)| {
            harms.iter().for_each(|harm| harm.apply(&mut bytes));
            // A byte at a time is for short answers.
            let pieces = if bytes.len() > 2_000 { 100_000 } else { pieces };
            Sent { bytes, pieces, lingers }
        },
    )
}

/// A frame of HTTP/2 (RFC 9113 §4.1), its length field perhaps a lie.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        vec(any::<u8>(), 0..40),
        // `:status: 200` from the static table, and a literal header.
        Just(vec![0x88]),
        Just(b"\x88\x00\x01a\x01b".to_vec()),
        Just(vec![0; 8]),
        Just(vec![0, 0, 0, 0]),
    ];
    (payload, 0..12_u8, any::<u8>(), 0..6_u32, prop_oneof![4 => Just(None), 1 => any::<u32>().prop_map(Some)])
        .prop_map(|(payload, kind, flags, stream, lie)| {
            let length = lie.unwrap_or(payload.len() as u32).to_be_bytes();
            let mut bytes = vec![length[1], length[2], length[3], kind, flags];
            bytes.extend(stream.to_be_bytes());
            bytes.extend(payload);
            bytes
        })
}

/// Settings, an answer to the first request, and then anything.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let settings = vec![0, 0, 0, 4, 0, 0, 0, 0, 0];
    let answer = b"\0\0\x01\x01\x04\0\0\0\x01\x88\0\0\x08\0\x01\0\0\0\x01{\"id\":7}".to_vec();
    let begun = prop_oneof![Just(Vec::new()), Just(settings.clone()), Just([settings, answer].concat())];
    (begun, vec(frame(), 0..12)).prop_map(|(begun, frames)| [begun, frames.concat()].concat())
}

/// A server that gives the present answer to whatever it is asked, and an engine for users to suffer it.
struct Bench {
    runtime: Runtime,
    engine: &'static Engine,
    answer: Arc<Mutex<Option<Sent>>>,
}

impl Bench {
    fn new(target: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = Arc::new(Mutex::new(None));
        let given = answer.clone();
        let engine = runtime.block_on(async {
            let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", socket.local_addr().unwrap());
            tokio::spawn(async move {
                while let Ok((stream, _)) = socket.accept().await {
                    let given = given.lock().unwrap().clone();
                    tokio::spawn(give(stream, given.unwrap()));
                }
            });
            engine_with(&url, target, STEPS, Witness::default()).await
        });
        Self { runtime, engine, answer }
    }

    /// A new user, three iterations.
    fn suffer(&self, answer: Sent) -> Result<(), TestCaseError> {
        *self.answer.lock().unwrap() = Some(answer);
        self.runtime.block_on(async {
            let mut user = VirtualUser::new(self.engine, 0);
            for _ in 0..3 {
                let iteration = tokio::time::timeout(Duration::from_secs(5), user.iterate(at_once())).await;
                prop_assert!(iteration.is_ok(), "a request outlived its deadline");
                user.park();
            }
            let (row, _) = self.engine.recorder.rotate(0);
            let (well, failed) = (row.completed, row.failed);
            prop_assert!((3..=6).contains(&(well + failed)), "{well} well, {failed} failed");
            prop_assert_eq!(row.in_flight, 0);
            Ok(())
        })
    }
}

async fn give(mut stream: TcpStream, answer: Sent) {
    let mut asked = vec![0; 4096];
    while let Ok(1..) = stream.read(&mut asked).await {
        for piece in answer.bytes.chunks(answer.pieces) {
            if stream.write_all(piece).await.is_err() {
                return;
            }
        }
        if !answer.lingers {
            return;
        }
    }
}

const STEPS: &str = "      - { get: /, timeout: 20ms, save: { all: { regex: '(.*)' } } }\n      - { get: /other, timeout: 20ms }";

fn fuzz(target: &str, answers: impl Strategy<Value = Sent>) {
    let usual = Config::default();
    // As many as the environment asks for; without that, as many as take some seconds.
    let cases = if usual.cases == 256 { 60 } else { usual.cases };
    let mut runner = TestRunner::new(Config { cases, source_file: Some(file!()), ..usual });
    let bench = Bench::new(target);
    runner.run(&answers, |answer| bench.suffer(answer)).unwrap();
}

#[tokio::test]
async fn a_head_without_end_is_given_up_long_before_its_deadline() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            tokio::spawn(async move {
                stream.write_all(b"HTTP/1.1 200 OK\r\nlong: ").await.unwrap();
                while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
            });
        }
    });
    let engine = engine(&url, "", "      - { get: / }").await;
    assert_eq!(iterate(engine, 1).await, (0, "protocol:1".to_owned()));
}

#[test]
fn a_damaged_http1_answer_neither_hangs_nor_breaks_a_user() {
    fuzz("", sent((0..ANSWERS.len()).prop_map(|index| ANSWERS[index].to_vec())));
}

#[test]
fn damaged_http2_frames_neither_hang_nor_break_a_user() {
    fuzz(", http: 2", sent(frames()));
}
