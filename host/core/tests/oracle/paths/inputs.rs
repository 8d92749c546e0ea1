//! Documents and paths of every form, and what becomes of them when somebody mistypes.

use super::documents::REAL;
use super::forms::{LITERALS, MODIFIERS, NAMES, QUERIES, SCALARS, SLIPS, STEPS};

/// Chance, the same for the same seed.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Below that.
    fn roll(&mut self, sides: usize) -> usize {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    fn of<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.roll(things.len())]
    }

    /// A document and a path for it.
    pub(super) fn pair(&mut self) -> (Vec<u8>, String) {
        let (mut document, mut path) = if self.one_in(3) {
            let (document, paths) = self.of(REAL);
            let path = match self.one_in(5) {
                true => format!("{}{}{}", self.of(paths), self.of(&[".", "|", ""]), self.path()),
                false => self.of(paths).to_owned(),
            };
            (document.as_bytes().to_vec(), path)
        } else {
            let mut document = String::new();
            match self.roll(8) {
                0 => (0..self.roll(4)).for_each(|_| {
                    self.value(2, &mut document);
                    document.push_str(["\n", " ", ",", ""][self.roll(4)]);
                }),
                1 => self.value(0, &mut document),
                _ => self.container(3, &mut document),
            }
            (document.into_bytes(), self.path())
        };
        if self.one_in(3) {
            (0..=self.roll(3)).for_each(|_| self.slip_in_document(&mut document));
        }
        if self.one_in(4) {
            (0..=self.roll(2)).for_each(|_| path = self.slip_in_path(&path));
        }
        (document, path)
    }

    fn blank(&mut self, out: &mut String) {
        if self.one_in(6) {
            out.push_str(self.of(&[" ", "\n", "\t", "  ", "\r\n", " \n "]));
        }
    }

    fn value(&mut self, depth: usize, out: &mut String) {
        self.blank(out);
        if depth == 0 || self.one_in(2) {
            out.push_str(self.of(SCALARS));
        } else {
            self.container(depth, out);
        }
        self.blank(out);
    }

    fn container(&mut self, depth: usize, out: &mut String) {
        let keyed = self.one_in(2);
        out.push(if keyed { '{' } else { '[' });
        let entries = if self.one_in(8) { self.roll(30) } else { self.roll(5) };
        for index in 0..entries {
            if index > 0 {
                out.push(',');
            }
            self.blank(out);
            if keyed {
                out.push('"');
                out.push_str(self.of(NAMES));
                out.push_str(if self.one_in(9) { "\" : " } else { "\":" });
            }
            self.value(depth - 1, out);
        }
        out.push(if keyed { '}' } else { ']' });
    }

    fn path(&mut self) -> String {
        let mut path = String::new();
        for index in 0..=self.roll(4) {
            if index > 0 {
                path.push_str(self.of(&[".", ".", ".", "|", "|", ""]));
            }
            match self.roll(20) {
                0..=8 => path.push_str(self.of(STEPS)),
                9..=12 => path.push_str(self.of(QUERIES)),
                13..=16 => path.push_str(self.of(MODIFIERS)),
                17 => path.push_str(self.of(LITERALS)),
                _ => self.multipath(&mut path),
            }
        }
        path
    }

    fn multipath(&mut self, out: &mut String) {
        let keyed = self.one_in(2);
        out.push(if keyed { '{' } else { '[' });
        for index in 0..self.roll(4) {
            if index > 0 {
                out.push(',');
            }
            if self.one_in(3) {
                out.push_str(self.of(&[
                    "\"n\":",
                    "n:",
                    "\"q\\\"\":",
                    ":",
                    "\"<é>\":",
                    "\"open:",
                    "<\u{2028}&:",
                    "\\::",
                ]));
            }
            // One in another now and then.
            match self.roll(10) {
                0 => self.multipath(out),
                1 => out.push_str(self.of(LITERALS)),
                2 => out.push_str(self.of(QUERIES)),
                3 => out.push_str(self.of(MODIFIERS)),
                _ => {
                    out.push_str(self.of(STEPS));
                    if self.one_in(2) {
                        out.push_str(self.of(&[".", "|"]));
                        out.push_str(self.of(STEPS));
                    }
                }
            }
        }
        if !self.one_in(12) {
            out.push(if keyed { '}' } else { ']' });
        }
    }

    fn slip_in_document(&mut self, document: &mut Vec<u8>) {
        let at = self.roll(document.len() + 1);
        let slip = match self.one_in(8) {
            true => vec![self.of(&[0x80, 0xff, 0xc3, 0xe2, 0xf0, 0xed])],
            false => self.of(SLIPS).as_bytes().to_vec(),
        };
        match self.roll(5) {
            0 => document.truncate(at),
            1 if at < document.len() => {
                document.remove(at);
            }
            2 if at < document.len() => {
                document.splice(at..=at, slip);
            }
            3 => {
                let to = (at + self.roll(12)).min(document.len());
                let piece = document[at..to].to_vec();
                let place = self.roll(document.len() + 1);
                document.splice(place..place, piece);
            }
            _ => {
                document.splice(at..at, slip);
            }
        }
    }

    fn slip_in_path(&mut self, path: &str) -> String {
        let mut characters: Vec<char> = path.chars().collect();
        let at = self.roll(characters.len() + 1);
        let slip = self.of(SLIPS).chars();
        match self.roll(4) {
            0 if at < characters.len() => {
                characters.remove(at);
            }
            1 if at < characters.len() => {
                characters.splice(at..=at, slip);
            }
            2 => characters.truncate(at),
            _ => {
                characters.splice(at..at, slip);
            }
        }
        characters.into_iter().collect()
    }
}
