//! What a user looks at before it takes a step: variables, data and constants, compared.

use std::borrow::Cow;

use super::{data::DataSet, session::Session, template::Value};

/// Something about variables that holds or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// As it is written.
    pub text: String,
    /// What it means.
    pub test: Test,
}

/// What a condition means.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// There is a value, and it is neither empty, nor `false`, nor an empty list.
    Is(Value),
    /// Two values compared.
    Compare(Value, Relation, Value),
    /// It does not hold.
    Not(Box<Test>),
    /// All of them hold.
    All(Vec<Test>),
    /// At least one of them holds.
    Any(Vec<Test>),
}

/// How two values compare: as numbers if both are, else as text for `==` and `!=`; text is neither less nor more than
/// anything. With a value that is not set only `!=` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

impl Condition {
    /// Whether it holds for the user of `session`. A generator in it draws anew each time.
    pub fn holds(&self, data: &[DataSet], session: &mut Session) -> bool {
        self.test.holds(data, session)
    }
}

impl Test {
    fn holds(&self, data: &[DataSet], session: &mut Session) -> bool {
        match self {
            Self::Is(value) => {
                let list = matches!(value, Value::List { .. });
                let text = value.text(data, session);
                text.is_some_and(|text| !text.is_empty() && text != "false" && !(list && text == "[]"))
            }
            Self::Compare(left, relation, right) => {
                // What is drawn for the left side must not borrow the stream that the right side draws from.
                let left = left.text(data, session).map(Cow::into_owned);
                let right = right.text(data, session);
                relation.holds(left.as_deref(), right.as_deref())
            }
            Self::Not(condition) => !condition.holds(data, session),
            Self::All(all) => all.iter().all(|condition| condition.holds(data, session)),
            Self::Any(any) => any.iter().any(|condition| condition.holds(data, session)),
        }
    }
}

impl Relation {
    fn holds(self, left: Option<&str>, right: Option<&str>) -> bool {
        let (Some(left), Some(right)) = (left, right) else { return self == Self::Unequal };
        match (number(left), number(right), self) {
            (Some(left), Some(right), Self::Equal) => left == right,
            (Some(left), Some(right), Self::Unequal) => left != right,
            (Some(left), Some(right), Self::Less) => left < right,
            (Some(left), Some(right), Self::AtMost) => left <= right,
            (Some(left), Some(right), Self::More) => left > right,
            (Some(left), Some(right), Self::AtLeast) => left >= right,
            (_, _, Self::Equal) => left == right,
            (_, _, Self::Unequal) => left != right,
            (_, _, Self::Less | Self::AtMost | Self::More | Self::AtLeast) => false,
        }
    }
}

/// A number as JSON and people write it; `inf` and `nan` are words.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    text.parse().ok().filter(|number: &f64| numeric && number.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::ChaCha8Rng};

    use super::*;

    fn session(value: Option<&str>) -> Session {
        let rng = ChaCha8Rng::seed_from_u64(1);
        Session { slots: vec![value.map(Into::into)], rows: vec![], rng, user_index: 0, iteration: 0 }
    }

    fn is(value: Option<&str>, list: bool) -> bool {
        let variable = if list {
            Value::List { slot: 0, name: "x".into() }
        } else {
            Value::Variable { slot: 0, name: "x".into() }
        };
        Test::Is(variable).holds(&[], &mut session(value))
    }

    #[test]
    fn a_variable_holds_unless_it_is_unset_empty_false_or_an_empty_list() {
        assert!(is(Some("x"), false) && is(Some("0"), false) && is(Some("[]"), false));
        assert!(!is(None, false) && !is(Some(""), false) && !is(Some("false"), false));
        assert!(is(Some("[1]"), true) && !is(Some("[]"), true));
    }

    #[test]
    fn numbers_compare_as_numbers_and_text_as_text() {
        let holds = |left: &str, relation: Relation, right: &str| relation.holds(Some(left), Some(right));
        assert!(holds("9", Relation::Less, "10") && holds("1.0", Relation::Equal, "1"));
        assert!(holds("-3", Relation::AtMost, "-3") && !holds("-3", Relation::More, "-3"));
        assert!(holds("done", Relation::Equal, "done") && holds("done", Relation::Unequal, "Done"));
        assert!(!holds("b", Relation::More, "a") && !holds("inf", Relation::More, "1"));
    }

    #[test]
    fn with_a_value_that_is_not_set_only_unequal_holds() {
        for relation in [Relation::Equal, Relation::Less, Relation::AtMost, Relation::More, Relation::AtLeast]
        {
            assert!(!relation.holds(None, Some("1")), "{relation:?}");
        }
        assert!(Relation::Unequal.holds(None, Some("1")));
    }

    #[test]
    fn all_any_and_not_do_what_they_say() {
        let yes = || Test::Is(Value::Constant { text: "1".into(), number: true });
        let no = || Test::Not(Box::new(yes()));
        let holds = |condition: Test| condition.holds(&[], &mut session(None));
        assert!(holds(Test::All(vec![yes(), yes()])) && !holds(Test::All(vec![yes(), no()])));
        assert!(holds(Test::Any(vec![no(), yes()])) && !holds(Test::Any(vec![no(), no()])));
    }

    proptest! {
        #[test]
        fn of_two_numbers_exactly_one_is_less_or_they_are_equal(a in -1e12..1e12_f64, b in -1e12..1e12_f64) {
            let (a, b) = (a.to_string(), b.to_string());
            let holds = |relation: Relation| u8::from(relation.holds(Some(&a), Some(&b)));
            prop_assert_eq!(holds(Relation::Less) + holds(Relation::Equal) + holds(Relation::More), 1);
            prop_assert_eq!(holds(Relation::AtMost) + holds(Relation::More), 1);
            prop_assert_eq!(holds(Relation::Unequal) + holds(Relation::Equal), 1);
        }
    }
}
