//! curl's options: those that say what is sent, those that do not matter here, and the rest.

/// How an option is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Says what is sent; with a value.
    Value(&'static str),
    /// Says what is sent; alone.
    Switch(&'static str),
    /// About curl's own output or transport, not about what is sent; with a value or alone.
    Ignored(bool),
}

const KNOWN: [(&str, &str, Kind); 62] = [
    ("-X", "--request", Kind::Value("request")),
    ("-H", "--header", Kind::Value("header")),
    ("-d", "--data", Kind::Value("data")),
    ("", "--data-ascii", Kind::Value("data")),
    ("", "--data-raw", Kind::Value("data-raw")),
    ("", "--data-binary", Kind::Value("data-binary")),
    ("", "--data-urlencode", Kind::Value("data-urlencode")),
    ("", "--json", Kind::Value("json")),
    ("-F", "--form", Kind::Value("form")),
    ("", "--form-string", Kind::Value("form-string")),
    ("-u", "--user", Kind::Value("user")),
    ("-b", "--cookie", Kind::Value("cookie")),
    ("-A", "--user-agent", Kind::Value("user-agent")),
    ("-e", "--referer", Kind::Value("referer")),
    ("", "--oauth2-bearer", Kind::Value("bearer")),
    ("", "--url", Kind::Value("url")),
    ("", "--url-query", Kind::Value("url-query")),
    ("-k", "--insecure", Kind::Switch("insecure")),
    ("-L", "--location", Kind::Switch("location")),
    ("-G", "--get", Kind::Switch("get")),
    ("-I", "--head", Kind::Switch("head")),
    ("-:", "--next", Kind::Switch("next")),
    ("", "--compressed", Kind::Ignored(false)),
    ("-s", "--silent", Kind::Ignored(false)),
    ("-S", "--show-error", Kind::Ignored(false)),
    ("-v", "--verbose", Kind::Ignored(false)),
    ("-i", "--include", Kind::Ignored(false)),
    ("", "--show-headers", Kind::Ignored(false)),
    ("-f", "--fail", Kind::Ignored(false)),
    ("", "--fail-with-body", Kind::Ignored(false)),
    ("-g", "--globoff", Kind::Ignored(false)),
    ("-N", "--no-buffer", Kind::Ignored(false)),
    ("-#", "--progress-bar", Kind::Ignored(false)),
    ("", "--basic", Kind::Ignored(false)),
    ("-0", "--http1.0", Kind::Ignored(false)),
    ("", "--http1.1", Kind::Ignored(false)),
    ("", "--http2", Kind::Ignored(false)),
    ("", "--http3", Kind::Ignored(false)),
    ("-4", "--ipv4", Kind::Ignored(false)),
    ("-6", "--ipv6", Kind::Ignored(false)),
    ("-O", "--remote-name", Kind::Ignored(false)),
    ("-J", "--remote-header-name", Kind::Ignored(false)),
    ("-q", "--disable", Kind::Ignored(false)),
    ("", "--path-as-is", Kind::Ignored(false)),
    ("", "--tr-encoding", Kind::Ignored(false)),
    ("", "--tcp-nodelay", Kind::Ignored(false)),
    ("", "--no-keepalive", Kind::Ignored(false)),
    ("", "--location-trusted", Kind::Switch("location")),
    ("-o", "--output", Kind::Ignored(true)),
    ("-w", "--write-out", Kind::Ignored(true)),
    ("-m", "--max-time", Kind::Ignored(true)),
    ("", "--connect-timeout", Kind::Ignored(true)),
    ("", "--retry", Kind::Ignored(true)),
    ("", "--retry-delay", Kind::Ignored(true)),
    ("", "--retry-max-time", Kind::Ignored(true)),
    ("", "--max-redirs", Kind::Ignored(true)),
    ("-c", "--cookie-jar", Kind::Ignored(true)),
    ("-D", "--dump-header", Kind::Ignored(true)),
    ("", "--stderr", Kind::Ignored(true)),
    ("-K", "--config", Kind::Value("config")),
    ("-T", "--upload-file", Kind::Value("upload-file")),
    ("-x", "--proxy", Kind::Value("proxy")),
];

/// What one command's words say, in order: an option's name and its value, or a URL under `url`.
#[derive(Debug, Default)]
pub struct Said {
    /// Options that count.
    pub options: Vec<(&'static str, String)>,
    /// Options that are not known.
    pub unknown: Vec<String>,
}

/// Sorts the words behind `curl`.
pub fn read(words: &[String]) -> Said {
    let mut said = Said::default();
    let mut words = words.iter().peekable();
    let mut only_urls = false;
    while let Some(word) = words.next() {
        if only_urls || !word.starts_with('-') || word == "-" {
            said.options.push(("url", word.clone()));
        } else if word == "--" {
            only_urls = true;
        } else if word.starts_with("--") {
            let (name, joined) =
                word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
            match find(|(_, long, _)| *long == name) {
                Some(kind) => {
                    said.take(kind, |_| joined.map(str::to_owned).or_else(|| words.next().cloned()));
                }
                None => said.unknown(name, &mut words),
            }
        } else {
            said.short(word, &mut words);
        }
    }
    said
}

fn find(is: impl Fn(&(&str, &str, Kind)) -> bool) -> Option<Kind> {
    KNOWN.iter().find(|it| is(it)).map(|(_, _, kind)| *kind)
}

impl Said {
    /// `-sSk`, `-XPOST`, `-H 'a: b'`.
    fn short<'w>(&mut self, word: &str, words: &mut std::iter::Peekable<impl Iterator<Item = &'w String>>) {
        for (at, c) in word.char_indices().skip(1) {
            let rest = &word[at + c.len_utf8()..];
            let Some(kind) = find(|(short, _, _)| short.chars().nth(1) == Some(c)) else {
                self.unknown(&format!("-{c}"), words);
                return;
            };
            let took = self
                .take(kind, |_| if rest.is_empty() { words.next().cloned() } else { Some(rest.to_owned()) });
            if took {
                return;
            }
        }
    }

    /// Whether it took a value.
    fn take(&mut self, kind: Kind, value: impl FnOnce(()) -> Option<String>) -> bool {
        match kind {
            Kind::Switch(name) => self.options.push((name, String::new())),
            Kind::Ignored(false) => {}
            Kind::Value(name) => {
                self.options.extend(value(()).map(|value| (name, value)));
                return true;
            }
            Kind::Ignored(true) => {
                value(());
                return true;
            }
        }
        false
    }

    /// An unknown option may have a value behind it; what looks like one is not taken for a URL.
    fn unknown<'w>(&mut self, name: &str, words: &mut std::iter::Peekable<impl Iterator<Item = &'w String>>) {
        self.unknown.push(name.to_owned());
        words.next_if(|next| {
            !next.starts_with('-') && !next.contains("://") && !next.starts_with("localhost")
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Said {
        read(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read_joined_apart_and_together() {
        let said = said("-sSkXPUT -Ha:b --data=x=y -o file http://h/ --frob 7 -Z -L");
        assert_eq!(
            said.options,
            [
                ("insecure", ""),
                ("request", "PUT"),
                ("header", "a:b"),
                ("data", "x=y"),
                ("url", "http://h/"),
                ("location", "")
            ]
            .map(|(name, value)| (name, value.to_owned()))
        );
        assert_eq!(said.unknown, ["--frob", "-Z"]);
    }
}
