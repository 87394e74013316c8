//! A mail server that takes its time for each mail and keeps what it took.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Result;

/// The `Message-ID`s that came for each address, as often as they came.
pub type Received = BTreeMap<String, Vec<String>>;

/// A mail as it came.
#[derive(Debug)]
struct Letter {
    id: String,
    text: String,
}

/// Mails by address, in the order in which they came.
type Letters = BTreeMap<String, Vec<Letter>>;

/// The server; its threads end with the process.
#[derive(Debug)]
pub struct Mailbox {
    /// Where it listens.
    pub address: SocketAddr,
    letters: Arc<Mutex<Letters>>,
    in_progress: Arc<AtomicUsize>,
}

impl Mailbox {
    /// Starts one that takes `each` for a mail.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start(each: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, letters) = (listener.local_addr()?, Arc::<Mutex<Letters>>::default());
        let in_progress = Arc::<AtomicUsize>::default();
        let (kept, now) = (Arc::clone(&letters), Arc::clone(&in_progress));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, now) = (Arc::clone(&kept), Arc::clone(&now));
                // A client that is killed breaks off in the middle; what it had not finished was not taken.
                thread::spawn(move || converse(stream, each, &kept, &now));
            }
        });
        Ok(Self { address, letters, in_progress })
    }

    /// Mails that are being taken at this moment.
    pub fn in_progress(&self) -> usize {
        self.in_progress.load(Ordering::Acquire)
    }

    /// What has been taken.
    pub fn received(&self) -> Received {
        let letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        let ids = |all: &Vec<Letter>| all.iter().map(|letter| letter.id.clone()).collect();
        letters.iter().map(|(address, all)| (address.clone(), ids(all))).collect()
    }

    /// The mails that were taken for `address`, as they came, head and text.
    pub fn letters_to(&self, address: &str) -> Vec<String> {
        let letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        letters.get(address).into_iter().flatten().map(|letter| letter.text.clone()).collect()
    }
}

fn converse(
    mut stream: TcpStream,
    each: Duration,
    kept: &Mutex<Letters>,
    in_progress: &AtomicUsize,
) -> std::io::Result<()> {
    stream.write_all(b"220 mailbox\r\n")?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let mut to = String::new();
    while let Some(line) = lines.next().transpose()? {
        let answer: &[u8] = match line.split([' ', ':']).next().unwrap_or_default() {
            "RCPT" => {
                let address = line.split(['<', '>']).nth(1).unwrap_or_default();
                address.clone_into(&mut to);
                b"250 ok\r\n"
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n")?;
                let (mut id, mut text) = (String::new(), String::new());
                while let Some(line) = lines.next().transpose()?.filter(|line| line != ".") {
                    if let Some(value) = line.strip_prefix("Message-ID: ") {
                        value.clone_into(&mut id);
                    }
                    text += &line;
                    text.push('\n');
                }
                in_progress.fetch_add(1, Ordering::AcqRel);
                thread::sleep(each);
                in_progress.fetch_sub(1, Ordering::AcqRel);
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.entry(to.clone()).or_default().push(Letter { id, text });
                b"250 taken\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        stream.write_all(answer)?;
    }
    Ok(())
}
