//! `find`: names of the vault's enabled secrets, by name and by tags. Key Vault filters nothing, so all are listed;
//! names are the host's to compare, and it asks for the values of those that match.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::{Found, Page, Query};

use crate::answer;
use crate::client::{Ask, Client};
use crate::cloud::Url;
use crate::object::API_VERSION;

/// Key Vault's own limit of a page.
const PAGE: usize = 25;
/// Pages of one call, one after the other: at 100 ms each a fifteenth of the time that a call has.
const PAGES: usize = 20;

/// What the query asks for. The cursor is the query of the next page's URL.
///
/// # Errors
/// A search by path, or whatever the vault answers.
pub fn find(client: &Client<'_>, query: &Query, cursor: Option<&str>) -> Result<Page, Error> {
    if query.path.as_deref().is_some_and(|path| !path.is_empty()) {
        return Err(Error::Unsupported(
            "secrets of Key Vault lie in no folders: leave find.path out, and search by name or tags"
                .to_owned(),
        ));
    }
    let mut next = Some(cursor.map_or_else(first, ToOwned::to_owned));
    let mut found = Vec::new();
    for _ in 0..PAGES {
        let Some(page) = next.take() else { break };
        let listing = answer::listing(&client.one(Ask::list(page.clone()))?.body)?;
        for (key, tags) in listing.secrets {
            if query.tags.iter().all(|(name, value)| tags.get(name) == Some(value)) {
                found.push(Found { key, value: None });
            }
        }
        next = listing.next.map(|link| following(&client.config.vault, &link)).transpose()?;
        if next.as_ref() == Some(&page) {
            return Err(Error::Unavailable("the list of secrets does not end".to_owned()));
        }
    }
    Ok(Page { found, next })
}

/// The query of the first page.
fn first() -> String {
    format!("api-version={API_VERSION}&maxresults={PAGE}")
}

/// The query of a link to the next page. Only that is taken of it, and only if it is the vault's: the token goes to
/// the store's own address, whatever a link says.
fn following(vault: &Url, link: &str) -> Result<String, Error> {
    let foreign =
        || Error::Unavailable("the list of secrets goes on at another address than the vault's".to_owned());
    let (address, query) = link.split_once('?').ok_or_else(foreign)?;
    let url = Url::read(address).ok_or_else(foreign)?;
    // A server behind a proxy may take its scheme from one hop and its name from another.
    let port = |url: &Url| match url.port.as_str() {
        "" | ":443" | ":80" => String::new(),
        port => port.to_owned(),
    };
    let same = url.host == vault.host && port(&url) == port(vault) && url.path == "/secrets";
    let plain = query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if same && plain { Ok(query.to_owned()) } else { Err(foreign()) }
}

#[cfg(test)]
#[path = "find_tests.rs"]
mod tests;
