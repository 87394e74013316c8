use super::*;
use crate::import::journey::{Action, Body, Request};

fn requests(journey: &Journey) -> Vec<&Request> {
    journey.flows[0]
        .steps
        .iter()
        .filter_map(|it| if let Action::Request(it) = &it.action { Some(&**it) } else { None })
        .collect()
}

#[test]
fn command_lines_become_steps_and_what_is_secret_a_row() {
    let journey = from_text(include_str!("../fixtures/curl.sh")).unwrap();
    let made = requests(&journey);
    let lines: Vec<String> = made.iter().map(|it| format!("{} {} {}", it.method, it.url, it.stay)).collect();
    assert_eq!(
        lines,
        [
            "POST /api/v1/auth/login true",
            "POST /tasks/42?q=%24a true",
            "GET /search?q=milk+%26+honey false",
            "PUT /tasks/42/photo true",
            "POST /api/v1/things true",
            "HEAD http://localhost:8080/ true",
        ]
    );
    let Some(Body::Json(login)) = &made[0].body else { panic!("{:?}", made[0].body) };
    assert_eq!(login.to_string(), r#"{"email":"${accounts.email}","password":"${accounts.password}"}"#);
    assert!(matches!(&made[1].body, Some(Body::Form(pairs)) if pairs.len() == 2));
    assert!(
        matches!(&made[3].body, Some(Body::Multipart(parts)) if parts[0].file_name.as_deref() == Some("cat.jpg"))
    );
    let row = journey.data[0].columns.iter().zip(&journey.data[0].rows[0]);
    let row: Vec<String> = row.map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        row,
        [
            "email=ann@example.org",
            "password=it's hunter22",
            "authorization=Basic YW5uOmh1bnRlcjIy",
            "authorization_2=Bearer s3cret-token",
            "cookie=sid=s3cret",
        ]
    );
    let told = journey.notes.join("\n");
    assert!(!told.contains("s3cret") && !told.contains("hunter22"), "{told}");
    for part in ["6 requests", "--frobnicate", "--insecure", "1 command that"] {
        assert!(told.contains(part), "{part} is missing in\n{told}");
    }
}

#[test]
fn what_cannot_be_sent_is_named_with_its_line() {
    for (text, part) in [
        ("\ncurl -X BREW http://127.0.0.1/", "line 2: the method BREW"),
        ("curl -H 'a: b'", "line 1: a curl command without a URL"),
        ("curl ftp://h/", "of the scheme ftp:"),
        ("curl -u ann http://h/", "without a password"),
        ("wget http://h/", "no curl command"),
        ("curl 'http://h", "not closed"),
    ] {
        let message = from_text(text).unwrap_err();
        assert!(message.contains(part), "{message}");
    }
}
