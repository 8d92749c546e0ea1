//! sprig's `addf`, `subf`, `mulf`, `divf` count in decimals, so that 0.1 + 0.2 is 0.3. Here with 128 bits;
//! what does not fit is counted in floats.

use crate::value::Value;
use crate::value::convert::to_float;

#[derive(Clone, Copy)]
pub(super) enum Operation {
    Add,
    Sub,
    Mul,
    Div,
}

/// mantissa × 10^exponent
#[derive(Clone, Copy)]
struct Decimal {
    mantissa: i128,
    exponent: i32,
}

/// Digits after the point that a division keeps (shopspring's `DivisionPrecision`).
const DIVISION_DIGITS: i32 = 16;

/// The first value, and each further one applied to it.
pub(super) fn fold(args: &[Value], operation: Operation) -> f64 {
    let mut numbers = args.iter().map(to_float);
    let first = numbers.next().unwrap_or(0.0);
    let mut exact = Decimal::of(first);
    let mut rough = first;
    for number in numbers {
        exact = exact.zip(Decimal::of(number)).and_then(|(a, b)| a.apply(b, operation));
        rough = match operation {
            Operation::Add => rough + number,
            Operation::Sub => rough - number,
            Operation::Mul => rough * number,
            Operation::Div => rough / number,
        };
    }
    exact.and_then(Decimal::float).unwrap_or(rough)
}

impl Decimal {
    /// The shortest decimal that reads back as this float.
    fn of(float: f64) -> Option<Self> {
        if !float.is_finite() {
            return None;
        }
        let text = format!("{float:e}");
        let (digits, exponent) = text.split_once('e')?;
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mantissa = format!("{whole}{fraction}").parse().ok()?;
        let places = i32::try_from(fraction.len()).ok()?;
        Some(Self { mantissa, exponent: exponent.parse::<i32>().ok()?.checked_sub(places)? })
    }

    fn float(self) -> Option<f64> {
        format!("{}e{}", self.mantissa, self.exponent).parse().ok()
    }

    fn scaled(self, exponent: i32) -> Option<i128> {
        let by = u32::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        self.mantissa.checked_mul(10i128.checked_pow(by)?)
    }

    fn apply(self, other: Self, operation: Operation) -> Option<Self> {
        let exponent = self.exponent.min(other.exponent);
        let sum = |a: Option<i128>, b: Option<i128>| Some(Self { mantissa: a?.checked_add(b?)?, exponent });
        match operation {
            Operation::Add => sum(self.scaled(exponent), other.scaled(exponent)),
            Operation::Sub => sum(self.scaled(exponent), other.scaled(exponent)?.checked_neg()),
            Operation::Mul => Some(Self {
                mantissa: self.mantissa.checked_mul(other.mantissa)?,
                exponent: self.exponent.checked_add(other.exponent)?,
            }),
            Operation::Div => {
                // self / other = quotient × 10^-16
                let shift = self.exponent - other.exponent + DIVISION_DIGITS;
                let power = 10i128.checked_pow(shift.unsigned_abs())?;
                let (above, below) = if shift >= 0 {
                    (self.mantissa.checked_mul(power)?, other.mantissa)
                } else {
                    (self.mantissa, other.mantissa.checked_mul(power)?)
                };
                let (quotient, rest) = (above.checked_div(below)?, above.checked_rem(below)?);
                // Halves are rounded away from zero.
                let up = rest.unsigned_abs().checked_mul(2)? >= below.unsigned_abs();
                let sign = if (above < 0) == (below < 0) { 1 } else { -1 };
                Some(Self { mantissa: quotient + if up { sign } else { 0 }, exponent: -DIVISION_DIGITS })
            }
        }
    }
}
