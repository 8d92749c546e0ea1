"""Client assertions: who signed them, for whom, and when.

By a certificate, after "Microsoft identity platform application authentication certificate credentials":
RS256 or PS256, the certificate named by `x5t` or `x5t#S256` and registered, `iss` and `sub` the client id,
`aud` the token endpoint under the name that the client used, within `nbf` and `exp`, with a `jti`. By
somebody else, after "Workload identity federation": a federated credential with the token's issuer, subject
and audience, case-sensitive, and a signature (RS256) by a key of that issuer. Not here: `x5c` with
subject-name authentication, `jti` replays (which Entra does not document to refuse), fetching an issuer's
keys: they are given when it is registered.
"""

import datetime
from typing import Any, NoReturn

import jwt
from azure_directory import App, Directory, Federated, rsa_public, thumbprint
from azure_errors import EntraError

# How far the clocks may be apart; Entra's documentation of token validation allows five minutes.
SKEW = 300
WHERE = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"


def check(directory: Directory, app: App, assertion: str, endpoint: str) -> str:
    """`certificate` or `federated`, if it holds."""
    try:
        header = jwt.get_unverified_header(assertion)
        claims: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        message = f"Client assertion contains an invalid signature. [Reason - {error}]"
        raise EntraError("invalid_client", 700027, message, 401) from error
    now = directory.clock.now()
    if claims.get("iss") == app.client_id:
        by_certificate(app, assertion, header, claims, endpoint, now)
        return "certificate"
    by_federation(app, assertion, header, claims, now)
    return "federated"


def by_certificate(
    app: App, assertion: str, header: dict[str, Any], claims: dict[str, Any], endpoint: str, now: float
) -> None:
    # Padded or not: Microsoft's own libraries pad.
    named = str(header.get("x5t#S256") or header.get("x5t") or "").rstrip("=")
    algorithm = "sha256" if "x5t#S256" in header else "sha1"
    found = [each for each in app.certificates if named and thumbprint(each, algorithm) == named]
    key = rsa_public(found[0]) if found else None
    if key is None:
        unsigned("The key was not found.", named, app)
    verify(assertion, key, ["RS256", "PS256"], named, app)
    if claims.get("sub") != app.client_id:
        message = "Client assertion application identifier doesn't match 'client_id' parameter."
        raise EntraError("invalid_client", 700021, message, 401)
    said = claims.get("aud")
    accepted = {endpoint, endpoint.replace("/oauth2/v2.0/token", "/v2.0")}
    if said not in accepted:
        message = "Client assertion audience claim does not match Realm issuer."
        raise EntraError("invalid_client", 700023, message, 401)
    if not claims.get("jti"):
        message = "The client assertion must contain the following claim: 'jti'."
        raise EntraError("invalid_client", 5002723, message, 401)
    in_time(claims, now)
    if found[0].not_valid_after_utc.timestamp() <= now:
        unsigned("The certificate used to sign the assertion is expired.", named, app)


def by_federation(
    app: App, assertion: str, header: dict[str, Any], claims: dict[str, Any], now: float
) -> None:
    issuer, subject, audience = (claims.get(name) for name in ("iss", "sub", "aud"))
    audiences = audience if isinstance(audience, list) else [audience]
    left = [each for each in app.federated if each.issuer.url == issuer]
    if not left:
        unmatched(700211, f"issuer '{issuer}'")
    # The subject first, as the service looks: a token for somebody else is told so, whatever its audience.
    of_subject = [each for each in left if each.subject == subject]
    if not of_subject:
        alike = any(each.subject.lower() == str(subject).lower() for each in left)
        rest = (
            " The subject matches with case-insensitive comparison, but not with case-sensitive comparison."
            if alike
            else ""
        )
        unmatched(7002138 if alike else 700213, f"subject '{subject}'", rest)
    fitting = [each for each in of_subject if each.audience in audiences]
    if not fitting:
        unmatched(700212, f"audience '{', '.join(map(str, audiences))}'")
    verify(assertion, key_of(fitting[0], header, app), ["RS256"], str(header.get("kid", "")), app)
    in_time(claims, now)


def key_of(federated: Federated, header: dict[str, Any], app: App) -> Any:
    keys = jwt.PyJWKSet.from_dict(federated.issuer.jwks).keys
    found = next((key for key in keys if key.key_id == header.get("kid")), None)
    if found is None:
        unsigned("The key was not found.", str(header.get("kid", "")), app)
    return found.key


def verify(assertion: str, key: Any, algorithms: list[str], named: str, app: App) -> None:
    """The signature alone: times go by the directory's clock."""
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
    try:
        jwt.decode(assertion, key, algorithms=algorithms, options=options)
    except jwt.PyJWTError:
        unsigned("The key was found, but use of the key to verify the signature failed.", named, app)


def in_time(claims: dict[str, Any], now: float) -> None:
    # Without `nbf`, valid from the epoch on: so the service says itself when such an assertion is over.
    start, end = claims.get("nbf", 0), claims.get("exp")
    if isinstance(start, (int, float)) and isinstance(end, (int, float)) and start - SKEW <= now < end:
        return
    message = (
        f"Client assertion is not within its valid time range. Current time: {stamp(now)}, assertion valid "
        f"from {stamp(start)}, expiry time of assertion {stamp(end)}."
    )
    raise EntraError("invalid_client", 700024, message, 401)


def stamp(seconds: Any) -> str:
    if not isinstance(seconds, (int, float)):
        seconds = 0
    at = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.0000000Z")


def unsigned(reason: str, named: str, app: App) -> NoReturn:
    message = (
        "The certificate with identifier used to sign the client assertion is not registered on "
        f"application. [Reason - {reason}, Thumbprint of key used by client: '{named}', Application: "
        f"'{app.client_id}']"
        if "not found" in reason
        else f"Client assertion contains an invalid signature. [Reason - {reason}, "
        f"Thumbprint of key used by client: '{named}', Application: '{app.client_id}']"
    )
    raise EntraError("invalid_client", 700027, message, 401)


def unmatched(number: int, what: str, rest: str = "") -> NoReturn:
    message = (
        f"No matching federated identity record found for presented assertion {what}.{rest} Check your "
        "federated identity credential Subject, Audience and Issuer against the presented assertion. "
        f"{WHERE}"
    )
    raise EntraError("invalid_client", number, message, 401)
