use std::time::Duration;

use super::{RIGHT, folder, load_in};
use crate::{
    flow::think::Think,
    plan::{Overrides, Plan, model::Load, profile},
};

fn two(own: &str, base: &str) -> Result<Plan, String> {
    let folder = folder(&[("s.yaml", own), ("base.yaml", base)]);
    load_in(folder.path(), &Overrides::default()).map_err(|error| error.to_string())
}

#[test]
fn maps_are_merged_and_lists_replaced() {
    let own = "extends: base.yaml\nname: larger\nload: { users: { stages: [{ users: 7, hold: 9s }] } }\n";
    let plan = two(own, RIGHT).unwrap();
    assert_eq!((plan.name.as_str(), plan.flows.len()), ("larger", 2));
    let Load::Users { stages, think: Some(_), .. } = &plan.load else { panic!("the think time stays") };
    assert_eq!((profile::peak(stages), profile::seconds(stages)), (7.0, 9.0));
    assert!(plan.source.text.contains("name: larger") && plan.source.text.contains("name: right"));
}

#[test]
fn null_takes_out_what_the_base_says() {
    let plan = two("extends: base.yaml\nbudgets: null\nload: { warm_up: null }\n", RIGHT).unwrap();
    assert!(plan.budgets.is_empty() && plan.warm_up.is_zero());
}

#[test]
fn one_of_several_alternatives_takes_the_place_of_the_others() {
    let own = "extends: base.yaml\nload: { arrivals: { stages: [{ rate: 5/s, hold: 9s }] } }\n";
    assert!(matches!(two(own, RIGHT).unwrap().load, Load::Arrivals { .. }));
    let base = RIGHT.replace("think: 1s", "think: { lognormal: { median: 3s, p95: 9s } }");
    let own = "extends: base.yaml\nload: { users: { think: { constant: 2s } } }\n";
    let Load::Users { think, .. } = two(own, &base).unwrap().load else { panic!("closed") };
    assert_eq!(think, Some(Think::Constant(Duration::from_secs(2))));
}

#[test]
fn a_mistake_in_the_base_is_shown_in_the_base() {
    let own = "extends: base.yaml\nname: larger\n";
    let said = two(own, &RIGHT.replace("weight: 3", "wieght: 3")).unwrap_err();
    assert!(said.contains("base.yaml:19:5: unknown key `wieght`"), "{said}");
    assert!(said.contains("19 |     wieght: 3"), "{said}");
    let said = two(&format!("{own}vars: {{ page: 1 }}\nbudgets: [{{ p95: 9 }}]\n"), RIGHT).unwrap_err();
    assert!(said.contains("s.yaml:4:18: `9` is not a duration"), "{said}");
}

#[test]
fn what_the_base_says_of_overridden_names_is_still_checked() {
    let own = "extends: base.yaml\nvars: null\n";
    let said = two(own, RIGHT).unwrap_err();
    assert!(said.contains("base.yaml:21:27: undefined variable `page`"), "{said}");
}

#[test]
fn a_circle_and_a_missing_base_are_refused() {
    let said = two("extends: base.yaml\n", "extends: s.yaml\n").unwrap_err();
    assert!(said.contains("base.yaml:1:10: ") && said.contains("extends itself"), "{said}");
    let said = two("name: x\nextends: bse.yaml\n", RIGHT).unwrap_err();
    assert!(said.contains("s.yaml:2:10: cannot read") && said.contains("there is no such file"), "{said}");
    let said = two("extends: [a]\n", RIGHT).unwrap_err();
    assert!(said.contains("s.yaml:1:10: `extends` names one file"), "{said}");
}
