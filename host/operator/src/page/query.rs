//! What is asked of the page: which part, of which namespace, for whom. Pure.

/// For whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    #[default]
    Html,
    Json,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// From 1.
    pub(super) page: usize,
    /// Only that one's objects, and those of the cluster.
    pub(super) namespace: Option<String>,
    pub(super) format: Format,
}

impl Default for Query {
    fn default() -> Self {
        Self { page: 1, namespace: None, format: Format::Html }
    }
}

impl Query {
    /// Of what stands behind the question mark.
    ///
    /// # Errors
    /// What is not understood, in words that hold nothing of it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut query = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=').unwrap_or((pair, "")) {
                ("page", value) => {
                    let page = value.parse().ok().filter(|page| *page > 0);
                    query.page = page.ok_or("page is a number from 1")?;
                }
                // As a form without a choice sends it.
                ("namespace", "") => {}
                ("namespace", value) if is_label(value) => query.namespace = Some(value.to_owned()),
                ("namespace", _) => {
                    return Err("namespace is a name of lower-case letters, digits and hyphens");
                }
                ("format", "json") => query.format = Format::Json,
                ("format", "html") => query.format = Format::Html,
                ("format", _) => return Err("format is html or json"),
                _ => return Err("there are page, namespace and format"),
            }
        }
        Ok(query)
    }

    /// The same of another page, as a link; of characters that need no escaping anywhere.
    pub(super) fn link(&self, page: usize) -> String {
        let namespace = self.namespace.as_ref().map_or(String::new(), |name| format!("namespace={name}&"));
        format!("/status?{namespace}page={page}")
    }
}

/// As namespaces are called.
fn is_label(text: &str) -> bool {
    let byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_question_is_refused() {
        let query = |page, namespace: Option<&str>, format| Query {
            page,
            namespace: namespace.map(str::to_owned),
            format,
        };
        for (text, expected) in [
            ("", Ok(query(1, None, Format::Html))),
            ("page=3&namespace=team-a", Ok(query(3, Some("team-a"), Format::Html))),
            ("namespace=&format=json", Ok(query(1, None, Format::Json))),
            ("page=0", Err("page is")),
            ("page=-1", Err("page is")),
            ("page", Err("page is")),
            ("page=99999999999999999999", Err("page is")),
            ("namespace=%3Cscript%3E", Err("namespace is")),
            ("namespace=<script>", Err("namespace is")),
            ("namespace=a.b", Err("namespace is")),
            ("format=xml", Err("format is")),
            ("x=1", Err("there are")),
        ] {
            match (Query::parse(text), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text}"),
                (Err(found), Err(words)) => assert!(found.starts_with(words), "{text}: {found}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        assert!(Query::parse(&format!("namespace={}", "a".repeat(64))).is_err());
    }

    #[test]
    fn links_keep_the_namespace() {
        let query = Query { namespace: Some("team".to_owned()), ..Query::default() };
        assert_eq!(query.link(2), "/status?namespace=team&page=2");
        assert_eq!(Query::parse(&query.link(2)["/status?".len()..]).map(|found| found.page), Ok(2));
    }
}
