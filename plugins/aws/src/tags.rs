//! Tags of a parameter: by the bare name, which is all that `ListTagsForResource` takes, and absent only if
//! `GetParameter` says so. `ListTagsForResource` has one code for a parameter that does not exist and for an
//! id that it does not understand, and an absent key may delete a Secret. The requests are the caller's.

use claviger_plugin_sdk::Error;

use crate::parameter::{is_arn, unversioned};

/// What `GetParameter` says of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Bare, to an ARN too.
    pub name: String,
    /// Of the account that it is in.
    pub arn: String,
}

/// Why there are no tags.
#[derive(Clone, Debug)]
pub enum Untagged {
    /// It does not exist, or its id is not understood; AWS's words.
    Unsure(String),
    /// Anything else.
    Failed(Error),
}

/// The tags of what `key` names, in the store's region.
///
/// # Errors
/// [`Error::NotFound`] if `get` says it, [`Error::Unsupported`] for an ARN of another account or region.
pub async fn tags<T>(
    key: &str,
    region: &str,
    get: impl AsyncFn(&str) -> Result<Known, Error>,
    list: impl AsyncFn(&str) -> Result<T, Untagged>,
) -> Result<T, Error> {
    let key = unversioned(key);
    let name = if is_arn(key) { own(key, region, &get).await? } else { key.to_owned() };
    match list(&name).await {
        Ok(tags) => Ok(tags),
        Err(Untagged::Failed(error)) => Err(error),
        Err(Untagged::Unsure(said)) => {
            get(&name).await?;
            Err(Error::Other(format!("{name}: it exists, and its tags cannot be listed: {said}")))
        }
    }
}

/// The name of an ARN, if it is this account's: then its name is answered with the same ARN.
async fn own(
    arn: &str,
    region: &str,
    get: &impl AsyncFn(&str) -> Result<Known, Error>,
) -> Result<String, Error> {
    let foreign = || {
        Error::Unsupported(format!(
            "{arn}: AWS lists tags by name only, so of parameters of the store's own account and region"
        ))
    };
    if arn.split(':').nth(3) != Some(region) {
        return Err(foreign());
    }
    let Known { name, .. } = get(arn).await?;
    if is_arn(&name) {
        return Err(foreign());
    }
    match get(&name).await {
        Ok(known) if known.arn == arn => Ok(name),
        // Whoever may read the ARN may read its name, if that is the same parameter.
        Ok(_) | Err(Error::NotFound(_) | Error::Denied(_)) => Err(foreign()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    const OWN: &str = "arn:aws:ssm:eu-west-1:111111111111:parameter/app/db";
    const FOREIGN: &str = "arn:aws:ssm:eu-west-1:222222222222:parameter/app/db";

    /// Runs it against an account in which `exist` (key and ARN of what is answered) can be read.
    fn ask(key: &str, exist: &[(&str, &str)], list: &Result<&'static str, Untagged>) -> String {
        let get = async |asked: &str| match exist.iter().find(|(key, _)| *key == asked) {
            Some((_, "")) => Err(Error::Denied("denied".to_owned())),
            Some((_, arn)) => Ok(Known { name: "/app/db".to_owned(), arn: (*arn).to_owned() }),
            None => Err(Error::NotFound("ParameterNotFound".to_owned())),
        };
        let list = async |asked: &str| match list {
            Ok(tags) => Ok(format!("{tags} of {asked}")),
            Err(untagged) => Err(untagged.clone()),
        };
        let tags = pin!(tags(key, "eu-west-1", get, list));
        match tags.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(tags)) => tags,
            Poll::Ready(Err(error)) => format!("{error:?}").split('(').next().unwrap_or_default().to_owned(),
            Poll::Pending => "pending".to_owned(),
        }
    }

    #[test]
    fn absent_only_if_get_parameter_says_so() {
        let tags = Ok("tags");
        let unsure = Err(Untagged::Unsure("InvalidResourceId".to_owned()));
        let failed = Err(Untagged::Failed(Error::Unavailable("503".to_owned())));
        let of_name = "tags of /app/db";
        let elsewhere = "arn:aws:ssm:us-east-1:111111111111:parameter/app/db";
        for (key, exist, list, expected) in [
            ("/app/db", &[][..], &tags, of_name),
            ("/app/db:3", &[], &tags, of_name),
            ("/app/db", &[("/app/db", OWN)], &unsure, "Error::Other"),
            ("/app/db", &[("/app/db", "")], &unsure, "Error::Denied"),
            ("/app/db", &[], &unsure, "Error::NotFound"),
            ("/app/db", &[], &failed, "Error::Unavailable"),
            (OWN, &[(OWN, OWN), ("/app/db", OWN)], &tags, of_name),
            (&format!("{OWN}:3"), &[(OWN, OWN), ("/app/db", OWN)], &tags, of_name),
            (OWN, &[], &tags, "Error::NotFound"),
            (OWN, &[(OWN, "")], &tags, "Error::Denied"),
            // Never the tags of the store's own parameter of that name.
            (FOREIGN, &[(FOREIGN, FOREIGN), ("/app/db", OWN)], &tags, "Error::Unsupported"),
            (FOREIGN, &[(FOREIGN, FOREIGN), ("/app/db", "")], &tags, "Error::Unsupported"),
            (FOREIGN, &[(FOREIGN, FOREIGN)], &tags, "Error::Unsupported"),
            (elsewhere, &[], &tags, "Error::Unsupported"),
        ] {
            assert_eq!(ask(key, exist, list), expected, "{key} {exist:?} {list:?}");
        }
    }
}
