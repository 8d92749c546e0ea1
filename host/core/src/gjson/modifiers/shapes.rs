//! What modifiers make of objects and arrays: of their entries, and not of what these say.

use std::collections::HashMap;

use super::super::look_up;
use super::super::meter::{Buffer, Meter, Refused};
use super::super::scan::{self, Entries};
use super::super::text;
use super::super::value::{Kind, Value};

/// Things with commas between them.
pub(super) struct Joined<'b, 'm> {
    out: &'b mut Buffer<'m>,
    first: bool,
}

impl<'b, 'm> Joined<'b, 'm> {
    pub(super) fn new(out: &'b mut Buffer<'m>, open: &[u8]) -> Result<Self, Refused> {
        out.push(open)?;
        Ok(Self { out, first: true })
    }

    fn push(&mut self, parts: &[&[u8]]) -> Result<(), Refused> {
        if !std::mem::take(&mut self.first) {
            self.out.push(b",")?;
        }
        parts.iter().try_for_each(|part| self.out.push(part))
    }

    /// Says that the text is another now.
    pub(super) fn close(self, close: &[u8]) -> Result<bool, Refused> {
        self.out.push(close)?;
        Ok(false)
    }
}

/// The keys of an object. These say whether the text stays as it is.
pub(super) fn keys(value: &Value<'_>, out: &mut Buffer<'_>) -> Result<bool, Refused> {
    let mut keys = Joined::new(out, b"[")?;
    match value.kind() {
        Kind::Json => {
            for entry in Entries::of(value.raw()) {
                keys.push(&[if value.is_object() { entry.key } else { b"null" }])?;
            }
        }
        _ if value.exists() => keys.push(&[b"null"])?,
        _ => {}
    }
    keys.close(b"]")
}

/// The values of an object.
pub(super) fn values(value: &Value<'_>, out: &mut Buffer<'_>) -> Result<bool, Refused> {
    if value.is_array() {
        return Ok(true);
    }
    let mut values = Joined::new(out, b"[")?;
    match value.kind() {
        Kind::Json => {
            for entry in Entries::of(value.raw()) {
                values.push(&[entry.value.raw(value.raw())])?;
            }
        }
        _ if value.exists() => values.push(&[value.raw()])?,
        _ => {}
    }
    values.close(b"]")
}

/// The entries from the last to the first.
pub(super) fn reverse(value: &Value<'_>, out: &mut Buffer<'_>, meter: &Meter) -> Result<bool, Refused> {
    if value.kind() != Kind::Json {
        return Ok(true);
    }
    let raw = value.raw();
    let mut entries: Vec<(&[u8], &[u8])> = Vec::new();
    for entry in Entries::of(raw) {
        meter.list::<(&[u8], &[u8])>()?;
        entries.push((entry.key, entry.value.raw(raw)));
    }
    let keyed = value.is_object();
    let mut reversed = Joined::new(out, if keyed { b"{" } else { b"[" })?;
    for (key, value) in entries.into_iter().rev() {
        if keyed { reversed.push(&[key, b":", value])? } else { reversed.push(&[value])? }
    }
    reversed.close(if keyed { b"}" } else { b"]" })
}

/// Without brackets around it.
fn unwrapped(json: &[u8]) -> &[u8] {
    match text::trimmed(json) {
        [b'[' | b'{', inner @ .., _] => inner,
        other => other,
    }
}

/// What is in an array, with arrays in it unwrapped; false if it is none.
pub(super) fn flatten(json: &[u8], deep: bool, out: &mut Buffer<'_>, meter: &Meter) -> Result<bool, Refused> {
    let _level = meter.enter()?;
    let array = scan::whole(json, meter)?;
    if !array.is_array() {
        return Ok(false);
    }
    let raw = array.raw();
    meter.read(raw.len())?;
    let mut flat = Joined::new(out, b"[")?;
    for entry in Entries::of(raw) {
        let value = entry.value.raw(raw);
        let mut inner = Buffer::new(meter);
        let value = match value.first() {
            Some(b'[') if deep => {
                flatten(value, true, &mut inner, meter)?;
                unwrapped(inner.bytes())
            }
            Some(b'[') => unwrapped(value),
            _ => value,
        };
        let value = text::without_blanks(value);
        if !value.is_empty() {
            flat.push(&[value])?;
        }
    }
    flat.close(b"]")?;
    Ok(true)
}

/// The entries of all objects of an array in one; false if it is none. Of equal keys the last one's value has the
/// first one's place.
pub(super) fn join(
    json: &[u8],
    preserve: bool,
    out: &mut Buffer<'_>,
    meter: &Meter,
) -> Result<bool, Refused> {
    let array = scan::whole(json, meter)?;
    if !array.is_array() {
        return Ok(false);
    }
    let raw = array.raw();
    let objects = Entries::of(raw).map(|entry| entry.value.raw(raw)).filter(|value| value.starts_with(b"{"));
    let mut joined = Joined::new(out, b"{")?;
    if preserve {
        for object in objects {
            joined.push(&[unwrapped(object)])?;
        }
    } else {
        let mut places = HashMap::new();
        let mut entries: Vec<(&[u8], &[u8])> = Vec::new();
        for object in objects {
            for entry in Entries::of(object) {
                meter.list::<[(&[u8], &[u8]); 3]>()?;
                let name = entry.name(meter)?.to_vec();
                let value = entry.value.raw(object);
                let place = *places.entry(name).or_insert(entries.len());
                match entries.get_mut(place) {
                    Some(kept) => kept.1 = value,
                    None => entries.push((entry.key, value)),
                }
            }
        }
        for (key, value) in entries {
            joined.push(&[key, b":", value])?;
        }
    }
    joined.close(b"}")?;
    Ok(true)
}

/// Of an object of arrays an array of objects.
pub(super) fn group(value: &Value<'_>, out: &mut Buffer<'_>, meter: &Meter) -> Result<(), Refused> {
    if !value.is_object() {
        return Ok(());
    }
    let raw = value.raw();
    let mut columns = Vec::new();
    for entry in Entries::of(raw) {
        let array = entry.value.raw(raw);
        if array.starts_with(b"[") {
            // Once here, and once in a row.
            meter.list::<[(&[u8], &[u8], Entries<'_>); 2]>()?;
            columns.push((entry.key, array, Entries::of(array)));
        }
    }
    let mut rows = Joined::new(out, b"[")?;
    loop {
        let mut row = Vec::new();
        columns.retain_mut(|(key, array, entries)| {
            entries.next().inspect(|entry| row.push((*key, entry.value.raw(array)))).is_some()
        });
        if row.is_empty() {
            break;
        }
        rows.push(&[])?;
        let mut object = Joined::new(rows.out, b"{")?;
        for (key, value) in row {
            object.push(&[key, b":", value])?;
        }
        object.close(b"}")?;
    }
    rows.close(b"]")?;
    Ok(())
}

/// What a path leads to in a value, and in all that are in it.
pub(super) fn dig(
    value: &Value<'_>,
    path: &[u8],
    found: &mut Joined<'_, '_>,
    meter: &Meter,
) -> Result<(), Refused> {
    let _level = meter.enter()?;
    let here = look_up(value.raw(), path, meter)?;
    if here.exists() {
        found.push(&[here.raw()])?;
    }
    if value.kind() == Kind::Json {
        meter.read(value.raw().len())?;
        for entry in Entries::of(value.raw()) {
            dig(&entry.value.value(value.raw(), meter)?, path, found, meter)?;
        }
    }
    Ok(())
}
