"""boto3 against this very server: the independent client that tests set things up and look with.

Each call is a real signed request over loopback, as the account's administrator or as any given identity.
Bytes are `{"$bytes": BASE64}` in arguments and answers, times ISO 8601. Nothing is tried twice.
"""

import base64
import datetime
import functools
import threading
from typing import Any

import boto3
from aws_authorization import ACCOUNT, EVERYTHING
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from moto.iam.models import iam_backends

ADMIN = "claviger-admin"
# boto3's session is not to be used by two threads at once, nor is the administrator to be made twice.
LOCK = threading.Lock()


def administrator(account: str) -> tuple[str, str]:
    """Access key and secret of the account's administrator, who is made when first asked for."""
    backend = iam_backends[account]["aws"]
    with LOCK:
        if ADMIN not in backend.users:
            backend.create_user("aws", ADMIN)
            backend.put_user_policy(ADMIN, "everything", EVERYTHING)
            backend.create_access_key(ADMIN)
        key = backend.users[ADMIN].access_keys[0]
    return key.access_key_id, key.secret_access_key


@functools.lru_cache(maxsize=64)
def client(endpoint: str, service: str, region: str, access: str, secret: str, token: str | None) -> Any:
    """A client; making one takes longer than a call."""
    with LOCK:
        return boto3.client(
            service,
            endpoint_url=endpoint,
            region_name=region,
            aws_access_key_id=access,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=16),
        )


def call(endpoint: str, asked: dict[str, Any]) -> dict[str, Any]:
    """`{"service", "operation", "arguments", "region", "account" | "as"}` to `{"ok"}` or `{"error"}`.

    `{"not sent"}` is what boto3 itself refuses.
    """
    identity = asked.get("as")
    if identity:
        key = (identity["access_key_id"], identity["secret_access_key"], identity.get("session_token"))
    else:
        key = (*administrator(asked.get("account") or ACCOUNT), None)
    method = xform_name(asked["operation"])
    try:
        answer = getattr(client(endpoint, asked["service"], asked["region"], *key), method)(
            **decoded(asked["arguments"])
        )
    except ClientError as error:
        found = error.response
        status = found["ResponseMetadata"]["HTTPStatusCode"]
        return {
            "error": {"code": found["Error"]["Code"], "message": found["Error"]["Message"], "status": status}
        }
    except BotoCoreError as error:
        return {"not sent": str(error)}
    answer.pop("ResponseMetadata")
    return {"ok": encoded(answer)}


def decoded(value: Any) -> Any:
    """What JSON says, as boto3 takes it."""
    if isinstance(value, dict):
        if value.keys() == {"$bytes"}:
            return base64.b64decode(value["$bytes"])
        return {name: decoded(each) for name, each in value.items()}
    return [decoded(each) for each in value] if isinstance(value, list) else value


def encoded(value: Any) -> Any:
    """What boto3 gives, as JSON can say it."""
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: encoded(each) for name, each in value.items()}
    return [encoded(each) for each in value] if isinstance(value, list) else value
