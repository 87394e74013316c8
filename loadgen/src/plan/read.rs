//! Reads a scenario file and those it extends, and lays them over one another.

use std::path::{Path, PathBuf};

use super::{
    problem::{Files, Problem, Span},
    tree::{Kind, Node, merge, parse},
};

/// Reads `path` and what it extends as one tree; every file read is added to `files`.
///
/// # Errors
/// What cannot be read, with its place.
pub fn read(path: &Path, files: &mut Files) -> Result<Node, Vec<Problem>> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        vec![Problem::elsewhere(format!("cannot read the scenario `{}`: {}", path.display(), reason(&error)))]
    })?;
    layer(path, text, files, &mut Vec::new()).map_err(|problem| vec![problem])
}

fn layer(path: &Path, text: String, files: &mut Files, above: &mut Vec<PathBuf>) -> Result<Node, Problem> {
    let file = files.add(path.to_owned(), text);
    let mut tree = parse(files.get(file).1, file)?;
    let Kind::Map(entries) = &mut tree.kind else {
        return Err(Problem::at(tree.span, format!("a scenario is a map, this is {}", tree.kind.name())));
    };
    let Some(index) = entries.iter().position(|entry| entry.key == "extends") else { return Ok(tree) };
    let value = entries.remove(index).value;
    let Kind::Text(name) = &value.kind else {
        return Err(Problem::at(value.span, "`extends` names one file, such as `extends: base.yaml`"));
    };
    above.push(canonical(path));
    let base = path.parent().unwrap_or(Path::new("")).join(name);
    let tree = merge(read_base(&base, value.span, files, above)?, tree);
    above.pop();
    Ok(tree)
}

fn read_base(base: &Path, span: Span, files: &mut Files, above: &mut Vec<PathBuf>) -> Result<Node, Problem> {
    if above.contains(&canonical(base)) {
        let message = format!("`{}` extends itself, over this line; cut the circle here", base.display());
        return Err(Problem::at(span, message));
    }
    let text = std::fs::read_to_string(base).map_err(|error| {
        let shown = base.display();
        Problem::at(
            span,
            format!("cannot read `{shown}`: {}; the path is relative to this file", reason(&error)),
        )
    })?;
    layer(base, text, files, above)
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    }
}
