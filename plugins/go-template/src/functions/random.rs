//! Functions of chance. All of it comes from the host's seed: the same seed renders the same text.

use super::args::{int, refuse, string};
use super::encode::base64;
use super::{Env, Function, Outcome, function};
use crate::limits::check_size;
use crate::value::Value;

pub(super) const TABLE: &[Function] = &[
    function("randAlphaNum", "i", |env, args| characters(env, args, |c| c.is_ascii_alphanumeric())),
    function("randAlpha", "i", |env, args| characters(env, args, |c| c.is_ascii_alphabetic())),
    function("randNumeric", "i", |env, args| characters(env, args, |c| c.is_ascii_digit())),
    function("randAscii", "i", |env, args| characters(env, args, |c| c == ' ' || c.is_ascii_graphic())),
    function("randInt", "ii", |env, args| {
        let (low, high) = (int(args, 0), int(args, 1));
        match usize::try_from(i128::from(high) - i128::from(low)) {
            Ok(span) if span > 0 => {
                let offset = env.random().below(span);
                Ok(Value::int(low.wrapping_add(i64::try_from(offset).unwrap_or(0))))
            }
            _ => refuse("invalid argument to Intn"),
        }
    }),
    function("randBytes", "i", |env, args| {
        let Ok(count) = usize::try_from(int(args, 0)) else { return refuse("makeslice: len out of range") };
        check_size("randBytes", count)?;
        let mut random = env.random();
        let bytes: Vec<u8> = (0..count).map(|_| random.byte()).collect();
        string("randBytes", base64(&bytes))
    }),
    function("uuidv4", "", |env, _| Ok(Value::str(env.random().uuid()))),
];

fn characters(env: &Env, args: &[Value], allowed: fn(char) -> bool) -> Outcome {
    let Ok(count) = usize::try_from(int(args, 0)) else { return Ok(Value::str("")) };
    check_size("random text", count)?;
    let alphabet: Vec<char> = (' '..='~').filter(|c| allowed(*c)).collect();
    let mut random = env.random();
    string("random text", (0..count).map(|_| alphabet[random.below(alphabet.len())]).collect::<String>())
}
