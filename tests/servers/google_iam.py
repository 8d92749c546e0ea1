"""Who asks, and who may what: projects, service accounts, access tokens and allow policies.

A caller is a set of member names, as policies name principals; grants go down the hierarchy of resource names
(a grant on a project holds for its secrets), and one whose resource ends in `*` stands for a condition on
`resource.name.startsWith`. Roles are the documented sets of permissions, as far as tests need them. Not here:
deny policies, groups, other conditions, organisations.
"""

import functools
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from google_errors import Status, error_info, unauthenticated

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
SCOPES = frozenset({CLOUD_PLATFORM})
ADMIN = "user:admin@claviger.example"
# "Secret Manager roles and permissions" and "Service Accounts roles", IAM's reference.
ROLES = {
    "roles/secretmanager.secretAccessor": {"secretmanager.versions.access"},
    "roles/secretmanager.viewer": {
        "secretmanager.secrets.get",
        "secretmanager.secrets.list",
        "secretmanager.versions.get",
        "secretmanager.versions.list",
    },
    "roles/secretmanager.secretVersionAdder": {"secretmanager.versions.add"},
    "roles/secretmanager.admin": {
        *(f"secretmanager.secrets.{each}" for each in ("create", "delete", "get", "list", "update")),
        *(f"secretmanager.versions.{each}" for each in ("access", "add", "destroy", "disable", "enable")),
        "secretmanager.versions.get",
        "secretmanager.versions.list",
    },
    "roles/iam.workloadIdentityUser": {"iam.serviceAccounts.getAccessToken"},
    "roles/iam.serviceAccountTokenCreator": {
        "iam.serviceAccounts.getAccessToken",
        "iam.serviceAccounts.signJwt",
    },
}
# A JWT that is its own access token ("Self-signed JWTs", AIP-4111) is as short-lived as an assertion.
SELF_SIGNED_SECONDS = 3600


class Clock:
    """The time that everything here goes by; a test may shift it."""

    shift = 0.0

    def now(self) -> float:
        return time.time() + self.shift


@dataclass
class ServiceAccount:
    """An account of a project, with the keys that verify what it signs."""

    email: str
    project: str
    unique_id: str
    # By kid. Users download the private half of these.
    keys: dict[str, RSAPublicKey] = field(default_factory=dict)
    managed_kid: str = field(default_factory=lambda: secrets.token_hex(20))

    @functools.cached_property
    def managed(self) -> RSAPrivateKey:
        """What signJwt signs with; Google keeps the private half. Made when first asked for: it takes a while."""
        return generate_private_key(65537, 2048)

    @property
    def member(self) -> str:
        """How policies name it."""
        return f"serviceAccount:{self.email}"

    def public_keys(self) -> dict[str, RSAPublicKey]:
        """All that are published."""
        return {self.managed_kid: self.managed.public_key(), **self.keys}


@dataclass
class AccessToken:
    """What an opaque token stands for."""

    members: frozenset[str]
    scopes: frozenset[str]
    expires: float
    revoked: bool = False


@dataclass(frozen=True)
class Caller:
    """Somebody with a token that holds."""

    members: frozenset[str]
    scopes: frozenset[str]

    @property
    def name(self) -> str:
        """One name for logs: the shortest, which is no principal set."""
        return min(self.members, key=lambda member: (member.startswith("principalSet"), len(member), member))


class Iam:
    """The state that all services share."""

    def __init__(self) -> None:
        self.clock, self.lock = Clock(), threading.RLock()
        self.projects: dict[str, str] = {}
        self.accounts: dict[str, ServiceAccount] = {}
        self.tokens: dict[str, AccessToken] = {}
        # (member, resource, permission)
        self.grants: set[tuple[str, str, str]] = {(ADMIN, "*", "*")}

    def project(self, name: str) -> tuple[str, str] | None:
        """ID and number of a project, by either."""
        with self.lock:
            return next((pair for pair in self.projects.items() if name in pair), None)

    def account(self, email: str) -> ServiceAccount | None:
        """By e-mail address or unique ID."""
        with self.lock:
            found = (each for each in self.accounts.values() if email in (each.email, each.unique_id))
            return next(found, None)

    def issue(self, members: frozenset[str], scopes: frozenset[str], seconds: float) -> str:
        """A new token."""
        token = f"ya29.{secrets.token_urlsafe(64)}"
        with self.lock:
            self.tokens[token] = AccessToken(members, scopes, self.clock.now() + seconds)
        return token

    def authenticate(
        self, authorization: str, service: str, method: str, scopes: frozenset[str] = SCOPES
    ) -> Caller:
        """Who sent a request to an API, with a token of one of its scopes."""
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or not token:
            raise unauthenticated("CREDENTIALS_MISSING", service, method)
        with self.lock:
            known = self.tokens.get(token)
        if known is None:
            return self.self_signed(token, service, method)
        if known.revoked or known.expires <= self.clock.now():
            reason = "ACCESS_TOKEN_TYPE_UNSUPPORTED" if known.revoked else "ACCESS_TOKEN_EXPIRED"
            raise unauthenticated(reason, service, method)
        if not scopes & known.scopes:
            info = error_info(
                "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "googleapis.com", {"service": service, "method": method}
            )
            raise Status("PERMISSION_DENIED", "Request had insufficient authentication scopes.", [info])
        return Caller(known.members, known.scopes)

    def self_signed(self, token: str, service: str, method: str) -> Caller:
        """A JWT that a service account signed for this very service, or with a scope (AIP-4111)."""
        invalid = unauthenticated("ACCESS_TOKEN_TYPE_UNSUPPORTED", service, method)
        try:
            email = jwt.decode(token, options={"verify_signature": False}).get("iss", "")
            account, kid = self.account(str(email)), jwt.get_unverified_header(token).get("kid")
            key = account.public_keys().get(str(kid)) if account else None
            if account is None or key is None:
                raise invalid
            claims = signed_claims(token, key)
        except jwt.PyJWTError as error:
            raise invalid from error
        now = self.clock.now()
        right = (
            claims.get("aud") == f"https://{service}/" or CLOUD_PLATFORM in claims.get("scope", "").split()
        )
        fresh = claims["iat"] - 300 <= now < claims["exp"] <= claims["iat"] + SELF_SIGNED_SECONDS
        if not right or not fresh or claims.get("sub") != account.email:
            raise invalid
        return Caller(frozenset({account.member}), frozenset({CLOUD_PLATFORM}))

    def permits(self, caller: Caller, permission: str, resource: str) -> bool:
        """Whether a grant on the resource or above it gives the permission. The project by its ID."""
        with self.lock:
            return any(
                member in caller.members and given in (permission, "*") and covers(granted, resource)
                for member, granted, given in self.grants
            )

    def grant(self, member: str, resource: str, permissions: set[str], revoke: bool = False) -> None:
        """Adds or takes away."""
        changed = {(member, resource, permission) for permission in permissions}
        with self.lock:
            self.grants = self.grants - changed if revoke else self.grants | changed


def signed_claims(token: str, key: RSAPublicKey) -> dict[str, Any]:
    """The claims, if the signature is right. Times are the caller's affair: the clock may be shifted."""
    unchecked = ["verify_exp", "verify_iat", "verify_nbf", "verify_aud"]
    options: Any = {"require": ["iat", "exp", "iss"], **dict.fromkeys(unchecked, False)}
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], options=options)
    if not all(isinstance(claims[name], int | float) for name in ("iat", "exp")):
        raise jwt.InvalidTokenError("iat and exp are numbers")
    return claims


def covers(granted: str, resource: str) -> bool:
    """Whether a grant on one resource holds for another."""
    if granted.endswith("*"):
        return resource.startswith(granted[:-1])
    return resource == granted or resource.startswith(f"{granted}/")
