"""AWS as a workload identity: a signed GetCallerIdentity request as the subject token.

After "Obtain short-lived credentials for Workload Identity Federation", AWS: the request as JSON, percent-encoded,
signed by SigV4, with the provider as `x-goog-cloud-target-resource`. Google sends it on to AWS; here
the signature is verified as AWS's "Signature Version 4 signing process" has it, with keys that a test registered.
"""

import datetime
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from google_errors import OAuthError

HOST = re.compile(r"sts(?:\.[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?")
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([a-z0-9-]+)/sts/aws4_request, ?"
    r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
)
FRESH_SECONDS = 15 * 60


@dataclass(frozen=True)
class Key:
    """An access key and whose it is."""

    secret: str
    session_token: str
    arn: str
    account: str


def identity(token: str, audience: str, keys: dict[str, Key], account: str, now: float) -> dict[str, Any]:
    """GetCallerIdentity's answer, which attributes are mapped from."""
    method, url, headers = parts(token)
    if (
        method != "POST"
        or not HOST.fullmatch(url.netloc)
        or url.scheme != "https"
        or url.path not in ("", "/")
    ):
        raise refused("The AWS request is not for AWS STS.")
    if sorted(parse_qsl(url.query)) != [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")]:
        raise refused("The AWS request is not GetCallerIdentity.")
    found = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if found is None:
        raise rejected("MissingAuthenticationToken", "Request is missing Authentication Token")
    access_key, day, region, names, signature = found.groups()
    signed = names.split(";")
    # "Including this header as part of the signature is recommended": Google's library for Python does not.
    if headers.get("x-goog-cloud-target-resource", "").removeprefix("https:") != audience:
        raise refused("The value of x-goog-cloud-target-resource does not match the audience.")
    key, stamp = keys.get(access_key), headers.get("x-amz-date", "")
    if key is None or headers.get("x-amz-security-token", "") != key.session_token:
        raise rejected("InvalidClientTokenId", "The security token included in the request is invalid.")
    present = {"host", "x-amz-date"} | ({"x-amz-security-token"} if key.session_token else set())
    if not present <= set(signed) or not headers.get("host") == url.netloc:
        raise rejected("SignatureDoesNotMatch", "'host' or 'x-amz-date' must be a 'SignedHeader'")
    check_age(stamp, day, now)
    fields = [f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed]
    lines = [method, "/", query(url.query), *fields, "", names, hashlib.sha256(b"").hexdigest()]
    canonical = "\n".join(lines)
    scope = f"{day}/{region}/sts/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    secret = f"AWS4{key.secret}".encode()
    for part in (day, region, "sts", "aws4_request", text):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(secret.hex(), signature):
        raise rejected(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        )
    if key.account != account:
        raise refused(f"The AWS account {key.account} is not the provider's.")
    return {"arn": key.arn, "account": key.account}


def parts(token: str) -> tuple[str, Any, dict[str, str]]:
    """Method, URL and header fields of the serialised request."""
    try:
        request = json.loads(unquote(token))
        headers = {each["key"].lower(): each["value"] for each in request["headers"]}
        return request["method"], urlsplit(request["url"]), headers
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise refused("Invalid subject token: no serialized AWS request.") from error


def query(text: str) -> str:
    """The canonical query."""
    encoded = sorted((quote(name, "-_.~"), quote(value, "-_.~")) for name, value in parse_qsl(text, True))
    return "&".join(f"{name}={value}" for name, value in encoded)


def check_age(stamp: str, day: str, now: float) -> None:
    try:
        at = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC).timestamp()
    except ValueError as error:
        raise rejected("IncompleteSignature", "Date must be in ISO-8601 'basic format'") from error
    if not stamp.startswith(day) or abs(now - at) > FRESH_SECONDS:
        raise rejected("SignatureDoesNotMatch", f"Signature expired: {stamp}")


def role(arn: str) -> str:
    """`attribute.aws_role` of AWS providers' default mapping: a session's role, or the ARN."""
    found = re.fullmatch(r"(arn:aws:sts::\d{12}:assumed-role/[^/]+)/.+", arn)
    return found[1] if found else arn


def refused(message: str) -> OAuthError:
    """What Google refuses by itself."""
    return OAuthError("invalid_grant", message)


def rejected(code: str, message: str) -> OAuthError:
    """What AWS refuses, as Google passes it on."""
    return refused(f"Received invalid AWS response of type {code} with error message: {message}")
