//! The few things of test scripts that nearly all of them do: look at the status, keep a member of the answer.

use std::sync::LazyLock;

use regex::Regex;

/// What a script does.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Does {
    /// Statuses that it asks for.
    pub status: Vec<String>,
    /// Variables that it sets, each with the JSONPath it takes it from.
    pub saves: Vec<(String, String)>,
    /// Whether there is more in it than that.
    pub more: bool,
}

static STATUS: LazyLock<Regex> = LazyLock::new(|| {
    expression(
        r"(?:have\.status\(|response\.code\)\.to\.(?:eql|equal|eq)\(|responseCode\.code\s*===?\s*)\s*(\d{3})",
    )
});
static ONE_OF: LazyLock<Regex> =
    LazyLock::new(|| expression(r"response\.code\)\.to\.be\.oneOf\(\s*\[([\d,\s]+)\]"));
static GOOD: LazyLock<Regex> = LazyLock::new(|| expression(r"response\.to\.be\.(?:ok|success)\b"));
static SET: LazyLock<Regex> = LazyLock::new(|| {
    expression(
        r#"(?:pm\.(?:environment|collectionVariables|globals|variables)\.set|postman\.set(?:Environment|Global)Variable)\(\s*["'`]([^"'`]+)["'`]\s*,\s*([A-Za-z_$][\w$]*(?:\.json\(\))?(?:\.response\.json\(\))?(?:\??\.[A-Za-z_$][\w$]*(?:\(\))?|\[(?:\d+|"[^"\]]*"|'[^'\]]*')\])*)\s*\)"#,
    )
});
static PARSED: LazyLock<Regex> = LazyLock::new(|| {
    expression(
        r"(?:const|let|var)\s+([A-Za-z_$][\w$]*)\s*=\s*(?:pm\.response\.json\(\)|JSON\.parse\(\s*(?:responseBody|pm\.response\.text\(\))\s*\))((?:\.[A-Za-z_$][\w$]*)*)",
    )
});

fn expression(text: &str) -> Regex {
    Regex::new(text).expect("a constant, compiled by a test")
}

/// Reads a test script.
pub fn read(script: &str) -> Does {
    let mut does = Does::default();
    does.status.extend(STATUS.captures_iter(script).map(|it| it[1].to_owned()));
    for list in ONE_OF.captures_iter(script) {
        let codes = list[1].split(',').map(str::trim).filter(|it| it.len() == 3);
        does.status.extend(codes.map(str::to_owned));
    }
    if does.status.is_empty() && GOOD.is_match(script) {
        does.status.push("2xx".to_owned());
    }
    does.status.retain(|it| it == "2xx" || it.parse::<u16>().is_ok_and(|code| (100..600).contains(&code)));
    does.status.sort();
    does.status.dedup();
    let parsed: Vec<(String, String)> =
        PARSED.captures_iter(script).map(|it| (it[1].to_owned(), it[2].to_owned())).collect();
    for set in SET.captures_iter(script) {
        let (name, expression) = (set[1].to_owned(), set[2].replace("?.", "."));
        let rest = expression.strip_prefix("pm.response.json()").map(str::to_owned).or_else(|| {
            let end = expression.find(['.', '[']).unwrap_or(expression.len());
            let (_, inner) = parsed.iter().find(|(variable, _)| *variable == expression[..end])?;
            Some(format!("{inner}{}", &expression[end..]))
        });
        match rest.filter(|it| !it.contains('(')) {
            Some(rest) => does.saves.push((name, format!("${}", rest.replace('"', "'")))),
            None => does.more = true,
        }
    }
    let known = ["pm.test", "to.have.status", "to.be.ok", "to.be.success", "response.code", ".set("];
    does.more |= script.lines().map(str::trim).any(|line| {
        !line.is_empty()
            && !line.starts_with("//")
            && !known.iter().any(|it| line.contains(it))
            && !PARSED.is_match(line)
            && line.chars().any(char::is_alphanumeric)
    });
    does
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scripts_usually_do_is_understood() {
        let does = read(
            "pm.test(\"ok\", function () {\n    pm.response.to.have.status(201);\n});\nconst body = pm.response.json();\n\
             pm.environment.set(\"token\", body.data.access_token);\npm.collectionVariables.set('id', pm.response.json().items[0].id);",
        );
        assert_eq!(does.status, ["201"]);
        assert_eq!(
            does.saves,
            [
                ("token".to_owned(), "$.data.access_token".to_owned()),
                ("id".to_owned(), "$.items[0].id".to_owned())
            ]
        );
        assert!(!does.more);
        assert_eq!(read("pm.expect(pm.response.code).to.be.oneOf([200, 201]);").status, ["200", "201"]);
        assert_eq!(read("pm.response.to.be.ok").status, ["2xx"]);
        let old = "var jsonData = JSON.parse(responseBody);\npostman.setEnvironmentVariable(\"a\", jsonData[\"b c\"]);";
        assert_eq!(read(old).saves, [("a".to_owned(), "$['b c']".to_owned())]);
    }

    #[test]
    fn what_is_not_understood_is_told() {
        assert!(read("if (pm.response.code === 200) { retry(); }\npm.expect(x).to.eql(1)").more);
        assert!(read("pm.environment.set('t', Date.now())").more);
        assert!(!read("// nothing").more);
    }
}
