"""Google's token endpoint: a service account's signed assertion, or a user's refresh token, for an access token.

After "Using OAuth 2.0 for Server to Server Applications": RS256 by a key of the account, `iss` the account,
`aud` the endpoint by one of its names, at most an hour from `iat` to `exp`, both near now, and a scope. Not
here: domain-wide delegation (a `sub` that is somebody else is refused, as where it was never set up), ID tokens,
consent.
"""

import secrets
from dataclasses import dataclass
from typing import Any

import jwt
from google_errors import OAuthError, answer
from google_iam import CLOUD_PLATFORM, Iam, ServiceAccount, signed_claims
from werkzeug.wrappers import Request, Response

# All are Google's and all are one; client libraries of different age write different ones.
TOKEN_URIS = {
    "https://oauth2.googleapis.com/token",
    "https://www.googleapis.com/oauth2/v4/token",
    "https://accounts.google.com/o/oauth2/token",
}
PATHS = {"/token", "/oauth2/v4/token", "/o/oauth2/token"}
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LONGEST = 3600
# How far the clocks may be apart; not documented, libraries allow for five minutes.
SKEW = 300
# Of a token that is given out; a second has passed when it arrives.
SECONDS = 3599


@dataclass(frozen=True)
class AuthorizedUser:
    """A user who once consented, to a client."""

    member: str
    client_id: str
    client_secret: str


class Tokens:
    """The endpoint. `own` are this server's own addresses, which assertions may name too."""

    def __init__(self, iam: Iam, own: set[str]):
        self.iam, self.token_uris = iam, TOKEN_URIS | own
        self.refresh_tokens: dict[str, AuthorizedUser] = {}

    def answer(self, request: Request, note: dict[str, Any]) -> Response:
        """`POST /token`."""
        if request.method != "POST":
            raise OAuthError("invalid_request", "Request must be a POST", 405)
        form = request.form.to_dict() or request.get_json(force=True, silent=True) or {}
        kind = form.get("grant_type", "")
        if kind == JWT_BEARER:
            note.update(action="jwt-bearer")
            return self.assertion(form.get("assertion", ""), note)
        if kind == "refresh_token":
            note.update(action="refresh_token")
            return self.refresh(form, note)
        raise OAuthError("unsupported_grant_type", f"Invalid grant_type: {kind}")

    def assertion(self, assertion: str, note: dict[str, Any]) -> Response:
        account, claims = self.verified(assertion, note)
        now, issued, expires = self.iam.clock.now(), claims["iat"], claims["exp"]
        if not (issued - SKEW <= now < expires + SKEW and issued < expires <= issued + LONGEST):
            raise OAuthError(
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
                "Check your iat and exp values in the JWT claim.",
            )
        if claims.get("aud") not in self.token_uris:
            right = "https://oauth2.googleapis.com/token"
            raise OAuthError(
                "invalid_grant", f"Invalid JWT: Failed audience check. The right audience is {right}"
            )
        if claims.get("sub", account.email) != account.email:
            raise OAuthError(
                "unauthorized_client",
                "Client is unauthorized to retrieve access tokens using this method, or client not authorized "
                "for any of the scopes requested.",
                401,
            )
        scopes = frozenset(str(claims.get("scope", "")).split())
        if not scopes:
            raise OAuthError("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        return self.granted(frozenset({account.member}), scopes)

    def verified(self, assertion: str, note: dict[str, Any]) -> tuple[ServiceAccount, dict[str, Any]]:
        """The account that signed, and what."""
        try:
            header = jwt.get_unverified_header(assertion)
            issuer = jwt.decode(assertion, options={"verify_signature": False}).get("iss", "")
        except jwt.PyJWTError as error:
            raise OAuthError("invalid_grant", "Bad Request") from error
        account = self.iam.account(str(issuer))
        if account is None:
            raise OAuthError("invalid_grant", "Invalid grant: account not found")
        note.update(principal=account.member, names=[account.email])
        key = account.public_keys().get(str(header.get("kid")))
        if key is None:
            raise OAuthError("invalid_grant", "Invalid JWT Signature.")
        try:
            return account, signed_claims(assertion, key)
        except jwt.InvalidSignatureError as error:
            raise OAuthError("invalid_grant", "Invalid JWT Signature.") from error
        except jwt.PyJWTError as error:
            raise OAuthError("invalid_grant", f"Invalid JWT: {error}") from error

    def refresh(self, form: dict[str, str], note: dict[str, Any]) -> Response:
        user = self.refresh_tokens.get(form.get("refresh_token", ""))
        clients = {each.client_id: each.client_secret for each in self.refresh_tokens.values()}
        if form.get("client_id") not in clients:
            raise OAuthError("invalid_client", "The OAuth client was not found.", 401)
        if form.get("client_secret") != clients[form["client_id"]]:
            raise OAuthError("invalid_client", "The provided client secret is invalid.", 401)
        if user is None or user.client_id != form["client_id"]:
            raise OAuthError("invalid_grant", "Token has been expired or revoked.")
        note.update(principal=user.member)
        response = self.granted(frozenset({user.member}), frozenset({CLOUD_PLATFORM}))
        found = response.get_json()
        return answer({**found, "scope": CLOUD_PLATFORM})

    def granted(self, members: frozenset[str], scopes: frozenset[str]) -> Response:
        token = self.iam.issue(members, scopes, SECONDS)
        return answer({"access_token": token, "expires_in": SECONDS, "token_type": "Bearer"})

    def authorize(self, member: str) -> dict[str, str]:
        """A user's Application Default Credentials, as `gcloud auth application-default login` leaves them."""
        user = AuthorizedUser(
            member, f"{secrets.randbelow(10**12)}.apps.googleusercontent.com", secrets.token_hex(12)
        )
        refresh_token = f"1//{secrets.token_urlsafe(48)}"
        self.refresh_tokens[refresh_token] = user
        return {
            "type": "authorized_user",
            "client_id": user.client_id,
            "client_secret": user.client_secret,
            "refresh_token": refresh_token,
            "universe_domain": "googleapis.com",
        }
