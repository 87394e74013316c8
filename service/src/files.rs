//! Files that are made once, never change, and are fetched by a name that nobody can guess.

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt as _;

use crate::clock;
use crate::config::Config;

/// The folder of files.
pub struct Files {
    folder: PathBuf,
}

/// The name of a file, such as `export-….csv`. It holds 256 random bits: to know it is to be allowed to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

/// What files may be, by the end of their names.
const TYPES: [(&str, &str); 2] = [("csv", "text/csv; charset=utf-8"), ("ndjson", "application/x-ndjson")];
const RANDOM_BYTES: usize = 32;
/// A file that is being written.
const DRAFT: &str = ".part";

impl Key {
    fn new(kind: &str, extension: &str) -> Self {
        let random = URL_SAFE_NO_PAD.encode(clock::random_bytes::<RANDOM_BYTES>());
        Self(format!("{kind}-{random}.{extension}"))
    }

    /// As in a path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The media type.
    pub fn content_type(&self) -> &'static str {
        let ending = TYPES.iter().find(|(extension, _)| self.0.ends_with(&format!(".{extension}")));
        ending.map_or("application/octet-stream", |(_, kind)| kind)
    }
}

impl FromStr for Key {
    type Err = ();

    /// Takes exactly what [`Key::new`] makes, so that no text leads out of the folder.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, rest) = text.split_once('-').ok_or(())?;
        let (random, extension) = rest.rsplit_once('.').ok_or(())?;
        let known = TYPES.iter().any(|(known, _)| *known == extension);
        let named = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_lowercase());
        let decoded = URL_SAFE_NO_PAD.decode(random).map_err(|_| ())?;
        if known && named && decoded.len() == RANDOM_BYTES { Ok(Self(text.to_owned())) } else { Err(()) }
    }
}

/// A file that is being written; it is removed unless it is published.
pub struct Draft {
    file: io::Result<File>,
    path: PathBuf,
    target: PathBuf,
    key: Key,
}

impl Files {
    /// The folder that is configured.
    pub fn new(config: &Config) -> Self {
        Self { folder: folder(&config.files.path, &config.database.path, "files") }
    }

    /// Begins a file of some `kind`, a word of small letters, whose name ends in `extension`.
    ///
    /// # Errors
    /// When the folder cannot be made or written to.
    pub async fn draft(&self, kind: &str, extension: &str) -> io::Result<Draft> {
        tokio::fs::create_dir_all(&self.folder).await?;
        let key = Key::new(kind, extension);
        let target = self.folder.join(key.as_str());
        let path = self.folder.join(format!("{}{DRAFT}", key.as_str()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await?;
        Ok(Draft { file: Ok(file), path, target, key })
    }

    /// The file of this name and its size in bytes; `None` when there is none.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub async fn open(&self, key: &Key) -> io::Result<Option<(File, u64)>> {
        match File::open(self.folder.join(key.as_str())).await {
            Ok(file) => {
                let bytes = file.metadata().await?.len();
                Ok(Some((file, bytes)))
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Removes the files of one `kind` that are older than `age` at `now`, and drafts that somebody left a day ago.
    /// Returns how many.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn forget(&self, kind: &'static str, age: Duration, now_us: i64) -> io::Result<usize> {
        let folder = self.folder.clone();
        tokio::task::spawn_blocking(move || forget_now(&folder, kind, age, now_us))
            .await
            .map_err(io::Error::other)?
    }
}

fn forget_now(folder: &Path, kind: &str, age: Duration, now_us: i64) -> io::Result<usize> {
    const ABANDONED: Duration = Duration::from_secs(24 * 3600);
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let now = SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(now_us).unwrap_or(0));
    let mut removed = 0;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let age = match name {
            name if name.ends_with(DRAFT) => ABANDONED,
            name if name.strip_prefix(kind).is_some_and(|rest| rest.starts_with('-')) => age,
            _ => continue,
        };
        let modified = entry.metadata()?.modified()?;
        if now.duration_since(modified).is_ok_and(|old| old > age) {
            std::fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

impl Draft {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.file {
            Ok(file) => file.write_all(bytes).await,
            Err(e) => Err(io::Error::new(e.kind(), e.to_string())),
        }
    }

    /// Makes the whole file appear under its name at once.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub async fn publish(mut self) -> io::Result<Key> {
        let taken = std::mem::replace(&mut self.file, Err(io::Error::other("the file is published")));
        let mut file = taken?;
        file.flush().await?;
        drop(file);
        tokio::fs::rename(&self.path, &self.target).await?;
        Ok(self.key.clone())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Published, it has another name by now.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The folder that is named, or the one beside the database file; for a database in memory, one of this process among
/// the system's temporary files.
pub fn folder(named: &str, database: &str, what: &str) -> PathBuf {
    match (named, database) {
        ("", crate::config::IN_MEMORY) => {
            std::env::temp_dir().join(format!("headroom-{}.{what}", std::process::id()))
        }
        ("", database) => PathBuf::from(format!("{database}.{what}")),
        (named, _) => PathBuf::from(named),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn files(dir: &Path) -> Files {
        Files { folder: dir.join("files") }
    }

    proptest! {
        #[test]
        fn no_text_but_a_name_that_was_made_is_a_key(text in "[a-z./A-Z0-9_%-]{0,60}") {
            let made = text.len() == "-.csv".len() + 43 + text.find('-').unwrap_or(0);
            prop_assert!(text.parse::<Key>().is_err() || (made && !text.contains('/')), "{}", text);
        }
    }

    #[test]
    fn a_key_is_read_back_and_known_by_its_type() {
        for (extension, kind) in TYPES {
            let key = Key::new("export", extension);
            assert_eq!(key.as_str().parse::<Key>(), Ok(key.clone()));
            assert_eq!(key.content_type(), kind);
        }
        assert!("export-../../etc/passwd.csv".parse::<Key>().is_err());
    }

    #[tokio::test]
    async fn a_file_is_there_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path());
        let mut draft = files.draft("export", "csv").await.unwrap();
        draft.write(b"id,title\n").await.unwrap();
        let key = draft.key.clone();
        assert!(files.open(&key).await.unwrap().is_none(), "not yet published");
        draft.write(b"1,One\n").await.unwrap();
        assert_eq!(draft.publish().await.unwrap(), key);
        assert_eq!(files.open(&key).await.unwrap().unwrap().1, 15);

        let mut given_up = files.draft("export", "csv").await.unwrap();
        given_up.write(b"half").await.unwrap();
        drop(given_up);
        assert_eq!(std::fs::read_dir(dir.path().join("files")).unwrap().count(), 1, "nothing half is left");
    }

    #[tokio::test]
    async fn old_files_of_one_kind_are_forgotten_and_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path());
        for kind in ["export", "image"] {
            files.draft(kind, "csv").await.unwrap().publish().await.unwrap();
        }
        let (day, now) = (Duration::from_secs(24 * 3600), clock::now_us());
        assert_eq!(files.forget("export", day, now).await.unwrap(), 0);
        let later = now + 25 * 3600 * 1_000_000;
        assert_eq!(files.forget("export", day, later).await.unwrap(), 1);
        assert_eq!(std::fs::read_dir(dir.path().join("files")).unwrap().count(), 1);
    }
}
