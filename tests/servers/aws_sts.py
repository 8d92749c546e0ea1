"""STS's AssumeRoleWithWebIdentity, which moto answers for any token and, once requests must be signed, not at
all.

Verified as "Creating OpenID Connect identity providers" and the API reference of STS describe it: the token
against the keys of its issuer, the issuer as an OIDC provider of the role's account, the audience as one of
that provider's client IDs, the role's trust policy (Federated principal, conditions on `ISSUER:sub` and
`ISSUER:aud`). The credentials are moto's, so the role's policies bind them. Only the one issuer given at the
start is known; AWS's fetching of its discovery document is not played.
"""

from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

import policy
import tokens
from aws_authorization import Refused, check_duration, role_of, trusts
from moto.iam.models import iam_backends
from moto.sts.models import AssumedRole, sts_backends

XMLNS = "https://sts.amazonaws.com/doc/2011-06-15/"


@dataclass(frozen=True)
class Issuer:
    """The Kubernetes API server as an identity provider."""

    url: str
    jwks: dict[str, Any]

    @property
    def provider(self) -> str:
        """How IAM calls it: the URL without its scheme."""
        return self.url.split("://", 1)[1]

    def verify(self, token: str) -> dict[str, Any]:
        """The claims of one of its tokens, or STS's refusal."""
        try:
            return tokens.verify(token, self.jwks, self.url)
        except tokens.Expired as error:
            raise Refused("ExpiredTokenException", f"Token expired: {error}", 400) from error
        except tokens.Invalid as error:
            raise Refused("InvalidIdentityToken", f"Couldn't verify the token: {error}", 400) from error


def assume_role_with_web_identity(asked: dict[str, str], issuer: Issuer, region: str) -> str:
    """The XML answer."""
    for name in ("RoleArn", "RoleSessionName", "WebIdentityToken"):
        if not asked.get(name):
            raise Refused("ValidationError", f"Missing required parameter {name}", 400)
    claims = issuer.verify(asked["WebIdentityToken"])
    role = role_of(asked["RoleArn"])
    account = asked["RoleArn"].split(":")[4] if role else ""
    arn = f"arn:aws:iam::{account}:oidc-provider/{issuer.provider}"
    provider = iam_backends[account]["aws"].open_id_providers.get(arn) if role else None
    if role and not provider:
        message = f"No OpenIDConnect provider found in your account for {issuer.url}"
        raise Refused("InvalidIdentityToken", message, 400)
    known = provider.client_id_list if provider else []
    audience = next((aud for aud in tokens.audiences(claims) if aud in known), "")
    if role and not audience:
        raise Refused("InvalidIdentityToken", "Incorrect token audience", 400)
    context = {
        f"{issuer.provider}:sub".lower(): [claims["sub"]],
        f"{issuer.provider}:aud".lower(): [audience],
        "sts:rolesessionname": [asked["RoleSessionName"]],
    }
    question = policy.Question(
        "sts:AssumeRoleWithWebIdentity", asked["RoleArn"], frozenset({("Federated", arn)}), context
    )
    if not trusts(role, question):
        raise Refused("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
    seconds = check_duration(role, asked)
    made = issue(asked["RoleArn"], asked["RoleSessionName"], seconds, region, asked.get("Policy", ""))
    result = (
        f"<SubjectFromWebIdentityToken>{escape(claims['sub'])}</SubjectFromWebIdentityToken>"
        f"<Audience>{escape(audience)}</Audience><Provider>{escape(arn)}</Provider>"
        f"<AssumedRoleUser><Arn>{escape(made.arn)}</Arn><AssumedRoleId>{made.user_id}</AssumedRoleId>"
        f"</AssumedRoleUser><Credentials><AccessKeyId>{made.access_key_id}</AccessKeyId>"
        f"<SecretAccessKey>{escape(made.secret_access_key)}</SecretAccessKey>"
        f"<SessionToken>{escape(made.session_token)}</SessionToken>"
        f"<Expiration>{expiration(made)}</Expiration></Credentials>"
    )
    name = "AssumeRoleWithWebIdentity"
    return (
        f'<{name}Response xmlns="{XMLNS}"><{name}Result>{result}</{name}Result><ResponseMetadata>'
        f"<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ResponseMetadata></{name}Response>"
    )


def issue(role_arn: str, name: str, seconds: int, region: str, session_policy: str = "") -> AssumedRole:
    """Credentials of a session of that role."""
    return sts_backends[role_arn.split(":")[4]]["aws"].assume_role(
        region_name=region,
        role_session_name=name,
        role_arn=role_arn,
        policy=session_policy,
        duration=seconds,
        external_id="",
    )


def expiration(made: AssumedRole) -> str:
    """When a session ends, as AWS writes times."""
    return made.expiration.strftime("%Y-%m-%dT%H:%M:%SZ")
