//! A mail server on a real socket that keeps what it is sent and does what it is told.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// How the server treats mail.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Mood {
    Takes,
    Defers,
    Refuses,
    Ignores,
}

/// The server; it ends with the test's runtime.
pub struct Server {
    pub address: SocketAddr,
    mood: Arc<AtomicU8>,
    taken: Arc<Mutex<Vec<String>>>,
    asked: Arc<AtomicU8>,
}

impl Server {
    pub async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mood, taken, asked) = (Arc::new(AtomicU8::new(mood as u8)), Arc::default(), Arc::default());
        let server = Self { address, mood, taken, asked };
        let (mood, taken, asked) =
            (Arc::clone(&server.mood), Arc::clone(&server.taken), Arc::clone(&server.asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&mood), Arc::clone(&taken), Arc::clone(&asked)));
            }
        });
        server
    }

    pub fn set(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::Release);
    }

    /// The mails that were taken, as they came.
    pub fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }

    /// How many mails were offered.
    pub fn asked(&self) -> u8 {
        self.asked.load(Ordering::Acquire)
    }
}

async fn converse(
    stream: TcpStream,
    mood: Arc<AtomicU8>,
    taken: Arc<Mutex<Vec<String>>>,
    asked: Arc<AtomicU8>,
) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 sink\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let answer: &[u8] = match line.split([' ', ':']).next().unwrap_or("") {
            "MAIL" => {
                asked.fetch_add(1, Ordering::AcqRel);
                match mood.load(Ordering::Acquire) {
                    m if m == Mood::Defers as u8 => b"451 later\r\n",
                    m if m == Mood::Refuses as u8 => b"550 never\r\n",
                    m if m == Mood::Ignores as u8 => std::future::pending().await,
                    _ => b"250 ok\r\n",
                }
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut mail = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    mail += &line;
                    mail += "\n";
                }
                taken.lock().unwrap().push(mail);
                b"250 taken\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        write.write_all(answer).await?;
    }
    Ok(())
}
