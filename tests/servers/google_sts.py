"""Security Token Service and securetoken: another provider's token for a Google access token.

After the STS reference and "Workload Identity Federation": the audience names a provider that is registered; an
OIDC token must be signed by a key of the provider's issuer, of that issuer, for audiences that the provider
allows (its own full name, with or without `https:`, if none are listed) and for no other, which is stricter than
Google says it is, and not over. GKE's `identitynamespace:POOL:PROVIDER` must be a registered cluster's, and the
token for the pool, whoever else it is for. AWS's signed request
is `google_aws`'s. Attribute mappings are paths into the token (`assertion.sub`, `assertion['a']['b']`); not here:
the rest of CEL, conditions, SAML, X.509, and fetching an issuer's keys: they are given when it is registered.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import google_aws
import jwt
import tokens
from google_errors import OAuthError, answer
from google_iam import Iam
from werkzeug.wrappers import Request, Response

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
OIDC_TYPES = {"urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token"}
AWS_TYPE = "urn:ietf:params:aws:token-type:aws4_request"
PROVIDER = re.compile(
    r"//iam\.googleapis\.com/projects/(\d+)/locations/global/workloadIdentityPools/([^/]+)/providers/([^/]+)"
)
SECONDS = 3599


@dataclass
class Issuer:
    """Who signs OIDC tokens, and with which keys."""

    url: str
    jwks: dict[str, Any]


@dataclass
class Provider:
    """A workload identity pool's provider: of an OIDC issuer, or of an AWS account."""

    pool: str
    issuer: Issuer | None = None
    aws_account: str = ""
    audiences: list[str] = field(default_factory=list)
    mapping: dict[str, str] = field(default_factory=lambda: {"google.subject": "assertion.sub"})
    disabled: bool = False


@dataclass
class Cluster:
    """A GKE cluster: its identity namespace's members have this name in policies."""

    project: str
    number: str
    issuer: Issuer


class Sts:
    """Both services. `aws_keys` are those that AWS would know."""

    def __init__(self, iam: Iam):
        self.iam = iam
        # By full resource name, and by URL.
        self.providers: dict[str, Provider] = {}
        self.clusters: dict[str, Cluster] = {}
        self.aws_keys: dict[str, google_aws.Key] = {}

    def answer(self, request: Request, note: dict[str, Any]) -> Response:
        """`POST /v1/token` and `POST /v1/identitybindingtoken`."""
        given = request.form.to_dict() or request.get_json(force=True, silent=True) or {}
        # JSON may be written in either way ("ProtoJSON format"); forms have RFC 8693's names.
        given = {
            re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", key): value
            for key, value in given.items()
        }
        audience = str(given.get("audience", ""))
        note.update(action="token-exchange", names=[audience])
        for name in ("grant_type", "subject_token", "subject_token_type"):
            if not given.get(name):
                raise OAuthError("invalid_request", f'Invalid value for "{name}". This value is required.')
        if given["grant_type"] != EXCHANGE:
            raise OAuthError(
                "unsupported_grant_type", f'Invalid value for "grant_type": {given["grant_type"]}.'
            )
        if given.get("requested_token_type") != ACCESS_TOKEN:
            raise OAuthError("invalid_request", 'Invalid value for "requested_token_type".')
        scopes = frozenset(str(given.get("scope", "")).split())
        if not scopes:
            raise OAuthError("invalid_scope", 'Invalid value for "scope".')
        if audience.startswith("identitynamespace:"):
            members = self.gke(audience, given)
        elif request.path.endswith("/identitybindingtoken"):
            raise invalid_target()
        else:
            members = self.federated(audience, given)
        note["principal"] = next(iter(sorted(members)))
        token = self.iam.issue(members, scopes, SECONDS)
        found = {"access_token": token, "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer"}
        return answer({**found, "expires_in": SECONDS})

    def gke(self, audience: str, given: dict[str, Any]) -> frozenset[str]:
        pool, _, url = audience.removeprefix("identitynamespace:").partition(":")
        cluster = self.clusters.get(url)
        if cluster is None or pool != f"{cluster.project}.svc.id.goog":
            raise invalid_target()
        if given["subject_token_type"] not in OIDC_TYPES:
            raise OAuthError("invalid_request", 'Invalid value for "subject_token_type".')
        claims = self.verified(given["subject_token"], cluster.issuer, [pool])
        found = re.fullmatch(r"system:serviceaccount:([^:]+):([^:]+)", claims["sub"])
        if not found:
            raise OAuthError("invalid_grant", "The subject of the token is no Kubernetes service account.")
        namespace, name = found.groups()
        above = (
            f"//iam.googleapis.com/projects/{cluster.number}/locations/global/workloadIdentityPools/{pool}"
        )
        return frozenset(
            {
                f"serviceAccount:{pool}[{namespace}/{name}]",
                f"principal:{above}/subject/ns/{namespace}/sa/{name}",
                f"principalSet:{above}/namespace/{namespace}",
            }
        )

    def federated(self, audience: str, given: dict[str, Any]) -> frozenset[str]:
        if not PROVIDER.fullmatch(audience):
            raise OAuthError(
                "invalid_request",
                'Invalid value for "audience". This value should be the full resource name of the Identity '
                "Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the "
                "list of possible formats.",
            )
        provider = self.providers.get(audience)
        if provider is None or provider.disabled:
            raise invalid_target()
        kind = given["subject_token_type"]
        if provider.issuer and kind in OIDC_TYPES:
            allowed = provider.audiences or [audience, f"https:{audience}"]
            claims = self.verified(given["subject_token"], provider.issuer, allowed)
            if not set(tokens.audiences(claims)) <= set(allowed):
                raise other_audience(claims)
        elif provider.aws_account and kind == AWS_TYPE:
            now = self.iam.clock.now()
            claims = google_aws.identity(
                given["subject_token"], audience, self.aws_keys, provider.aws_account, now
            )
        else:
            raise OAuthError("invalid_request", 'Invalid value for "subject_token_type".')
        attributes = {name: attribute(path, claims) for name, path in provider.mapping.items()}
        subject = attributes.pop("google.subject", None)
        if not subject:
            raise OAuthError("invalid_grant", "The mapped attribute google.subject is empty.")
        if provider.aws_account:
            attributes.setdefault("attribute.aws_role", google_aws.role(claims["arn"]))
        return frozenset(
            {f"principal:{provider.pool}/subject/{subject}", f"principalSet:{provider.pool}/*"}
            | {f"principalSet:{provider.pool}/{name}/{value}" for name, value in attributes.items() if value}
        )

    def verified(self, token: str, issuer: Issuer, audiences: list[str]) -> dict[str, Any]:
        """The claims of an OIDC token. Issuer and audience are looked at first, as the answers show."""
        try:
            unverified = jwt.decode(token, options={"verify_signature": False})
        except jwt.PyJWTError as error:
            raise OAuthError("invalid_grant", "Unable to parse the ID Token.") from error
        said = unverified.get("iss")
        if said != issuer.url:
            raise OAuthError(
                "invalid_grant", f"The issuer in ID Token {said} does not match the expected ones."
            )
        stale = OAuthError(
            "invalid_grant", f"ID Token issued at {unverified.get('iat')} is stale to sign-in."
        )
        # The clock may be shifted; `tokens` goes by the machine's.
        if float(unverified.get("exp", 0)) <= self.iam.clock.now():
            raise stale
        try:
            claims = tokens.verify(token, issuer.jwks, issuer.url)
        except tokens.Expired as error:
            raise stale from error
        except tokens.Invalid as error:
            raise OAuthError("invalid_grant", "Unable to verify the ID Token signature.") from error
        if not set(tokens.audiences(claims)) & set(audiences):
            raise other_audience(claims)
        return claims


def attribute(path: str, claims: dict[str, Any]) -> str:
    """What a mapping's path leads to in the token; empty if to nothing."""
    if not re.fullmatch(r"assertion(\.[A-Za-z_]\w*|\['[^']+'\])+", path):
        raise ValueError(f"attribute mapping {path} is not known here")
    found: Any = claims
    for dotted, quoted in re.findall(r"\.(\w+)|\['([^']+)'\]", path):
        found = found.get(dotted or quoted) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def other_audience(claims: dict[str, Any]) -> OAuthError:
    """A token that is for somebody else, or for somebody else too."""
    said = ", ".join(tokens.audiences(claims))
    return OAuthError(
        "invalid_grant", f"The audience in ID Token [{said}] does not match the expected audience."
    )


def invalid_target() -> OAuthError:
    """A pool, provider or cluster that is not there."""
    return OAuthError(
        "invalid_target",
        'The target service indicated by the "audience" parameters is invalid. This might either be because the '
        "pool or provider is disabled or deleted or because it doesn't exist.",
    )
