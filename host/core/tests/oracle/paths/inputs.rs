//! Documents and paths of every form, and what becomes of them when somebody mistypes.

use super::documents::REAL;

/// Chance, the same for the same seed.
pub(super) struct Dice(u64);

const NAMES: &[&str] = &[
    "a",
    "b",
    "ab",
    "c",
    "id",
    "1",
    "0",
    "é",
    "x y",
    "a.b",
    "a*",
    "A",
    "",
    "#",
    "@this",
    "k\\\"q",
    "\\u0061",
    "null",
    "a|b",
    "name",
    "first",
    "last",
    "age",
    "{",
    "\\ud83d\\ude00",
    "ab\\",
];

const SCALARS: &[&str] = &[
    "0",
    "-0",
    "1",
    "7",
    "-12",
    "1.5",
    "1.50",
    "1e3",
    "1E+2",
    "1e-7",
    "-0.0",
    "12345678901234567890",
    "1e400",
    "0x1F",
    "0x1p-2",
    "1_000",
    "nan",
    "NaN",
    "inf",
    "-Infinity",
    "+5",
    "01",
    "-",
    ".5",
    "5.",
    "1e",
    "--1",
    "9007199254740993",
    "0.1",
    "100000000000000000000000",
    "123456789.125e-3",
    "null",
    "true",
    "false",
    "nul",
    "tru",
    "t",
    "f",
    "n",
    "\"x\"",
    "\"\"",
    "\"a b\"",
    r#""q\"uote""#,
    r#""\u00e9""#,
    r#""\ud83d\ude00""#,
    r#""\ud83d""#,
    r#""\ude00x""#,
    r#""\ud83d\u0041""#,
    r#""\uZZZZ""#,
    r#""\u12"#,
    r#""tab\t\n\b\f\r""#,
    r#""sl\/ash""#,
    r#""<&>""#,
    r#""é€😀""#,
    r#""\\""#,
    r#""\\\"""#,
    r#""\q""#,
    r#""true""#,
    r#""T""#,
    r#""0""#,
    r#""f""#,
    r#""12""#,
    r#""{\"k\":[1,2]}""#,
    r#""[1,2]""#,
    r#""a{b""#,
    r#""a*b""#,
    "\"line\nbreak\"",
    "\"\u{2028}\"",
    "\"open",
    "\"open\\",
    "\u{a0}1",
];

const STEPS: &[&str] = &[
    "a",
    "b",
    "ab",
    "c",
    "id",
    "1",
    "0",
    "2",
    "é",
    "x y",
    r"a\.b",
    r"a\*",
    "name",
    "first",
    "last",
    "age",
    "A",
    "",
    "*",
    "a*",
    "?",
    "*b",
    "a?",
    "*a*",
    "**",
    r"\**",
    r"*\",
    "é*",
    "??",
    "#",
    "#.a",
    "#.id",
    "#.#",
    "-1",
    "01",
    "##",
    "#a",
    "18446744073709551616",
    r"\a",
    r"\@this",
    r"a\|b",
    "null",
    "..",
    "..0",
    "..#",
    "..#.a",
    "~",
    ":",
    "k\"q",
];

const QUERIES: &[&str] = &[
    "#(a)",
    "#(a)#",
    "#(a==1)",
    "#(a=1)#",
    "#(a!=1)#",
    "#(a<2)#",
    "#(a<=1.5)#",
    "#(a>1)#",
    "#(a>=7)",
    "#(a==\"x\")#",
    "#(a%\"*\")#",
    "#(a!%\"x*\")#",
    "#(>1)#",
    "#(==\"x\")",
    "#(!=null)#",
    "#(==true)#",
    "#(<true)#",
    "#(>false)#",
    "#(>=true)#",
    "#(<=false)#",
    "#(==~true)#",
    "#(==~false)#",
    "#(==~null)#",
    "#(=~*)#",
    "#(a=~*)#",
    "#(a!=~true)#",
    "#(a==~x)#",
    "#(~true)#",
    "#(a.b==\"x\")#",
    "#(b.#(==1))#",
    "#(b.#(a>1)#)#",
    "#(#(a))#",
    "#(b.#>1)#",
    "#[a==1]",
    "#[a]#",
    "#(a",
    "#()",
    "#()#",
    "#(a==\"q\\\"x\")",
    "#( a == 1 )#",
    "#(a=)#",
    "#(a!)",
    "#(!)",
    "#(!x)#",
    "#(@this)#",
    "#(a|@this==1)#",
    "#(a==\"x)",
    "#(a==x\\)",
    "#(=\"a*b\")",
    "#(%\"a\\*b\")#",
    "#(<\"b\")#",
    "#(>\"\")#",
    "#(=0x1p-2)#",
    "#(=inf)#",
    "#(=1_000)#",
    "#(nope!=1)#",
    "#(a)b",
    "#(a)#b",
    "#(a)##",
    "#(=\"é\")",
    "#(%\"?\")#",
    "#(@keys.#>1)#",
    "#(a=[1,(2)])#",
    "#(a=\"[\")#",
    "#({a}.a==1)#",
    "#(!\"x\"==\"x\")#",
];

const MODIFIERS: &[&str] = &[
    "@this",
    "@reverse",
    "@keys",
    "@values",
    "@ugly",
    "@flatten",
    "@join",
    "@valid",
    "@tostr",
    "@fromstr",
    "@group",
    "@pretty",
    "@nope",
    "@",
    "@this:",
    "@this:x",
    "@reverse:{}",
    "@keys:\"a|b\"",
    "@flatten:{\"deep\":true}",
    "@flatten:{\"deep\":\"t\"}",
    "@flatten:deep",
    "@join:{\"preserve\":true}",
    "@join:{\"preserve\":1,\"x\":2}",
    "@pretty:{\"sortKeys\":true}",
    "@pretty:{\"width\":0}",
    "@pretty:{\"width\":10,\"indent\":\"\\t\",\"prefix\":\" \"}",
    "@pretty:{\"width\":\"20\"}",
    "@pretty:{\"width\":-1,\"sortKeys\":\"1\"}",
    "@pretty:{\"width\":1e400}",
    "@pretty:{\"indent\":\"x \",\"width\":true}",
    "@pretty:{\"width\":4,\"indent\":\"\"}",
    "@pretty:[1]",
    "@dig:a",
    "@dig:b.a",
    "@dig:#",
    "@dig:@this",
    "@dig:a|0",
    "@dig",
    "@dig:{a}",
    "@dig:#(a)#",
    "@ugly|@pretty",
    "@tostr|@fromstr",
    "@pretty:{\"width\":nan}",
    "@pretty:{\"width\":99999999999999999999}",
    "@this(a)",
    "@dig:(a|b)",
    "@flatten:[",
];

const LITERALS: &[&str] = &[
    "!\"x\"",
    "!1",
    "!true",
    "!TRUE",
    "!null",
    "!nan",
    "!Inf",
    "!{\"a\":1}",
    "![1,2]",
    "!\"a\".b",
    "!-1)",
    "!+1|@this",
    "!x",
    "!",
    "!false.a",
    "!{\"a\":1}.a",
    "!\"",
    "!İnf",
];

/// What a slip of the hand puts in.
const SLIPS: &[&str] = &[
    "\"", "\\", "{", "}", "[", "]", "(", ")", ",", ":", ".", "|", "#", "@", "!", "*", "?", "~", "=", "<",
    ">", "%", " ", "\n", "\0", "0", "1", "-", "e", "a", "n", "t", "u", "é", "😀", "\u{2028}", "\u{85}",
    "\\u", "\\\"", "\\ud800", "..", "@this", "!\"", "#(", ")#", "İ", "\u{7f}", "\t", "/",
];

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

/// Paths of every kind over one document, and forms that chance seldom makes.
pub(super) fn hard() -> Vec<(Vec<u8>, String)> {
    let document = r#"{"a":{"b":"deep","n":1.50,"é":"ü"},"a.b":"flat","list":[{"id":"x","v":7},{"id":"y","v":true},{"id":"z","v":2.5}],
        "s":"quo\"te\n","u":"caf\u00e9 \ud83d\ude00","null":null,"e":-1e3,"big":12345678901234567890,"i":-12,"zero":0.0,"huge":1e30,"tiny":1e-9,
        "nums":[1,2.0,3e1],"nested":[[1,[2]],[]],"":"no name","empty":{},"t":true,"f":false,"js":"{\"k\":1}", "sp ace" : "x" }"#;
    [
        "a",
        "a.b",
        r"a\.b",
        "a.n",
        "a.é",
        "list",
        "list.#",
        "list.0",
        "list.0.id",
        "list.-1",
        "list.3",
        "list.#.id",
        "list.#.v",
        r#"list.#(id=="x")"#,
        r#"list.#(id=="x").v"#,
        r#"list.#(id!="x")#.id"#,
        "list.#(v>2)#.id",
        "list.#(v>=7).id",
        "list.#(v==true).id",
        r#"list.#(id%"[xy]")#.id"#,
        r#"list.#(id!%"x")#.id"#,
        r#"list.#(nope=="x")"#,
        r#"list.#(nope=="x")#"#,
        "list.#(v)#.id",
        "s",
        "u",
        "null",
        "null.x",
        "e",
        "big",
        "i",
        "zero",
        "huge",
        "tiny",
        "nums",
        "nums.1",
        "nums.2",
        "nums.#",
        "nums.#(>1)#",
        "nested",
        "nested.0.1.0",
        "nested.#.0",
        "",
        "empty",
        "empty.x",
        "t",
        "f",
        "js",
        "js.k",
        "sp ace",
        "*",
        "a.*",
        "l?st",
        "n*",
        "@this",
        "@this.a.b",
        "a|b",
        "a|@pretty",
        "a|@ugly",
        "list|@reverse",
        "a|@reverse",
        "a|@keys",
        "a|@values",
        "nested|@flatten",
        r#"nested|@flatten:{"deep":true}"#,
        "@valid",
        "@keys",
        "list|#",
        "list|0|id",
        "list.#.id|0",
        "list.#.id|#",
        "{a.b,i}",
        r#"{"x":a.b,"y":i}"#,
        "[a.b,i]",
        "[list.#.id,i]",
        "{nope}",
        "[nope]",
        r#"a|@tostr"#,
        "js|@fromstr",
        "js|@fromstr|k",
        "a.b.c",
        "list.x",
        "i.0",
        "..0",
        ".",
        "a.",
        ".a",
        "#",
        "a..b",
        "!\"lit\"",
        r#"{"l":!"lit"}"#,
        "list.#(id",
        "a|",
        "|a",
        "@nope",
        r"\a",
        "a\\",
        "list.#[id==\"y\"].v",
        "list.#.{id}",
        "list.#.[id,v]",
        "@join",
        "@group",
        "@dig:b",
        "list.01",
        "LIST",
    ]
    .into_iter()
    .map(|path| (document.as_bytes().to_vec(), path.to_owned()))
    .collect()
}
