"""Tokens that end by themselves: ECR's and ECR Public's logins, and the sessions of users that STS gives out.

moto has the operations but for ECR Public's, and answers with constants. Here each token is another and lives as long as
AWS says; a user's session signs (`SessionKey`), with the user's policies; and the rules of the API references hold:
GetSessionToken is for a user's own access key, 900 to 129600 seconds, and with a code of the user's MFA device, good once,
if it names one (RFC 6238). ECR Public is in us-east-1 alone and wants sts:GetServiceBearerToken besides. Not played: that a
session without a code may not call IAM.
"""

import base64
import datetime
import hashlib
import hmac
import secrets
import struct
import time
from typing import Any

import aws_authorization
from aws_authorization import Authorization, Refused
from botocore.credentials import Credentials
from moto.core.utils import utcnow
from moto.iam import access_control
from moto.iam.models import get_account_id_from, iam_backends

# "Registry authentication" (ECR and ECR Public): "valid for 12 hours".
HOURS = 12
# By access key id: of whom, secret, token, and until when.
SESSIONS: dict[str, tuple[str, str, str, datetime.datetime]] = {}
# Codes of MFA devices that were used.
USED: set[tuple[str, str]] = set()


class SessionKey(access_control.IAMUserAccessKey):
    """The access key of a user's session."""

    def __init__(self, account_id: str, partition: str, access_key_id: str, headers: dict[str, str]):
        key, self.session_secret, self.session_token, end = SESSIONS[access_key_id]
        if headers["X-Amz-Security-Token"] != self.session_token:
            raise access_control.CreateAccessKeyFailure(reason="InvalidToken")
        if end <= utcnow():
            raise Refused("ExpiredToken", "The security token included in the request is expired")
        super().__init__(account_id, partition, key, {})

    def create_credentials(self) -> Credentials:
        return Credentials(self._access_key_id, self.session_secret, self.session_token)


def install() -> None:
    """Puts users' sessions into moto, and what is asked for beside an action's own right. Sessions are of the one account
    that moto takes a key for whom it does not know."""
    create = access_control.create_access_key

    def create_access_key(account_id: str, partition: str, access_key_id: str, headers: dict[str, str]) -> Any:
        kind = SessionKey if access_key_id in SESSIONS and "X-Amz-Security-Token" in headers else create
        return kind(account_id=account_id, partition=partition, access_key_id=access_key_id, headers=headers)

    setattr(access_control, "create_access_key", create_access_key)
    check = Authorization.check_action_permitted

    def check_action_permitted(request: Authorization, resource: str) -> None:
        may_call(request._access_key, request._action)
        # API reference of STS: "No permissions are required for users to perform this operation."
        if request._action != "sts:GetSessionToken":
            check(request, resource)

    setattr(Authorization, "check_action_permitted", check_action_permitted)


def registry_token(found: dict[str, Any], region: str, public: bool) -> dict[str, Any]:
    """ECR's answer, or ECR Public's, in place of moto's."""
    if public and region != "us-east-1":
        raise Refused("UnknownOperationException", "ECR Public is in us-east-1", 400)
    token = base64.b64encode(f"AWS:{secrets.token_urlsafe(24)}".encode()).decode()
    made = {"authorizationToken": token, "expiresAt": time.time() + HOURS * 3600}
    if public:
        return {"authorizationData": made}
    return {"authorizationData": [{**each, **made} for each in found["authorizationData"]]}


def may_call(key: Any, action: str) -> None:
    """What is asked for beside the action's own right."""
    if action == "ecr-public:GetAuthorizationToken":
        bearer = "sts:GetServiceBearerToken"
        if not aws_authorization.permitted(key, bearer, "*", {}):
            aws_authorization.deny(key, bearer, "*")
    if action == "sts:GetSessionToken" and isinstance(key, access_control.AssumedRoleAccessKey | SessionKey):
        raise Refused("AccessDenied", "Cannot call GetSessionToken with session credentials")


def session(key_id: str, asked: dict[str, str]) -> dict[str, str]:
    """The credentials of a new session of the user who has this key."""
    seconds = int(asked.get("DurationSeconds", "43200"))
    if not 900 <= seconds <= 129600:
        raise Refused("ValidationError", f"DurationSeconds {seconds} is not between 900 and 129600", 400)
    serial, code = asked.get("SerialNumber"), asked.get("TokenCode")
    if serial or code:
        check_code(key_id, serial or "", code or "")
    end = utcnow() + datetime.timedelta(seconds=seconds)
    made = (f"ASIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30), secrets.token_urlsafe(150))
    SESSIONS[made[0]] = (key_id, made[1], made[2], end)
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
    return dict(zip(names, (*made, end.strftime("%Y-%m-%dT%H:%M:%SZ")), strict=True))


def check_code(key_id: str, serial: str, code: str) -> None:
    """Whether it is a code of a device of the user's, and is used for the first time."""
    failed = Refused("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.")
    backend = iam_backends[get_account_id_from(key_id)]["aws"]
    device = backend.virtual_mfa_devices.get(serial)
    owner = next(user for user in backend.users.values() if any(key.access_key_id == key_id for key in user.access_keys))
    if device is None or device.user is not owner or (serial, code) in USED:
        raise failed
    now = int(time.time()) // 30
    if code not in {totp(device.base32_string_seed, now + step) for step in (-1, 0, 1)}:
        raise failed
    USED.add((serial, code))


def totp(seed: str, step: int) -> str:
    """RFC 6238 with the defaults of authenticator applications: SHA-1, 30 seconds, six digits."""
    digest = hmac.new(base64.b32decode(seed), struct.pack(">Q", step), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def mfa_code(serial: str) -> dict[str, str]:
    """For tests: what the device shows now."""
    for backends in iam_backends.values():
        device = backends["aws"].virtual_mfa_devices.get(serial)
        if device is not None:
            return {"code": totp(device.base32_string_seed, int(time.time()) // 30)}
    return {}


def as_xml(made: dict[str, str], namespace: str) -> str:
    """The answer of GetSessionToken."""
    fields = "".join(f"<{name}>{value}</{name}>" for name, value in made.items())
    return (
        f'<GetSessionTokenResponse xmlns="{namespace}"><GetSessionTokenResult><Credentials>{fields}</Credentials>'
        "</GetSessionTokenResult><ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000000</RequestId>"
        "</ResponseMetadata></GetSessionTokenResponse>"
    )

