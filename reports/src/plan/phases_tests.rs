use super::*;

#[test]
fn the_phases_that_are_brought_are_the_four_of_the_plan() {
    let found = Phases::read(None).unwrap();
    let users: Vec<f64> = found.phases.iter().map(|phase| phase.users.0).collect();
    assert_eq!(users, [1e3, 1e4, 1e5, 1e6]);
    assert_eq!(found.measured_instances, Count(1));
}

const YAML: &str = "\
version: 1
assume:
  peak_over_mean: { low: 1.5, mid: 2, high: 3 }
  requests_per_user: 0.4
phases:
  - name: small
    users: 500
    api: { sku: t3.medium, autoscale: { lag: 90s } }
    database: { sku: db.t3.medium single-az }
    purchase: { reserved: 0.5, reserved_discount: 0.4 }
";

#[test]
fn yaml_toml_and_json_say_the_same() {
    let toml = "\
version = 1
[assume]
peak_over_mean = { low = 1.5, mid = 2, high = 3 }
requests_per_user = 0.4
[[phases]]
name = \"small\"
users = 500
api = { sku = \"t3.medium\", autoscale = { lag = \"90s\" } }
database = { sku = \"db.t3.medium single-az\" }
purchase = { reserved = 0.5, reserved_discount = 0.4 }
";
    let json = r#"{ "version": 1, "assume": { "peak_over_mean": { "low": 1.5, "mid": 2, "high": 3 }, "requests_per_user": 0.4 },
        "phases": [ { "name": "small", "users": 500, "api": { "sku": "t3.medium", "autoscale": { "lag": "90s" } },
        "database": { "sku": "db.t3.medium single-az" }, "purchase": { "reserved": 0.5, "reserved_discount": 0.4 } } ] }"#;
    let said: Vec<String> = [(YAML, false), (toml, true), (json, false)]
        .map(|(text, toml)| format!("{:?}", parse(text, toml).unwrap()))
        .into();
    assert_eq!(said[0], said[1]);
    assert_eq!(said[0], said[2]);
    let phase = &parse(YAML, false).unwrap().phases[0];
    assert_eq!(phase.api.autoscale.as_ref().unwrap().lag, Lag(2));
    assert_eq!((phase.api.minimum, phase.purchase.reserved), (Count(1), 0.5));
}

#[test]
fn what_is_wrong_is_named_by_line_and_column() {
    for (from, to, at, says) in [
        ("users: 500", "users: -5", ":7:12", "-5 must be a number above 0"),
        ("users: 500", "users: many", ":7:12", ""),
        ("requests_per_user: 0.4", "cache_hit_ratio: 85", ":", "`cache_hit_ratio` must be from 0 to 1"),
        ("requests_per_user: 0.4", "peak_over_mean: 3", ":", "peak_over_mean"),
        ("version: 1", "version: 2", ":1:10", "version 2 is not known here"),
        ("requests_per_user:", "request_per_user:", ":4:3", "unknown"),
        ("low: 1.5", "low: 2.5", ":3:19", "low, mid and high must not fall"),
        ("high: 3", "hi: 3", ":3:", "`hi` is none of low, mid, high"),
        ("lag: 90s", "lag: 9h", ":8:", "`9h` must be at most 6h"),
        ("reserved: 0.5,", "reserved: 1.5,", ":10:", "shares and discounts are from 0 to 1"),
        ("    database: { sku: db.t3.medium single-az }\n", "", ":", "missing field `database`"),
        ("name: small", "name: small\n    colour: red", ":7:", "colour"),
    ] {
        let (found, message) = parse(&YAML.replacen(from, to, 1), false).unwrap_err();
        assert!(found.starts_with(at), "{to}: {found} {message}");
        assert!(message.contains(says), "{to}: {message}");
    }
    let (at, message) = parse("version = 1\nphases = 3\n", true).unwrap_err();
    assert!(at.starts_with(":2:10"), "{at} {message}");
    let (_, message) = parse("version: 1\nphases: []\n", false).unwrap_err();
    assert_eq!(message, "holds 0 phases; write 1 to 12");
    let again = YAML.lines().skip(5).collect::<Vec<_>>().join("\n");
    let (_, message) = parse(&format!("{YAML}{again}\n"), false).unwrap_err();
    assert!(message.starts_with("phase `small` has 500 users and follows `small`"), "{message}");
}
