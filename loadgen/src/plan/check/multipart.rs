//! Forms with files (RFC 7578), written once as text and files, so that making a request only fills them in.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{Check, names::Scope};
use crate::{
    flow::template::{Template, has_placeholder},
    plan::{
        de::At,
        file::Part,
        forms::Scalar,
        model::Chunk,
        shapes::{OneOrMany, OrMap, Pairs},
    },
};

/// The largest file that requests can send, bytes: it is copied for each request that differs.
const LARGEST: u64 = 64 << 20;

/// A field, checked.
struct Field {
    head: String,
    content: Chunk,
}

impl Check<'_> {
    /// The body, and the content type with the boundary in it.
    pub fn multipart(
        &mut self,
        fields: &Pairs<OneOrMany<At<OrMap<String, Part>>>>,
        scope: &Scope,
    ) -> Option<(Vec<Chunk>, String)> {
        let before = self.problems.len();
        let mut made = Vec::new();
        for (name, parts) in &fields.0 {
            for part in &parts.0 {
                made.extend(self.field(name, part, scope));
            }
        }
        if self.problems.len() > before {
            return None;
        }
        let boundary = boundary(&made);
        Some((body(made, &boundary), format!("multipart/form-data; boundary={boundary}")))
    }

    fn field(&mut self, name: &At<String>, part: &At<OrMap<String, Part>>, scope: &Scope) -> Option<Field> {
        let mut head = format!("content-disposition: form-data; name=\"{}\"", quoted(name));
        let map = match &part.value {
            OrMap::Short(text) => {
                let text = At {
                    span: part.span,
                    key: part.key,
                    value: Scalar { text: text.clone(), number: false },
                };
                return Some(Field { head, content: Chunk::Text(self.text(&text, scope)?) });
            }
            OrMap::Map(map) => map,
        };
        let content_type = map.content_type.as_ref();
        if let Some(wrong) = content_type.filter(|it| has_placeholder(it) || it.contains(char::is_control)) {
            self.problem(wrong.span, "a content type is fixed text, such as `image/png`");
            return None;
        }
        let content_type = content_type.map(|it| it.trim().to_owned());
        let (content, content_type) = match (&map.file, &map.text) {
            (Some(file), None) => {
                let told = map.name.as_ref().unwrap_or(file);
                let told = told.rsplit('/').next().unwrap_or_default();
                head.push_str(&format!("; filename=\"{}\"", quoted(told)));
                let content_type = content_type.unwrap_or_else(|| type_of(file).to_owned());
                (Chunk::File(self.upload(file)?), Some(content_type))
            }
            (None, Some(text)) => {
                if let Some(name) = &map.name {
                    self.problem(name.key, "`name` is that of a file; a field of text has none");
                }
                (Chunk::Text(self.text(text, scope)?), content_type)
            }
            _ => {
                self.problem(part.span, "a field is text, `{ text: … }` or `{ file: photo.jpg }`");
                return None;
            }
        };
        if let Some(content_type) = content_type {
            head.push_str(&format!("\r\ncontent-type: {content_type}"));
        }
        Some(Field { head, content })
    }

    /// A file that requests send, read once.
    fn upload(&mut self, name: &At<String>) -> Option<Bytes> {
        if has_placeholder(name) {
            let message =
                "files are read before the run, so their names hold no variables; list them one by one";
            self.problem(name.span, message);
            return None;
        }
        let path = self.file(name)?;
        if let Some(read) = self.uploads.get(&path) {
            return Some(read.clone());
        }
        let shown = path.display();
        let read = match std::fs::metadata(&path) {
            Ok(file) if file.len() > LARGEST => {
                Err(format!("`{shown}` has {} MiB; at most {} can be sent", file.len() >> 20, LARGEST >> 20))
            }
            _ => std::fs::read(&path)
                .map(Bytes::from)
                .map_err(|error| format!("cannot read `{shown}`: {error}")),
        };
        let read = self.keep(name.span, read)?;
        self.uploads.insert(path, read.clone());
        Some(read)
    }
}

/// A name inside quotes (HTML standard, §4.10.21.8).
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

fn body(fields: Vec<Field>, boundary: &str) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut text = Template::default();
    for field in fields {
        text.push_literal(&format!("--{boundary}\r\n{}\r\n\r\n", field.head));
        match field.content {
            Chunk::Text(content) => text.push_all(content),
            file => {
                chunks.push(Chunk::Text(std::mem::take(&mut text)));
                chunks.push(file);
            }
        }
        text.push_literal("\r\n");
    }
    text.push_literal(&format!("--{boundary}--\r\n"));
    chunks.push(Chunk::Text(text));
    chunks
}

/// A line that none of the files holds, the same for the same scenario. What variables put in is not known yet, but would
/// have to hit on a hash.
fn boundary(fields: &[Field]) -> String {
    let mut hash = Sha256::new();
    fields.iter().for_each(|field| hash.update(&field.head));
    let candidate = |round: u64| {
        let digits = hash.clone().chain_update(round.to_le_bytes()).finalize();
        let digits: String = digits.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        format!("headroom-{digits}")
    };
    let taken = |boundary: &str| {
        fields.iter().any(|field| match &field.content {
            Chunk::File(content) => content.windows(boundary.len()).any(|it| it == boundary.as_bytes()),
            Chunk::Text(_) => false,
        })
    };
    (0..).map(candidate).find(|boundary| !taken(boundary)).unwrap_or_default()
}

/// The content type that goes with the ending of a file's name.
fn type_of(name: &str) -> &'static str {
    let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match ending.as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "mp4" => "video/mp4",
        "mp3" => "audio/mpeg",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "json" => "application/json",
        "xml" => "application/xml",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "txt" | "md" => "text/plain",
        _ => "application/octet-stream",
    }
}
