//! What Secrets Manager is asked to filter by, and what is looked at again here. Its filters match prefixes
//! and join a tag's key with any tag's value, so an exact answer needs both.

/// Filters of one `ListSecrets`.
const MAX_FILTERS: usize = 10;

/// By what Secrets Manager filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Beginning of the name.
    Name,
    /// Beginning of a tag's key.
    TagKey,
    /// Beginning of a tag's value.
    TagValue,
}

/// The filters that narrow a listing most without leaving anything out.
pub fn filters(path: Option<&str>, tags: &[(String, String)]) -> Vec<(Kind, String)> {
    let path = path.map(|path| (Kind::Name, path.to_owned()));
    let tags =
        tags.iter().flat_map(|(key, value)| [(Kind::TagKey, key.clone()), (Kind::TagValue, value.clone())]);
    path.into_iter().chain(tags).filter(|(_, text)| filterable(text)).take(MAX_FILTERS).collect()
}

/// AWS refuses other characters, and takes a `!` at the beginning for "not".
fn filterable(text: &str) -> bool {
    let allowed = |character: char| character.is_ascii_alphanumeric() || " :_@/+=.-!".contains(character);
    !text.is_empty() && text.len() <= 512 && !text.starts_with('!') && text.chars().all(allowed)
}

/// Whether a secret is one of those that are looked for.
pub fn matches<'a>(
    name: &str,
    own: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    path: Option<&str>,
    tags: &[(String, String)],
) -> bool {
    path.is_none_or(|path| name.starts_with(path))
        && tags.iter().all(|(key, value)| own.clone().any(|own| own == (key.as_str(), value.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    /// The pattern of a filter's values is from the API reference of ListSecrets.
    #[test]
    fn only_what_aws_understands_is_sent() {
        let wide = pairs(&[("team", "pay"), ("note", "ünüsual"), ("not", "!x")]);
        assert_eq!(
            filters(Some("app/"), &wide),
            [
                (Kind::Name, "app/".to_owned()),
                (Kind::TagKey, "team".to_owned()),
                (Kind::TagValue, "pay".to_owned()),
                (Kind::TagKey, "note".to_owned()),
                (Kind::TagKey, "not".to_owned()),
            ]
        );
        let many: Vec<_> = (0..9).map(|index| (index.to_string(), "x".to_owned())).collect();
        assert_eq!(filters(None, &many).len(), MAX_FILTERS);
        assert!(filters(Some(""), &[]).is_empty());
    }

    #[test]
    fn tags_match_as_pairs() {
        let own = [("team", "pay"), ("stage", "prod")];
        for (path, tags, expected) in [
            (None, pairs(&[("team", "pay"), ("stage", "prod")]), true),
            (None, pairs(&[("team", "prod")]), false),
            (None, pairs(&[("tea", "pay")]), false),
            (None, pairs(&[("team", "pa")]), false),
            (Some("app/"), pairs(&[]), true),
            (Some("App/"), pairs(&[]), false),
        ] {
            assert_eq!(matches("app/db", own.iter().copied(), path, &tags), expected, "{path:?} {tags:?}");
        }
    }
}
