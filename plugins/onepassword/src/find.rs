//! `find`, as ESO has it: not items but their fields and files, by label and name, of all items of the vaults, or of those
//! with a title (`path`) or with all of some tags. Where two have the same label the one found first is taken.

use std::collections::BTreeMap;

use claviger_plugin_sdk::prelude::*;
use claviger_plugin_sdk::url::escaped;

use crate::client::{Client, named, parsed};
use crate::item::{Item, Summary};
use crate::read::contents;

/// All of it: labels of one item may stand in any other too, so there are no pages.
///
/// # Errors
/// A vault that is not there, an item with two fields of one label, or whatever the server answers.
pub fn find(client: &Client<'_>, query: &Query) -> Result<Page, Error> {
    let title = query.path.as_deref().filter(|path| !path.is_empty());
    let mut found: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for vault in client.vaults()? {
        let items = format!("/vaults/{}/items", escaped(&vault.id));
        let filter = title.map(|title| format!("?filter={}", named("title", title))).unwrap_or_default();
        let what = "the list of items".to_owned();
        let list = client.all(vec![(format!("{items}{filter}"), what.clone())]).pop();
        let list = list.unwrap_or_else(|| Err(Error::Other("a request without an answer".to_owned())))?;
        let list: Vec<Summary> = parsed(&list, &what)?;
        let wanted = |item: &Summary| {
            title.is_none_or(|title| item.title == title)
                && query.tags.iter().all(|(tag, _)| item.tags.contains(tag))
        };
        let list: Vec<Summary> = list.into_iter().filter(wanted).collect();
        let path = |item: &Summary| format!("{items}/{}", escaped(&item.id));
        let asks = list.iter().map(|item| (path(item), format!("item {:?}", item.title)));
        for (summary, answer) in list.iter().zip(client.all(asks.collect())) {
            let body = match answer {
                // Listed, and deleted since.
                Err(Error::NotFound(_)) => continue,
                other => other?,
            };
            let item: Item = parsed(&body, &format!("item {:?}", summary.title))?;
            for (name, value) in
                contents(client, &path(summary), &item.files)?.into_iter().chain(item.fields()?)
            {
                found.entry(name).or_insert(value);
            }
        }
    }
    let found = found.into_iter().map(|(key, data)| Found { key, value: Some(Value::new(data)) });
    Ok(Page { found: found.collect(), next: None })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fake::{server, session_of};

    #[test]
    fn labels_and_files_of_what_matches_and_the_first_of_each() {
        let host = server();
        let session = session_of(&host);
        let client = Client::new(&session).unwrap();
        let of = |path: Option<&str>, tags: &[&str]| -> Vec<(String, String)> {
            let tags = tags.iter().map(|tag| ((*tag).to_owned(), "true".to_owned())).collect();
            let query = Query { path: path.map(ToOwned::to_owned), tags, name_regexp: None };
            let page = find(&client, &query).unwrap();
            let text = |found: Found| (found.key, String::from_utf8(found.value.unwrap().data).unwrap());
            page.found.into_iter().map(text).collect()
        };
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let login = [pair("password", "of-first"), pair("username", "ada")];
        assert_eq!(of(Some("login"), &[]), login);
        assert_eq!(of(None, &["red", "test"]), login);
        assert_eq!(of(Some("document"), &[]), [pair("a.txt", "content of a"), pair("b.txt", "content of b")]);
        assert_eq!(of(Some("absent"), &[]), []);
        let all = of(None, &[]);
        assert_eq!(all.iter().find(|(key, _)| key == "password"), Some(&pair("password", "of-first")));
        assert_eq!(all.len(), 5);
    }
}
