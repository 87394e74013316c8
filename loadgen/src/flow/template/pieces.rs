//! Where the placeholders of a text are.

/// A piece of a text: literal, or what stands between `${` and `}`.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text that stands for itself.
    Literal(&'a str),
    /// The inside of a placeholder.
    Placeholder(&'a str),
    /// What begins with `${` and has no `}`.
    Unclosed(&'a str),
}

/// The inside of the placeholder that `text` consists of, if that is all it is.
pub fn lone_placeholder(text: &str) -> Option<&str> {
    let mut pieces = pieces(text);
    match (pieces.next(), pieces.next()) {
        (Some(Piece::Placeholder(inside)), None) => Some(inside.trim()),
        _ => None,
    }
}

/// Whether `text` holds a placeholder.
pub fn has_placeholder(text: &str) -> bool {
    pieces(text).any(|piece| !matches!(piece, Piece::Literal(_)))
}

/// The pieces of `text`, in order.
pub fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = match rest.find("${") {
            None => (Piece::Literal(rest), ""),
            Some(at) if at > 0 && rest.as_bytes()[at - 1] == b'$' => {
                if at > 1 {
                    (Piece::Literal(&rest[..at - 1]), &rest[at - 1..])
                } else {
                    (Piece::Literal(&rest[1..3]), &rest[3..])
                }
            }
            Some(0) => match rest.find('}') {
                Some(end) => (Piece::Placeholder(&rest[2..end]), &rest[end + 1..]),
                None => (Piece::Unclosed(rest), ""),
            },
            Some(at) => (Piece::Literal(&rest[..at]), &rest[at..]),
        };
        rest = after;
        Some(piece)
    })
}

/// `text` written so that it stands for itself.
pub fn escape_literal(text: &str) -> String {
    text.replace("${", "$${")
}
