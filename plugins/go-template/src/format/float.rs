//! `strconv.FormatFloat` for 64 bits: Go writes 1000000.0 as 1e+06 where Rust writes 1000000.

/// Digits behind the point of a float that are no zeros: so many has the smallest one, 2^-1074. `format!` itself takes no
/// more than 65535, and panics.
const MOST_DIGITS: usize = 1_074;

fn fixed(value: f64, digits: usize) -> String {
    let own = digits.min(MOST_DIGITS);
    format!("{value:.own$}") + &"0".repeat(digits - own)
}

fn scientific(value: f64, digits: usize) -> String {
    let own = digits.min(MOST_DIGITS);
    let text = format!("{value:.own$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{mantissa}{}e{exponent}", "0".repeat(digits - own))
}

/// Digits after the point (`e`, `f`) or in all (`g`); none is "as few as read back the same".
pub(crate) fn format(value: f64, verb: char, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    match (verb, precision) {
        ('e' | 'E', Some(digits)) => exponent_form(&scientific(value, digits), verb),
        ('e' | 'E', None) => exponent_form(&format!("{value:e}"), verb),
        ('f' | 'F', Some(digits)) => fixed(value, digits),
        ('f' | 'F', None) => format!("{value}"),
        ('G', _) => general(value, 'E', precision),
        _ => general(value, 'e', precision),
    }
}

/// Rust's `1.5e7` is Go's `1.5e+07`.
fn exponent_form(text: &str, verb: char) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}{verb}{sign}{digits:0>2}")
}

fn general(value: f64, e: char, precision: Option<usize>) -> String {
    let precision = precision.map(|digits| digits.max(1));
    let scientific = match precision {
        Some(digits) => scientific(value, digits - 1),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    // %g drops trailing zeros, which only an explicit precision produces.
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let whole = usize::try_from(exponent + 1).unwrap_or(0);
    let limit = match precision {
        None => 6,
        Some(wanted) if wanted > digits && digits >= whole => digits,
        Some(wanted) => wanted,
    };
    if value != 0.0 && (exponent < -4 || exponent >= i64::try_from(limit).unwrap_or(i64::MAX)) {
        return exponent_form(&format!("{mantissa}e{exponent}"), e);
    }
    let decimals = usize::try_from(i64::try_from(digits).unwrap_or(0) - 1 - exponent).unwrap_or(0);
    fixed(value, decimals)
}

/// `%b`: the mantissa as an integer, and a power of two.
pub(crate) fn binary(value: f64) -> String {
    if !value.is_finite() {
        return format(value, 'g', None);
    }
    let bits = value.to_bits();
    let exponent = i64::try_from(bits >> 52 & 0x7ff).unwrap_or(0);
    let fraction = bits & ((1 << 52) - 1);
    let (mantissa, exponent) =
        if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
    let sign = if value.is_sign_negative() { "-" } else { "" };
    format!("{sign}{mantissa}p{exponent:+}")
}

/// The `#` flag: always a point, and for `g` trailing zeros up to so many digits.
pub(crate) fn with_point(text: &str, digits: Option<usize>) -> String {
    let (mantissa, tail) = match text.find(['e', 'E']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let significant = mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').count();
    let mut missing = digits.unwrap_or(0).saturating_sub(significant);
    let mut shown = mantissa.to_owned();
    if !mantissa.contains('.') {
        // A lone zero counts as a digit.
        if mantissa.trim_start_matches(['+', '-']) == "0" {
            missing = missing.saturating_sub(1);
        }
        shown.push('.');
    }
    shown.extend(std::iter::repeat_n('0', missing));
    shown + tail
}
