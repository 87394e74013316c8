//! Settings that are one of a few words.

/// What `text` stands for among `choices`.
///
/// # Errors
/// A message that lists the right words.
pub fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let known = choices.iter().find(|(word, _)| *word == text);
    known.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        format!("`{text}` is not known; expected {}", words.join(" or "))
    })
}
