"""Vault's login methods that OpenBao does not have (aws, gcp, ldap), in front of an OpenBao.

Every other request passes through unchanged. A mount of one of these types (`POST /v1/sys/auth/PATH`), its
configuration, roles and users are kept here, and written with the root token; a login that holds gets a token
of OpenBao with the role's policies, which OpenBao then enforces. Verified, as Vault's documentation of each:

- aws, iam type: the server ID header is there, right and signed; the request is GetCallerIdentity and nothing
  else; it is sent on to STS, which checks its signature; the ARN it answers is bound to the role.
- gcp, iam type: the RS256 JWT against the service account's public key (given at the start, or asked of Google's
  stand-in under the JWT's `kid`, as Vault asks Google), `sub` bound to the role, `aud` = `vault/ROLE`, `exp` at most 15 minutes ahead.
- ldap: the password. There is no directory: `password` of `users/NAME`, which Vault does not have, stands for
  its entry.

Not here: the ec2 and gce types, inferred entities, groups, and a mount's tuning.

    vault_logins.py --port N --config FILE

The file is JSON: `upstream`, `token`, `sts`, `google_keys` (service account's e-mail to public key, PEM) and
`google` (where to ask for others' keys, or null).
"""

import argparse
import base64
import fnmatch
import hmac
import http.client
import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

import jwt
from cryptography.x509 import load_pem_x509_certificate
from waitress import serve
from werkzeug.wrappers import Request, Response

TYPES = ("aws", "gcp", "ldap")
SERVER_ID = "x-vault-aws-iam-server-id"
# Of the `X-Amz-` headers Vault sends on only those of signing (allowed_sts_header_values).
AMZ_HEADERS = {
    "x-amz-algorithm",
    "x-amz-content-sha256",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
    "x-amz-user-agent",
}
# Of one connection, not of the request.
HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length"}
MAX_EXPIRY_SECONDS = 15 * 60


class Refused(Exception):
    """A login or a write that is answered with an error."""

    def __init__(self, message: str, status: int = 400):
        super().__init__(message)
        self.status = status


@dataclass
class Mount:
    """A login method at its path."""

    type: str
    config: dict[str, Any] = field(default_factory=dict)
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)

    def entry(self, name: str) -> dict[str, Any]:
        """A role."""
        if name not in self.entries:
            raise Refused(f"role {name!r} does not exist")
        return self.entries[name]


class Logins:
    """The WSGI application."""

    def __init__(self, config: dict[str, Any]):
        self.upstream, self.token = config["upstream"], config["token"]
        self.sts, self.google_keys, self.google = config["sts"], config["google_keys"], config["google"]
        self.mounts: dict[str, Mount] = {}

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        try:
            response = self.answer(request)
        except Refused as refused:
            response = Response(
                json.dumps({"errors": [str(refused)]}), refused.status, content_type="application/json"
            )
        return response(environ, start_response)

    def answer(self, request: Request) -> Response:
        writes = request.method in ("POST", "PUT")
        enabled = re.fullmatch(r"/v1/sys/auth/(.+)", request.path)
        if writes and enabled and body(request).get("type") in TYPES:
            self.require_root(request)
            self.mounts[enabled[1].strip("/")] = Mount(body(request)["type"])
            return Response(status=204)
        path = request.path.removeprefix("/v1/auth/")
        found = next((at for at in self.mounts if path.startswith(f"{at}/")), None)
        if found is None or not writes or path == request.path:
            return self.passed_through(request)
        mount, rest = self.mounts[found], path.removeprefix(f"{found}/")
        if rest == "login" or rest.startswith("login/"):
            return self.login(request, mount, rest.removeprefix("login").strip("/"))
        self.require_root(request)
        kind, _, name = rest.partition("/")
        if kind in ("role", "users"):
            mount.entries[name] = body(request)
        elif kind == "config":
            mount.config.update(body(request))
        else:
            raise Refused("unsupported path", 404)
        return Response(status=204)

    def require_root(self, request: Request) -> None:
        if not hmac.compare_digest(request.headers.get("X-Vault-Token", ""), self.token):
            raise Refused("permission denied", 403)

    def login(self, request: Request, mount: Mount, name: str) -> Response:
        given = body(request)
        if mount.type == "aws":
            role, metadata = self.aws(mount, given)
        elif mount.type == "gcp":
            role, metadata = self.gcp(mount, given)
        else:
            role, metadata = ldap(mount, name, given)
        asked = {
            "policies": listed(role.get("token_policies") or role.get("policies") or []),
            "ttl": role.get("token_ttl") or role.get("ttl") or "1h",
            "meta": metadata,
            "display_name": mount.type,
            "no_parent": True,
        }
        headers = {"X-Vault-Token": self.token, "Content-Type": "application/json"}
        if "X-Vault-Namespace" in request.headers:
            headers["X-Vault-Namespace"] = request.headers["X-Vault-Namespace"]
        return send(self.upstream, "POST", "/v1/auth/token/create", headers, json.dumps(asked).encode())

    def aws(self, mount: Mount, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        try:
            method = given["iam_http_request_method"]
            url = urlsplit(base64.b64decode(given["iam_request_url"]).decode())
            content = base64.b64decode(given["iam_request_body"])
            decoded = json.loads(base64.b64decode(given["iam_request_headers"]))
        except (KeyError, ValueError) as error:
            raise Refused(f"missing or malformed iam_ parameter: {error}") from error
        headers = {name.lower(): ", ".join(listed(value)) for name, value in decoded.items()}
        if method != "POST":
            raise Refused("invalid iam_http_request_method; currently only 'POST' is supported")
        wanted = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")]
        if url.query or sorted(parse_qsl(content.decode("utf-8", "replace"))) != wanted:
            raise Refused("iam_request_body is not that of GetCallerIdentity alone")
        unknown = [name for name in headers if name.startswith("x-amz-") and name not in AMZ_HEADERS]
        if unknown:
            raise Refused(f"invalid request header: {unknown[0]}")
        check_server_id(headers, mount.config.get("iam_server_id_header_value"))
        headers.setdefault("host", url.netloc)
        answer = send(self.sts, "POST", url.path or "/", headers, content)
        if answer.status_code != 200:
            raise Refused(f"error making upstream request: received error code {answer.status_code} from STS")
        arn = ElementTree.fromstring(answer.get_data()).findtext(".//{*}Arn", "")
        canonical = canonical_arn(arn)
        name = given.get("role") or canonical.rpartition("/")[2]
        role = mount.entry(name)
        bound = listed(role.get("bound_iam_principal_arn", []))
        if not any(fnmatch.fnmatchcase(canonical, each) for each in bound):
            raise Refused(f"IAM Principal {arn!r} does not belong to the role {name!r}")
        return role, {"auth_type": "iam", "canonical_arn": canonical, "client_arn": arn, "role_id": name}

    def gcp(self, mount: Mount, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        if not given.get("role") or not given.get("jwt"):
            raise Refused("role and jwt are required")
        role = mount.entry(given["role"])
        try:
            account = jwt.decode(given["jwt"], options={"verify_signature": False}).get("sub", "")
            claims = jwt.decode(
                given["jwt"],
                self.google_key(account, str(jwt.get_unverified_header(given["jwt"]).get("kid"))),
                algorithms=["RS256"],
                audience=f"vault/{given['role']}",
                options={"require": ["exp", "sub", "aud"]},
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise Refused(f"unable to verify the JWT: {error}") from error
        if claims["exp"] > time.time() + MAX_EXPIRY_SECONDS:
            raise Refused(
                f"role requires that service account JWTs expire within {MAX_EXPIRY_SECONDS} seconds"
            )
        if account not in listed(role.get("bound_service_accounts", [])):
            raise Refused(f"service account {account} is not bound to role {given['role']}")
        return role, {"service_account_email": account, "role": given["role"]}

    def google_key(self, account: str, kid: str) -> Any:
        """The key that verifies what an account signs: PEM, or what Google publishes; empty if there is none."""
        if account in self.google_keys or not self.google:
            return self.google_keys.get(account, "")
        path = f"/service_accounts/v1/metadata/x509/{account}"
        answer = send(self.google, "GET", path, {"Host": "www.googleapis.com"}, b"")
        found = json.loads(answer.get_data()) if answer.status_code == 200 else {}
        return load_pem_x509_certificate(found[kid].encode()).public_key() if kid in found else ""

    def passed_through(self, request: Request) -> Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        target = request.environ["REQUEST_URI"]
        return send(self.upstream, request.method, target, headers, request.get_data())


def ldap(mount: Mount, name: str, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The user, if the password is right; one that does not exist is told in the same words."""
    user = mount.entries.get(name, {})
    # A directory takes an empty password for an anonymous bind, which Vault refuses.
    right = user.get("password") and hmac.compare_digest(str(given.get("password", "")), user["password"])
    if not right:
        raise Refused("ldap operation failed: failed to bind as user")
    return user, {"username": name}


def check_server_id(headers: dict[str, str], wanted: str | None) -> None:
    """The header that keeps a request signed for one Vault from another."""
    if not wanted:
        return
    signed = re.search(r"SignedHeaders=([^,]+)", headers.get("authorization", ""))
    for holds, what in [
        (SERVER_ID in headers, "missing header"),
        (headers.get(SERVER_ID) == wanted, "wrong value of header"),
        (signed is not None and SERVER_ID in signed[1].split(";"), "unsigned header"),
    ]:
        if not holds:
            raise Refused(f"error validating X-Vault-AWS-IAM-Server-ID header: {what}")


def canonical_arn(arn: str) -> str:
    """The role of a session; users are their own."""
    session = re.fullmatch(r"arn:aws:sts::(\d{12}):assumed-role/([^/]+)/.+", arn)
    return f"arn:aws:iam::{session[1]}:role/{session[2]}" if session else arn


def body(request: Request) -> dict[str, Any]:
    """A request's JSON."""
    try:
        parsed = json.loads(request.get_data() or b"{}")
    except ValueError as error:
        raise Refused(f"failed to parse JSON input: {error}") from error
    return parsed if isinstance(parsed, dict) else {}


def listed(value: Any) -> list[str]:
    """Vault's lists may be written as text with commas."""
    return [each.strip() for each in value.split(",")] if isinstance(value, str) else value


def send(server: str, method: str, target: str, headers: dict[str, str], content: bytes) -> Response:
    """One request, with just these headers, and what came back."""
    connection = http.client.HTTPConnection(urlsplit(server).netloc, timeout=30)
    lower = {name.lower() for name in headers}
    connection.putrequest(method, target, skip_host="host" in lower, skip_accept_encoding=True)
    for name, value in headers.items():
        if name.lower() != "content-length":
            connection.putheader(name, value)
    if content or method in ("POST", "PUT", "PATCH"):
        connection.putheader("Content-Length", str(len(content)))
    connection.endheaders(content or None)
    answer = connection.getresponse()
    kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP]
    response = Response(answer.read(), answer.status, kept)
    connection.close()
    return response


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--config", type=Path, required=True)
    options = parser.parse_args()
    serve(Logins(json.loads(options.config.read_text())), listen=f"127.0.0.1:{options.port}", threads=16)


if __name__ == "__main__":
    main()
