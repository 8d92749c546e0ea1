//! Go's `fmt` and `strconv`, as far as templates reach them: what a value looks like.

pub(crate) mod float;
pub(crate) mod print;
pub(crate) mod quote;
pub(crate) mod sprintf;
