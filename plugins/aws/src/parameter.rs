//! Parameter Store's names: how a version is written, which fit into one request, and which answer is whose.

use aws_credentials::failure::Class;

/// Names of one `GetParameters`.
pub const BATCH: usize = 10;

/// `name`, or `name:version` with a number or a label.
pub fn selector(name: &str, version: Option<&str>) -> String {
    match version.filter(|version| !version.is_empty()) {
        Some(version) => format!("{name}:{version}"),
        None => name.to_owned(),
    }
}

/// Whether a key is an ARN, and so may be another account's.
pub fn is_arn(key: &str) -> bool {
    key.starts_with("arn:")
}

/// A key without the version that may be written in it: no name has a colon, and an ARN has five before its
/// name.
pub fn unversioned(key: &str) -> &str {
    let colons = if is_arn(key) { 5 } else { 0 };
    key.match_indices(':').nth(colons).map_or(key, |(at, _)| &key[..at])
}

/// Cuts names into batches, by index. Two versions of one parameter do not go into the same, whether they
/// are in the key or beside it: AWS wants the names of a request to differ. Nor do ARNs go into any: they are
/// answered with the bare name, which may be that of a parameter of this account.
pub fn batches(names: &[(usize, &str)]) -> Vec<Vec<usize>> {
    let mut batches: Vec<(Vec<usize>, Vec<&str>)> = Vec::new();
    for (index, name) in names.iter().filter(|(_, name)| !is_arn(name)) {
        let name = unversioned(name);
        let fits =
            |(indices, taken): &&mut (Vec<usize>, Vec<&str>)| indices.len() < BATCH && !taken.contains(&name);
        match batches.iter_mut().find(fits) {
            Some((indices, taken)) => {
                indices.push(*index);
                taken.push(name);
            }
            None => batches.push((vec![*index], vec![name])),
        }
    }
    // One alone is one request either way, and needs one right less.
    batches.into_iter().map(|(indices, _)| indices).filter(|indices| indices.len() > 1).collect()
}

/// An answer, as far as it says whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// Without version.
    pub name: &'a str,
    /// `:3` or `:label`, if that was asked for; some servers leave it out.
    pub selector: &'a str,
    /// Number of the version.
    pub version: i64,
}

impl Answered<'_> {
    /// Whether it answers `name` or `name:version`.
    pub fn is_for(&self, asked: &str) -> bool {
        !self.name.is_empty()
            && asked.strip_prefix(self.name).is_some_and(|rest| {
                rest == self.selector
                    || (self.selector.is_empty() && rest.strip_prefix(':') == Some(&self.version.to_string()))
            })
    }
}

/// Which answer of a batch is for which name: pairs of (name, answer). No name has two; the first counts.
pub fn places(asked: &[String], answers: &[Answered<'_>]) -> Vec<(usize, usize)> {
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for (index, answer) in answers.iter().enumerate() {
        let free = |at: &usize| pairs.iter().all(|(taken, _)| taken != at);
        let at = (0..asked.len()).filter(free).find(|at| answer.is_for(&asked[*at]));
        pairs.extend(at.map(|at| (at, index)));
    }
    pairs
}

/// A page of a search: which of the three ways it goes, and AWS's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// `GetParametersByPath`, which brings values.
    Path(Option<String>),
    /// `GetParametersByPath` for the names alone, where one of the values cannot be decrypted.
    Names(Option<String>),
    /// `DescribeParameters`, which can filter by tags.
    Describe(Option<String>),
}

impl Cursor {
    /// Reads what [`Cursor::next`] wrote; the beginning of a search where there is nothing.
    pub fn read(cursor: Option<&str>, tags: bool) -> Self {
        let token = |token: &str| Some(token.to_owned());
        match cursor.and_then(|cursor| cursor.split_once(':')) {
            Some(("path", rest)) => Self::Path(token(rest)),
            Some(("names", rest)) => Self::Names(token(rest)),
            Some((_, rest)) => Self::Describe(token(rest)),
            None if tags => Self::Describe(None),
            None => Self::Path(None),
        }
    }

    /// For the next page.
    pub fn next(&self, token: Option<String>) -> Option<String> {
        let way = match self {
            Self::Path(_) => "path",
            Self::Names(_) => "names",
            Self::Describe(_) => "describe",
        };
        token.filter(|token| !token.is_empty()).map(|token| format!("{way}:{token}"))
    }

    /// How a search begins again after this refusal, so that one value, or one right, does not end it. What
    /// was listed before comes again, under the same names.
    pub fn instead(&self, refusal: Class) -> Option<Self> {
        match (self, refusal) {
            // One value that KMS keeps fails its whole page, be it among those that are looked for or not.
            (Self::Path(_), Class::Undecryptable) => Some(Self::Names(None)),
            (Self::Path(_) | Self::Names(_), Class::Denied) => Some(Self::Describe(None)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_part_of_the_name() {
        for (version, expected) in
            [(None, "/a/b"), (Some(""), "/a/b"), (Some("3"), "/a/b:3"), (Some("old"), "/a/b:old")]
        {
            assert_eq!(selector("/a/b", version), expected);
        }
    }

    #[test]
    fn batches_of_ten_without_twins() {
        let names: Vec<String> = (0..21).map(|index| index.to_string()).collect();
        let pairs: Vec<_> = names.iter().enumerate().map(|(index, name)| (index, name.as_str())).collect();
        let sizes: Vec<usize> = batches(&pairs).iter().map(Vec::len).collect();
        assert_eq!(sizes, [10, 10]);
        assert_eq!(batches(&[(0, "a"), (1, "a"), (2, "b"), (3, "b")]), [vec![0, 2], vec![1, 3]]);
        let none = Vec::<Vec<usize>>::new();
        assert_eq!(batches(&[(0, "a"), (1, "a")]), none);
        assert_eq!(batches(&[(0, "/a"), (1, "/a:3")]), none, "a version within the key");
        assert_eq!(batches(&[(0, "/a:3"), (1, "/b"), (2, "/a:4"), (3, "/c")]), [vec![0, 1, 3]]);
        let foreign = "arn:aws:ssm:eu-west-1:222222222222:parameter/a";
        assert_eq!(batches(&[(0, "/a"), (1, foreign)]), none, "answered with the name of one's own");
        assert_eq!(batches(&[(0, "/a"), (1, foreign), (2, "/b")]), [vec![0, 2]]);
    }

    #[test]
    fn versions_are_cut_off() {
        let arn = "arn:aws:ssm:eu-west-1:1:parameter/a";
        for (key, expected) in [
            ("/a/b", "/a/b"),
            ("/a/b:3", "/a/b"),
            ("/a/b:old", "/a/b"),
            (arn, arn),
            ("arn:aws:ssm:eu-west-1:1:parameter/a:3", arn),
            ("arn:odd", "arn:odd"),
        ] {
            assert_eq!(unversioned(key), expected);
        }
    }

    fn answer<'a>(name: &'a str, selector: &'a str) -> Answered<'a> {
        Answered { name, selector, version: 3 }
    }

    #[test]
    fn answers_find_their_questions() {
        for (asked, selector, expected) in [
            ("/a", "", true),
            ("/a:3", ":3", true),
            ("/a:old", ":old", true),
            ("/a", ":3", false),
            ("/a:3", "", true),
            ("/a:2", "", false),
            ("/a:old", "", false),
            ("arn:aws:ssm:eu-west-1:1:parameter/a", "", false),
            ("/ab", "", false),
            ("/", "", false),
        ] {
            assert_eq!(answer("/a", selector).is_for(asked), expected, "{asked} {selector}");
        }
        assert!(!answer("", ":3").is_for(":3"));
    }

    #[test]
    fn two_questions_and_two_answers() {
        for (asked, answers, expected) in [
            (["/a", "/b"], [answer("/b", ""), answer("/a", "")], vec![(1, 0), (0, 1)]),
            // Another account's that is called the same is not taken for it.
            (
                ["/a", "arn:aws:ssm:eu-west-1:2:parameter/a"],
                [answer("/a", ""), answer("/a", "")],
                vec![(0, 0)],
            ),
            (["/a", "/a:3"], [answer("/a", ":3"), answer("/a", "")], vec![(1, 0), (0, 1)]),
            (["/a", "/b"], [answer("/a", ""), answer("/a", "")], vec![(0, 0)]),
            (["/a", "/b"], [answer("/c", ""), answer("/b", "")], vec![(1, 1)]),
        ] {
            assert_eq!(places(&asked.map(ToOwned::to_owned), &answers), expected, "{asked:?}");
        }
    }

    #[test]
    fn a_search_goes_on_as_it_began() {
        assert_eq!(Cursor::read(None, false), Cursor::Path(None));
        assert_eq!(Cursor::read(None, true), Cursor::Describe(None));
        for cursor in [Cursor::Path(None), Cursor::Names(None), Cursor::Describe(None)] {
            let next = cursor.next(Some("a:b=".to_owned()));
            let read = Cursor::read(next.as_deref(), false);
            assert_eq!(std::mem::discriminant(&read), std::mem::discriminant(&cursor));
            assert!(
                matches!(read, Cursor::Path(Some(token)) | Cursor::Names(Some(token)) | Cursor::Describe(Some(token)) if token == "a:b=")
            );
            assert_eq!(cursor.next(None), None);
        }
    }

    #[test]
    fn a_search_goes_around_what_is_refused() {
        let token = || Some("t".to_owned());
        for (cursor, refusal, expected) in [
            (Cursor::Path(None), Class::Undecryptable, Some(Cursor::Names(None))),
            (Cursor::Path(token()), Class::Undecryptable, Some(Cursor::Names(None))),
            (Cursor::Path(token()), Class::Denied, Some(Cursor::Describe(None))),
            (Cursor::Names(None), Class::Denied, Some(Cursor::Describe(None))),
            // Never the same way again.
            (Cursor::Names(None), Class::Undecryptable, None),
            (Cursor::Describe(None), Class::Denied, None),
            (Cursor::Path(None), Class::Throttled, None),
            (Cursor::Path(None), Class::Unavailable, None),
            (Cursor::Path(None), Class::Other, None),
        ] {
            assert_eq!(cursor.instead(refusal), expected, "{cursor:?} {refusal:?}");
        }
    }
}
