//! Go's `path`, and `path/filepath` as on Linux, which is the same.

use super::args::bytes;
use super::{Env, Function, Outcome, function};
use crate::value::Value;

pub(super) const TABLE: &[Function] = &[
    function("base", "s", base),
    function("osBase", "s", base),
    function("dir", "s", dir),
    function("osDir", "s", dir),
    function("clean", "s", |_, args| Ok(Value::str(clean(bytes(args, 0))))),
    function("osClean", "s", |_, args| Ok(Value::str(clean(bytes(args, 0))))),
    function("ext", "s", ext),
    function("osExt", "s", ext),
    function("isAbs", "s", |_, args| Ok(Value::Bool(bytes(args, 0).starts_with(b"/")))),
    function("osIsAbs", "s", |_, args| Ok(Value::Bool(bytes(args, 0).starts_with(b"/")))),
];

/// Without `.`, `..` and doubled slashes, as far as the text alone tells.
fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match parts.last() {
                Some(last) if *last != b".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(part),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", joined.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

fn base(_: &Env, args: &[Value]) -> Outcome {
    let path = bytes(args, 0);
    if path.is_empty() {
        return Ok(Value::str("."));
    }
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at + 1);
    if end == 0 {
        return Ok(Value::str("/"));
    }
    let start = path[..end].iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    Ok(Value::str(&path[start..end]))
}

fn dir(_: &Env, args: &[Value]) -> Outcome {
    let path = bytes(args, 0);
    let end = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    Ok(Value::str(clean(&path[..end])))
}

fn ext(_: &Env, args: &[Value]) -> Outcome {
    let path = bytes(args, 0);
    let name = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let dot = path[name..].iter().rposition(|byte| *byte == b'.');
    Ok(Value::str(dot.map_or(&b""[..], |at| &path[name + at..])))
}
