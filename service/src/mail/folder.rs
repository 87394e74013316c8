//! The default provider: each mail is a file, as `ID.eml`.

use std::io;
use std::path::Path;

use uuid::Uuid;

/// Writes a mail whole under another name first, so that a reader sees all of it or nothing. Not forced to the disk: it
/// survives the death of the process, as the database does.
pub async fn put(folder: &Path, id: Uuid, message: Vec<u8>) -> io::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    let draft = folder.join(format!(".{id}.{}.part", std::process::id()));
    tokio::fs::write(&draft, message).await?;
    tokio::fs::rename(&draft, folder.join(format!("{id}.eml"))).await
}
