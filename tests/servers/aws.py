"""AWS for the tests: Secrets Manager, Parameter Store, SQS, ECR, STS and IAM, of moto, behind AWS's own rules.

What is verified of every request: that it is signed (SigV4 by an existing key, fresh, the body's hash, all
`x-amz-*` headers), that its session has not ended, and that policies allow it, resources and conditions
included (`aws_authorization`); web identity tokens against the cluster's keys (`aws_sts`); what tokens and sessions of
users want (`aws_tokens`). What is not:
throttling and outages, which tests put in front of this; KMS (an undecrypted SecureString is its plain text
behind `kms:`); service names and regions of the signature against the URL, since all share one address.

    aws.py --port N --issuer URL --jwks FILE --access-log FILE [--metadata ADDRESS:PORT]...

`POST /_test/call`, `/_test/expire-sessions` and `/_test/mfa-code` are for tests alone; the access log has one JSON object per
request, written before it is answered.
"""

import argparse
import datetime
import hashlib
import io
import itertools
import json
import re
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import aws_authorization
import aws_client
import aws_tokens
from aws_authorization import ACCOUNT, Refused
from aws_metadata import INSTANCE_ROLE, POD_ROLE, Metadata
from aws_sts import XMLNS, Issuer, assume_role_with_web_identity
from moto.backends import SERVICE_NAMES
from moto.core.utils import utcnow
from moto.iam import access_control
from moto.iam.models import get_account_id_from, iam_backends
from moto.moto_server.werkzeug_app import create_backend_app
from waitress import serve
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request, Response

SERVICES: tuple[SERVICE_NAMES, ...] = ("ecr", "iam", "secretsmanager", "sqs", "ssm", "sts")
# Where the metadata's credentials say they are.
REGION = "eu-central-1"
# "Signature Version 4 request signing": the time stamp must be within five minutes of AWS's clock.
SKEW = datetime.timedelta(minutes=5)
# The JSON services' names of what the query services call otherwise ("Common Error Types").
JSON_CODES = {
    "AccessDenied": "AccessDeniedException",
    "ExpiredToken": "ExpiredTokenException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}
SCOPE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request, ?"
    r"SignedHeaders=(?P<signed>[^,]+), ?Signature=[0-9a-f]{64}"
)


class Asked:
    """One request, as far as it can be told without moto."""

    def __init__(self, request: Request):
        self.headers, self.body = request.headers, request.get_data()
        self.target = request.headers.get("X-Amz-Target", "")
        form = self.body.decode("utf-8", "replace") if not self.target else ""
        self.form = dict(parse_qsl(form)) or dict(request.args)
        self.parameters = aws_authorization.parameters({}, self.body) if self.target else self.form
        self.action = self.target.rpartition(".")[2] or self.form.get("Action", "")
        self.scope = SCOPE.fullmatch(request.headers.get("Authorization", ""))
        self.region = self.scope["region"] if self.scope else REGION
        self.service = self.scope["service"] if self.scope else "sts"
        self.key = self.scope["key"] if self.scope else ""

    def check_signing(self) -> None:
        """What moto does not look at: whether everything that must be signed is, and when it was."""
        if not self.scope:
            raise Refused("MissingAuthenticationToken", "Missing Authentication Token")
        signed = self.scope["signed"].split(";")
        for name in {
            "host",
            *(name.lower() for name, _ in self.headers if name.lower().startswith("x-amz-")),
        }:
            if name not in signed:
                message = f"'{name}' must be a 'SignedHeader' in the AWS Authorization."
                raise Refused("SignatureDoesNotMatch", message)
        stamp = self.headers.get("X-Amz-Date", "")
        try:
            at = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ")
        except ValueError as error:
            raise Refused("IncompleteSignature", f"Date {stamp!r} is not ISO 8601 basic", 400) from error
        if abs(utcnow() - at) > SKEW:
            raise Refused("SignatureDoesNotMatch", f"Signature expired or not yet current: {stamp}")
        said = self.headers.get("X-Amz-Content-Sha256")
        if said is not None and said != hashlib.sha256(self.body).hexdigest():
            raise Refused("SignatureDoesNotMatch", "x-amz-content-sha256 is not the body's hash")


class Aws:
    """The WSGI application."""

    def __init__(self, endpoint: str, issuer: Issuer, log: Path):
        self.endpoint, self.issuer = endpoint, issuer
        self.moto: dict[str, Any] = {service: create_backend_app(service) for service in SERVICES}
        self.log, self.lock, self.numbers = log.open("a"), threading.Lock(), itertools.count(1)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        if request.path == "/_test/call":
            return json_response(aws_client.call(self.endpoint, request.get_json()))(environ, start_response)
        if request.path == "/_test/expire-sessions":
            return json_response({"ended": aws_authorization.end_sessions()})(environ, start_response)
        if request.path == "/_test/mfa-code":
            found = aws_tokens.mfa_code(request.get_json()["serial"])
            return json_response(found)(environ, start_response)
        asked = Asked(request)
        try:
            response = self.answer(asked, environ)
        except Refused as refused:
            response = refusal(asked, refused)
        except Exception:
            traceback.print_exc()
            response = refusal(asked, Refused("InternalFailure", "see the server's log", 500))
        self.note(asked, response)
        return response(environ, start_response)

    def answer(self, asked: Asked, environ: dict[str, Any]) -> Response:
        if asked.action == "AssumeRoleWithWebIdentity":
            text = assume_role_with_web_identity(asked.form, self.issuer, asked.region)
            return Response(text, content_type="text/xml")
        asked.check_signing()
        # moto has no ECR Public; it verifies what is signed for it all the same.
        service = "ecr" if asked.service == "ecr-public" else asked.service
        if service not in self.moto or environ["PATH_INFO"] != "/":
            raise Refused("UnknownOperationException", f"no such operation of {asked.service}", 400)
        environ["wsgi.input"] = io.BytesIO(asked.body)
        parts, status, headers = run_wsgi_app(self.moto[service], environ)
        response = Response(b"".join(parts), int(status.split()[0]), headers)
        for differs, correct in CORRECTIONS:
            if differs(asked, response):
                correct(asked, response)
        return response

    def note(self, asked: Asked, response: Response) -> None:
        """Into the access log. No parameter but the names of what was asked for."""
        names = [
            asked.parameters[name]
            for name in ("SecretId", "Name", "Path", "RoleArn", "QueueUrl")
            if name in asked.parameters
        ]
        for lists in ("SecretIdList", "Names"):
            names += asked.parameters.get(lists) or []
        with self.lock:
            entry = {
                "number": next(self.numbers),
                "service": asked.service,
                "action": asked.action,
                "region": asked.region,
                "access_key_id": asked.key,
                "status": response.status_code,
                "names": names,
            }
            print(json.dumps(entry), file=self.log, flush=True)


def refusal(asked: Asked, refused: Refused) -> Response:
    """An error in the protocol of the service that was asked."""
    if asked.target:
        code = JSON_CODES.get(refused.code, refused.code)
        return json_response({"__type": code, "message": refused.message}, min(refused.status, 500), code)
    text = (
        f'<ErrorResponse xmlns="{XMLNS}"><Error><Type>Sender</Type><Code>{refused.code}</Code>'
        f"<Message>{escape(refused.message)}</Message></Error>"
        f"<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
    )
    return Response(text, refused.status, content_type="text/xml")


def json_response(value: Any, status: int = 200, code: str | None = None) -> Response:
    """JSON, of AWS's JSON 1.1 protocol if it is an error with a code."""
    if code is None:
        return Response(json.dumps(value), status, content_type="application/json")
    status = status if status >= 500 else 400
    headers = {"x-amzn-ErrorType": code}
    return Response(json.dumps(value), status, headers, content_type="application/x-amz-json-1.1")


def batch_with_denials(asked: Asked, response: Response) -> None:
    """Moves what the caller may not read by itself from SecretValues to Errors."""
    found = json.loads(response.get_data())
    key = access_control.create_access_key(
        get_account_id_from(asked.key), "aws", asked.key, dict(asked.headers)
    )
    kept = []
    for value in found["SecretValues"]:
        action = "secretsmanager:GetSecretValue"
        if aws_authorization.permitted(key, action, value["ARN"], {}):
            kept.append(value)
        else:
            message = f"User: {key.arn} is not authorized to perform: {action} on resource: {value['ARN']}"
            denied = {"SecretId": value["ARN"], "ErrorCode": "AccessDeniedException", "Message": message}
            found["Errors"].append(denied)
    response.set_data(json.dumps({**found, "SecretValues": kept}))


def registry_token(asked: Asked, response: Response) -> None:
    """A token of its own, and one that has not ended."""
    public = asked.service == "ecr-public"
    made = aws_tokens.registry_token(json.loads(response.get_data()), asked.region, public)
    response.set_data(json.dumps(made))


def user_session(asked: Asked, response: Response) -> None:
    """A session that signs."""
    response.set_data(aws_tokens.as_xml(aws_tokens.session(asked.key, asked.form), XMLNS))


def client_error_is_400(_: Asked, response: Response) -> None:
    """moto's 404 of ResourceNotFoundException and the like."""
    response.status_code = 400


# Where moto differs from AWS in what the tests need: when, and what is done about it.
CORRECTIONS: list[tuple[Callable[[Asked, Response], bool], Callable[[Asked, Response], None]]] = [
    # Secrets Manager and Systems Manager API References, "Errors" of each operation: HTTP Status Code 400.
    (lambda asked, response: bool(asked.target) and 400 < response.status_code < 500, client_error_is_400),
    # Secrets Manager API Reference, BatchGetSecretValue: "and secretsmanager:GetSecretValue for each secret".
    (
        lambda asked, response: asked.action == "BatchGetSecretValue" and response.status_code == 200,
        batch_with_denials,
    ),
    # moto's tokens are constants, and ended in 2015.
    (
        lambda asked, response: asked.action == "GetAuthorizationToken" and response.status_code == 200,
        registry_token,
    ),
    (
        lambda asked, response: asked.action == "GetSessionToken" and response.status_code == 200,
        user_session,
    ),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--issuer", required=True)
    parser.add_argument("--jwks", type=Path, required=True)
    parser.add_argument("--access-log", type=Path, required=True)
    parser.add_argument("--metadata", action="append", default=[])
    options = parser.parse_args()
    issuer = Issuer(options.issuer, json.loads(options.jwks.read_text()))
    aws_authorization.install()
    aws_tokens.install()
    iam = iam_backends[ACCOUNT]["aws"]
    iam.create_open_id_connect_provider(issuer.url, [], ["sts.amazonaws.com"], [])
    for name, service in [(INSTANCE_ROLE, "ec2.amazonaws.com"), (POD_ROLE, "pods.eks.amazonaws.com")]:
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.create_role(name, trust, "/", None, "", [], "43200")
    if options.metadata:
        listen = {"listen": " ".join(options.metadata), "threads": 4}
        metadata = Metadata(issuer, REGION)
        threading.Thread(target=serve, args=[metadata], kwargs=listen, daemon=True).start()
    application = Aws(f"http://127.0.0.1:{options.port}", issuer, options.access_log)
    # A test's call occupies a thread and then needs another one.
    serve(application, listen=f"127.0.0.1:{options.port}", threads=32)


if __name__ == "__main__":
    main()
