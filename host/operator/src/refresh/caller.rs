//! Who calls, and what they may: both are the API server's to say (TokenReview, SubjectAccessReview), and what it said is
//! believed for half a minute.
//!
//! A token must be for our own audience: one that is meant for the API server, or for anybody else, is not taken, so nobody
//! has to hand us more than what this is worth. Tokens are kept as digests.

use claviger_core::limit::{Limits, Pace};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::watch::Object;

/// The verb that a caller needs on the store.
pub(super) const VERB: &str = "refresh";

/// How long it is believed what the API server said. A token that was taken back, and a right that was, count so much longer.
const BELIEVED: Duration = Duration::from_secs(30);

/// Tokens, and pairs of a caller and a store, that are remembered.
const MOST: u64 = 1024;

/// Bytes of a token. A ServiceAccount's has about one thousand.
const MAX_TOKEN: usize = 16 * 1024;

/// Questions to the API server about tokens that are not known: who sends a new one each time is nobody that we know, and
/// gets no more out of it than this.
const REVIEWS: Pace = Pace { burst: 100.0, per_second: 20.0 };

/// Questions at once.
const AT_ONCE: usize = 8;

type TokenDigest = [u8; 32];

/// Somebody whom the API server knows.
pub(super) struct Caller {
    user: UserInfo,
    token: TokenDigest,
}

impl Caller {
    /// As Kubernetes calls it: `system:serviceaccount:NAMESPACE:NAME`.
    pub(super) fn name(&self) -> &str {
        self.user.username.as_deref().unwrap_or_default()
    }
}

/// Why somebody is not let in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No token, or none that is good here.
    Unknown(String),
    /// Too many ask.
    Limited(Duration),
    /// The API server did not say.
    Unanswered(String),
}

/// Those who call.
pub(super) struct Callers {
    client: Client,
    audience: String,
    /// None: no token of ours.
    known: Cache<TokenDigest, Option<Arc<Caller>>>,
    /// What was allowed.
    allowed: Cache<(TokenDigest, Object), ()>,
    reviews: Limits<()>,
    at_once: Semaphore,
}

impl Callers {
    pub(super) fn new(client: Client, audience: String) -> Self {
        let known = Cache::builder().max_capacity(MOST).time_to_live(BELIEVED).build();
        let allowed = Cache::builder().max_capacity(MOST).time_to_live(BELIEVED).build();
        let (reviews, at_once) = (Limits::new(REVIEWS, 1), Semaphore::new(AT_ONCE));
        Self { client, audience, known, allowed, reviews, at_once }
    }

    /// Who has that `Authorization`.
    pub(super) async fn who(&self, authorization: Option<&[u8]>) -> Result<Arc<Caller>, Refusal> {
        let token = bearer(authorization)?;
        let digest: TokenDigest = Sha256::digest(token.as_bytes()).into();
        let known = match self.known.get(&digest) {
            Some(known) => known,
            None => {
                self.reviews.take((), 1.0, Instant::now()).map_err(Refusal::Limited)?;
                let found = self.review(token).await?;
                let found = found.map(|user| Arc::new(Caller { user, token: digest }));
                self.known.insert(digest, found.clone());
                found
            }
        };
        known.ok_or_else(|| {
            let audience = &self.audience;
            Refusal::Unknown(format!("the token is not valid here: its audience has to be {audience:?}"))
        })
    }

    async fn review(&self, token: &str) -> Result<Option<UserInfo>, Refusal> {
        let Ok(_turn) = self.at_once.try_acquire() else {
            return Err(Refusal::Limited(Duration::from_secs(1)));
        };
        let spec = TokenReviewSpec { token: token.to_owned(), audiences: Some(vec![self.audience.clone()]) };
        let review = TokenReview { spec, ..TokenReview::default() };
        let api: Api<TokenReview> = Api::all(self.client.clone());
        let answer = api.create(&PostParams::default(), &review).await;
        let status = answer.map_err(|error| unanswered("a TokenReview", &error))?.status.unwrap_or_default();
        // Without the audience it is a server that knows of none, and a token for anybody.
        let ours = status.audiences.is_some_and(|audiences| audiences.contains(&self.audience));
        let named = |user: &UserInfo| user.username.as_deref().is_some_and(|name| !name.is_empty());
        Ok(status.user.filter(|user| status.authenticated == Some(true) && ours && named(user)))
    }

    /// Whether the caller may have that store refreshed.
    pub(super) async fn may(&self, caller: &Caller, store: &Object) -> Result<bool, Refusal> {
        let key = (caller.token, store.clone());
        if self.allowed.contains_key(&key) {
            return Ok(true);
        }
        let Ok(_turn) = self.at_once.try_acquire() else {
            return Err(Refusal::Limited(Duration::from_secs(1)));
        };
        let review = SubjectAccessReview { spec: asked(&caller.user, store), ..Default::default() };
        let api: Api<SubjectAccessReview> = Api::all(self.client.clone());
        let answer = api.create(&PostParams::default(), &review).await;
        let status = answer.map_err(|error| unanswered("a SubjectAccessReview", &error))?.status;
        let allowed = status.is_some_and(|status| status.allowed && status.denied != Some(true));
        if allowed {
            self.allowed.insert(key, ());
        }
        Ok(allowed)
    }
}

/// The right in words, as a Role spells it.
pub(super) fn right(store: &Object) -> String {
    format!("{VERB} on {} of external-secrets.io by the name of {store}", resource(store))
}

fn resource(store: &Object) -> &'static str {
    match store {
        Object::SecretStore(_) => "secretstores",
        _ => "clustersecretstores",
    }
}

fn asked(user: &UserInfo, store: &Object) -> SubjectAccessReviewSpec {
    let namespace = Some(store.namespace()).filter(|namespace| !namespace.is_empty());
    SubjectAccessReviewSpec {
        resource_attributes: Some(ResourceAttributes {
            group: Some("external-secrets.io".to_owned()),
            version: Some("v1".to_owned()),
            resource: Some(resource(store).to_owned()),
            verb: Some(VERB.to_owned()),
            name: Some(store.name().to_owned()),
            namespace: namespace.map(str::to_owned),
            ..ResourceAttributes::default()
        }),
        user: user.username.clone(),
        groups: user.groups.clone(),
        uid: user.uid.clone(),
        extra: user.extra.clone().map(|extra| extra.into_iter().collect::<BTreeMap<_, _>>()),
        ..SubjectAccessReviewSpec::default()
    }
}

/// Not the API server's own text: it may quote what it was asked.
fn unanswered(what: &str, error: &kube::Error) -> Refusal {
    let why = match error {
        // Ours to have, so that what is missing is no secret of anybody's.
        kube::Error::Api(status) if status.code == 403 => {
            "it answered 403, so the operator has no right to create one: claviger doctor --enable-webhook \
             --enable-refresh says which is missing"
                .to_owned()
        }
        kube::Error::Api(status) => format!("it answered {}", status.code),
        _ => "it could not be asked".to_owned(),
    };
    Refusal::Unanswered(format!("the API server did not take {what}: {why}"))
}

fn bearer(authorization: Option<&[u8]>) -> Result<&str, Refusal> {
    let unknown = |why: &str| Refusal::Unknown(why.to_owned());
    let text =
        authorization.ok_or_else(|| unknown("send a ServiceAccount's token: Authorization: Bearer …"))?;
    let text = std::str::from_utf8(text).map_err(|_| unknown("Authorization is no text"))?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(unknown("Authorization has to be Bearer and a token"));
    }
    if token.len() > MAX_TOKEN {
        return Err(unknown("the token is longer than any of Kubernetes'"));
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::cache::Name;

    #[test]
    fn a_token_stands_behind_its_scheme() {
        for (given, expected) in [
            (Some("Bearer abc"), Some("abc")),
            (Some("bearer  abc "), Some("abc")),
            (Some("Basic abc"), None),
            (Some("Bearer"), None),
            (Some("Bearer "), None),
            (Some("abc"), None),
            (None, None),
        ] {
            assert_eq!(bearer(given.map(str::as_bytes)).ok(), expected, "{given:?}");
        }
        assert!(bearer(Some(&[b"Bearer ", &[0xff][..]].concat())).is_err());
        assert!(bearer(Some(format!("Bearer {}", "x".repeat(MAX_TOKEN + 1)).as_bytes())).is_err());
    }

    #[test]
    fn a_right_that_the_operator_lacks_is_said_with_the_command_that_names_it() {
        let said = |code: u16| {
            let status = kube::core::Status { code, ..kube::core::Status::default() };
            match unanswered("a TokenReview", &kube::Error::Api(status.boxed())) {
                Refusal::Unanswered(why) => why,
                other => panic!("{other:?}"),
            }
        };
        let forbidden = said(403);
        assert!(forbidden.contains("answered 403") && forbidden.contains("claviger doctor"), "{forbidden}");
        assert_eq!(said(500), "the API server did not take a TokenReview: it answered 500");
    }

    #[test]
    fn the_right_is_asked_for_by_kind_name_and_namespace() {
        let user = UserInfo { username: Some("u".to_owned()), ..UserInfo::default() };
        let of = |store: &Object| {
            let spec = asked(&user, store);
            let it = spec.resource_attributes.unwrap_or_default();
            (spec.user, it.resource, it.verb, it.name, it.namespace)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            of(&Object::SecretStore(Name::new("ns", "s"))),
            (some("u"), some("secretstores"), some("refresh"), some("s"), some("ns"))
        );
        assert_eq!(
            of(&Object::ClusterSecretStore("s".to_owned())),
            (some("u"), some("clustersecretstores"), some("refresh"), some("s"), None)
        );
    }
}
