//! Whether a text is JSON, as gjson's own validator says: of any depth, and bytes in strings need be no UTF-8.

/// Whether a text is one JSON value.
pub(super) fn is_json(json: &[u8]) -> bool {
    Reader { rest: json }.document().is_some_and(|rest| rest.is_empty())
}

struct Reader<'j> {
    rest: &'j [u8],
}

impl<'j> Reader<'j> {
    /// Reads a value, and gives what is left. Brackets are kept in a list, not on the stack.
    fn document(mut self) -> Option<&'j [u8]> {
        let mut open = Vec::new();
        loop {
            match self.byte()? {
                b'{' => match self.next()? {
                    b'}' => self.skip(1),
                    _ => {
                        open.push(b'}');
                        self.key()?;
                        continue;
                    }
                },
                b'[' => match self.next()? {
                    b']' => self.skip(1),
                    _ => {
                        open.push(b']');
                        continue;
                    }
                },
                b'"' => self.string()?,
                b't' => self.word(b"rue")?,
                b'f' => self.word(b"alse")?,
                b'n' => self.word(b"ull")?,
                first @ (b'-' | b'0'..=b'9') => self.number(first)?,
                _ => return None,
            }
            // A value has ended; it may be the last one of what is around it.
            loop {
                let Some(close) = open.last() else {
                    self.next();
                    return Some(self.rest);
                };
                match self.byte()? {
                    b',' if *close == b'}' => {
                        self.next()?;
                        self.key()?;
                    }
                    b',' => {}
                    byte if byte == *close => {
                        open.pop();
                        continue;
                    }
                    _ => return None,
                }
                break;
            }
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// The first byte behind white space, which stays.
    fn next(&mut self) -> Option<u8> {
        let blanks = self.rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.skip(blanks);
        self.rest.first().copied()
    }

    /// The same, taken.
    fn byte(&mut self) -> Option<u8> {
        let byte = self.next()?;
        self.skip(1);
        Some(byte)
    }

    fn word(&mut self, rest: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(rest)?;
        Some(())
    }

    /// A key and its colon.
    fn key(&mut self) -> Option<()> {
        (self.byte()? == b'"').then_some(())?;
        self.string()?;
        (self.byte()? == b':').then_some(())
    }

    /// A string behind its first quote.
    fn string(&mut self) -> Option<()> {
        loop {
            let (first, rest) = self.rest.split_first()?;
            self.rest = rest;
            match first {
                b'"' => return Some(()),
                b'\\' => {
                    let (escape, rest) = self.rest.split_first()?;
                    self.rest = rest;
                    match escape {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                        b'u' => {
                            let (digits, rest) = self.rest.split_at_checked(4)?;
                            digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
                            self.rest = rest;
                        }
                        _ => return None,
                    }
                }
                0..=0x1f => return None,
                _ => {}
            }
        }
    }

    fn digits(&mut self) -> usize {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.skip(digits);
        digits
    }

    fn number(&mut self, first: u8) -> Option<()> {
        let first = match first {
            b'-' => {
                let (digit, rest) = self.rest.split_first()?;
                self.rest = rest;
                digit.is_ascii_digit().then_some(*digit)?
            }
            digit => digit,
        };
        if first != b'0' {
            self.digits();
        }
        if let [b'.', rest @ ..] = self.rest {
            self.rest = rest;
            (self.digits() > 0).then_some(())?;
        }
        if let [b'e' | b'E', rest @ ..] = self.rest {
            self.rest = match rest {
                [b'+' | b'-', rest @ ..] => rest,
                rest => rest,
            };
            (self.digits() > 0).then_some(())?;
        }
        Some(())
    }
}
