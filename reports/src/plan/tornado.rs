use rust_decimal::{Decimal, MathematicalOps as _};
use serde::Serialize;

use super::inputs::{Input, Key, Rests, Values};

/// What one input does to the cost of a month.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bar {
    /// Which.
    pub key: Key,
    /// In words.
    pub label: &'static str,
    /// The input's lowest value, with its unit.
    pub low_text: String,
    /// The input's highest value, with its unit.
    pub high_text: String,
    /// The cost at the lowest value.
    pub at_low: Decimal,
    /// The cost at the highest.
    pub at_high: Decimal,
    /// The same in words.
    pub at_low_text: String,
    /// The same in words.
    pub at_high_text: String,
    /// The larger of the two differences from the cost planned by.
    pub effect: Decimal,
    /// Whether it is a decision: it moves the cost, but leaves nobody in doubt of it.
    pub chosen: bool,
}

/// Varies each input over its range, the others as planned, and orders them by what that does to `cost`.
pub fn tornado(
    inputs: &[Input],
    cost: impl Fn(&Values) -> Decimal,
    show: impl Fn(Decimal) -> String,
) -> Vec<Bar> {
    let planned = Values::mid(inputs);
    let mid = cost(&planned);
    let varied = inputs.iter().filter(|input| input.low < input.high);
    let mut bars: Vec<Bar> = varied
        .map(|input| {
            let at = |value: f64| cost(&planned.with(input.key, value));
            let (at_low, at_high) = (at(input.low), at(input.high));
            Bar {
                key: input.key,
                label: input.label,
                low_text: input.key.show(input.low),
                high_text: input.key.show(input.high),
                at_low_text: show(at_low),
                at_high_text: show(at_high),
                effect: (at_low - mid).abs().max((at_high - mid).abs()),
                at_low,
                at_high,
                chosen: input.rests == Rests::Chosen,
            }
        })
        .collect();
    bars.retain(|bar| !bar.effect.is_zero());
    // By effect, and by key where two have the same, so that the order is always the same.
    bars.sort_by(|a, b| b.effect.cmp(&a.effect).then(a.key.cmp(&b.key)));
    bars
}

/// Between what the cost lies: the effects of inputs that nobody decides, below and above, each as the root of the sum of
/// squares, as they add up where the inputs are independent (JCGM 100:2008, *Guide to the Expression of Uncertainty in
/// Measurement*, §5.1.2); never below 0.
pub fn range(mid: Decimal, bars: &[Bar]) -> (Decimal, Decimal) {
    let unsure = || bars.iter().filter(|bar| !bar.chosen);
    let root = |effects: Vec<Decimal>| {
        let squares: Decimal = effects.into_iter().filter_map(|effect| effect.checked_mul(effect)).sum();
        squares.sqrt().unwrap_or_default()
    };
    let below = unsure().map(|bar| (mid - bar.at_low.min(bar.at_high)).max(Decimal::ZERO));
    let above = unsure().map(|bar| (bar.at_low.max(bar.at_high) - mid).max(Decimal::ZERO));
    let (below, above) = (root(below.collect()), root(above.collect()));
    ((mid - below).max(Decimal::ZERO).round_dp(2), (mid + above).round_dp(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(key: Key, low: f64, mid: f64, high: f64, rests: Rests) -> Input {
        Input {
            key,
            label: key.label(),
            low,
            mid,
            high,
            text: String::new(),
            range_text: String::new(),
            rests,
            from: String::new(),
        }
    }

    #[test]
    fn what_moves_the_cost_most_comes_first_and_what_does_not_is_left_out() {
        let inputs = [
            input(Key::Machine, 1.0, 2.0, 3.0, Rests::Assumed),
            input(Key::RequestsPerUser, 10.0, 20.0, 50.0, Rests::Measured),
            input(Key::BytesPerUser, 1.0, 5.0, 9.0, Rests::Assumed),
            input(Key::TargetUtilisation, 0.5, 0.5, 1.0, Rests::Chosen),
            input(Key::WriteRatio, 0.3, 0.3, 0.3, Rests::Given),
        ];
        // 4·machine + requests + 100·utilisation, nothing of the rest: 8 + 20 + 50 = 78.
        let cost = |values: &Values| {
            let sum = 4.0 * values.get(Key::Machine)
                + values.get(Key::RequestsPerUser)
                + 100.0 * values.get(Key::TargetUtilisation);
            crate::cost::amount(sum)
        };
        let bars = tornado(&inputs, cost, |money| money.to_string());
        let order: Vec<Key> = bars.iter().map(|bar| bar.key).collect();
        assert_eq!(order, [Key::TargetUtilisation, Key::RequestsPerUser, Key::Machine]);
        assert_eq!((bars[1].at_low, bars[1].at_high), (Decimal::from(68), Decimal::from(108)));
        // Below √(10² + 4²) = 10.77, above √(30² + 4²) = 30.27; the chosen one leaves nobody in doubt.
        let (low, high) = range(Decimal::from(78), &bars);
        assert_eq!((low.to_string().as_str(), high.to_string().as_str()), ("67.23", "108.27"));
    }
}
