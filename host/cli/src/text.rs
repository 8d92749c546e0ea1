//! Words that others chose (a component, a manifest, a status), on somebody's terminal or in a manifest: they can neither
//! move the cursor nor end a comment. And sizes as people read them.

/// For a terminal: whatever is not shown as it is written, or changes how the rest is shown, is spelt
/// out. Only within the strings of a JSON text can there be any, so it stays the same JSON.
pub(crate) fn shown(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let hidden = c.is_control() && c != '\n'
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if hidden {
            // All of these are in the first plane.
            safe.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// The same where it is to stay one line.
pub(crate) fn line(text: &str) -> String {
    shown(text).replace('\n', "\\n")
}

/// For a comment in YAML: printable ASCII. Parsers differ in what ends a line, and what follows a comment
/// would be the manifest of an administrator.
pub(crate) fn commented(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect()
}

/// Bytes.
#[expect(clippy::cast_precision_loss, reason = "sizes of files, shown with one digit after the point")]
pub(crate) fn size(bytes: usize) -> String {
    const KIB: usize = 1024;
    match bytes {
        0..KIB => format!("{bytes} bytes"),
        KIB..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_and_comments_are_safe_from_others_words() {
        assert_eq!(shown("a\n\u{9b}2J\u{202e}\u{7f}ä"), "a\n\\u009b2J\\u202e\\u007fä");
        assert_eq!(line("x\u{1b}]0;t\u{7}\n= b"), "x\\u001b]0;t\\u0007\\n= b");
        assert_eq!(commented("x\n  grants:\u{2028}  a\u{85}b"), "x?  grants:?  a?b");
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!(
            [17, 1024, 358_400, 67_108_864].map(size),
            ["17 bytes", "1.0 KiB", "350.0 KiB", "64.0 MiB"]
        );
    }
}
