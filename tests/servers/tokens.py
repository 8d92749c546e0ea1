"""Verifies JSON Web Tokens against a JWKS, for every server here that takes a ServiceAccount's token.

Checks the signature, the issuer, `exp` and `nbf` (both must be there or absent as the issuer made them; `exp`
must be there) and hands the claims back. The audience is each caller's own affair. No key is ever fetched.
"""

from typing import Any

import jwt

# What IAM's documentation of OIDC providers names; the key of the JWKS says which of them a token may have.
ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]


class Expired(Exception):
    """The token was good once."""


class Invalid(Exception):
    """The token is none of this issuer's, or not valid yet."""


def verify(token: str, jwks: dict[str, Any], issuer: str) -> dict[str, Any]:
    """The claims of a token that holds."""
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        key = next((key for key in jwt.PyJWKSet.from_dict(jwks).keys if key.key_id == kid), None)
        if key is None:
            raise Invalid("no key of the issuer has the token's kid")
        if key.algorithm_name not in ALGORITHMS:
            raise Invalid(f"algorithm {key.algorithm_name} is not accepted")
        options: Any = {"require": ["exp", "iss", "sub", "aud"], "verify_aud": False}
        return jwt.decode(token, key.key, algorithms=[key.algorithm_name], issuer=issuer, options=options)
    except jwt.ExpiredSignatureError as error:
        raise Expired(str(error)) from error
    except jwt.PyJWTError as error:
        raise Invalid(str(error)) from error


def audiences(claims: dict[str, Any]) -> list[str]:
    """`aud` as a list, whichever way it was written."""
    aud = claims["aud"]
    return aud if isinstance(aud, list) else [aud]
