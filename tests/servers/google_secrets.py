"""Secret Manager, REST v1: secrets and their versions, global and regional.

After the REST reference: names come back with the project's number, whichever way it was asked; `latest` is the
version created last, whatever its state; a checksum is verified where it is given and always handed out; lists
are newest first and `totalSize` is left out under a filter. A regional secret and a global one of the same name
are two. Permissions are looked at before existence, so who has none cannot tell what exists. Topics and customer-managed
keys are kept by their names, and nothing is sent to the ones or encrypted with the others. Not here: rotation, expiry,
delayed destruction, allow policies of secrets over the wire.
"""

import base64
import binascii
import datetime
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

import google_filters
from google_errors import Refused, Status, answer, error_info, invalid
from google_iam import Caller, Iam
from google_secret_fields import check_secret, crc32c, replication_status
from werkzeug.wrappers import Request, Response

SERVICE = "secretmanager.googleapis.com"
PARENT = r"projects/(?P<project>[^/:]+)(?:/locations/(?P<location>[^/:]+))?"
SECRET = rf"{PARENT}/secrets/(?P<secret>[^/:]+)"
VERSION = rf"{SECRET}/versions/(?P<version>[^/:]+)"
# HTTP method, path below /v1/, RPC and the permission it needs (each method's page in the reference).
METHODS = [
    ("POST", rf"{PARENT}/secrets", "CreateSecret", "secretmanager.secrets.create"),
    ("GET", rf"{PARENT}/secrets", "ListSecrets", "secretmanager.secrets.list"),
    ("GET", SECRET, "GetSecret", "secretmanager.secrets.get"),
    ("PATCH", SECRET, "UpdateSecret", "secretmanager.secrets.update"),
    ("DELETE", SECRET, "DeleteSecret", "secretmanager.secrets.delete"),
    ("POST", rf"{SECRET}:addVersion", "AddSecretVersion", "secretmanager.versions.add"),
    ("GET", rf"{SECRET}/versions", "ListSecretVersions", "secretmanager.versions.list"),
    ("GET", VERSION, "GetSecretVersion", "secretmanager.versions.get"),
    ("GET", rf"{VERSION}:access", "AccessSecretVersion", "secretmanager.versions.access"),
    ("POST", rf"{VERSION}:enable", "EnableSecretVersion", "secretmanager.versions.enable"),
    ("POST", rf"{VERSION}:disable", "DisableSecretVersion", "secretmanager.versions.disable"),
    ("POST", rf"{VERSION}:destroy", "DestroySecretVersion", "secretmanager.versions.destroy"),
]
ROUTES = [(method, re.compile(path), rpc, permission) for method, path, rpc, permission in METHODS]
# "If not set, or if it is 0, the server decides": few enough that nobody can do without pages.
DEFAULT_PAGE = 25
LONGEST_PAGE = 25_000
# What an update mask may name. A global secret's replication is for ever.
CHANGEABLE = {"labels", "annotations", "versionAliases", "topics", "ttl", "expireTime", "customerManagedEncryption"}
PARAMETERS = {"ListSecrets": {"pageSize", "pageToken", "filter"}, "CreateSecret": {"secretId"}}
PARAMETERS |= {
    "ListSecretVersions": PARAMETERS["ListSecrets"],
    "UpdateSecret": {"updateMask"},
    "DeleteSecret": {"etag"},
}
# "System parameters", Cloud APIs.
SYSTEM = {"alt", "$alt", "fields", "key", "prettyPrint", "$prettyPrint", "quotaUser", "$.xgafv", "uploadType"}


@dataclass
class Version:
    """One version; `data` is None once it is destroyed."""

    fields: dict[str, Any]
    data: bytes | None


@dataclass
class Secret:
    """A secret, its fields as they are sent, and its versions from the oldest on."""

    fields: dict[str, Any]
    versions: list[Version] = field(default_factory=list)


@dataclass(frozen=True)
class Asked:
    """One request, with its names taken apart; the project by its ID and number."""

    rpc: str
    request: Request
    parent: str
    number_parent: str
    secret: str
    version: str

    @property
    def key(self) -> str:
        return f"{self.parent}/secrets/{self.secret}"

    @property
    def name(self) -> str:
        """As Google calls it."""
        return f"{self.number_parent}/secrets/{self.secret}"


class SecretManager:
    """The service."""

    def __init__(self, iam: Iam):
        self.iam = iam
        self.secrets: dict[str, Secret] = {}
        self.page_tokens: dict[str, tuple[str, int]] = {}
        self.longest_page = LONGEST_PAGE

    def answer(self, request: Request, host_location: str | None, note: dict[str, Any]) -> Response:
        """Any request below /v1/projects. What it is about is written into `note`."""
        path = request.path.removeprefix("/v1/")
        found, rpc, permission = route(request.method, path)
        names = {"location": "", "secret": "", "version": "", **found}
        note.update(action=rpc, names=[path.partition(":")[0]])
        method = f"google.cloud.secretmanager.v1.SecretManagerService.{rpc}"
        caller = self.iam.authenticate(request.headers.get("Authorization", ""), SERVICE, method)
        note["principal"] = caller.name
        check_parameters(request, rpc)
        # A regional endpoint has its own location's secrets and no others; the words are not Google's.
        if host_location is not None and names["location"] != host_location:
            raise invalid(f"the resource is not in the location of this endpoint: {path}")
        project = self.iam.project(names["project"])
        region = f"/locations/{names['location']}" if names["location"] else ""
        pair = project or (names["project"], names["project"])
        parent, number_parent = (f"projects/{each}{region}" for each in pair)
        asked = Asked(rpc, request, parent, number_parent, names["secret"], names["version"])
        with self.iam.lock:
            self.permit(caller, permission, asked, path.partition(":")[0], project is not None)
            return answer(getattr(self, rpc)(asked))

    def permit(self, caller: Caller, permission: str, asked: Asked, path: str, exists: bool) -> None:
        # A secret is created in its parent, and lists are the parent's.
        above = asked.rpc in ("CreateSecret", "ListSecrets")
        resource = (
            asked.parent if above else f"{asked.key}/versions/{asked.version}" if asked.version else asked.key
        )
        if exists and self.iam.permits(caller, permission, resource):
            return
        named = path.removesuffix("/secrets") if above else path.removesuffix("/versions")
        info = error_info(
            "IAM_PERMISSION_DENIED", "iam.googleapis.com", {"permission": permission, "resource": named}
        )
        message = f"Permission '{permission}' denied for resource '{named}' (or it may not exist)."
        raise Status("PERMISSION_DENIED", message, [info])

    def found(self, asked: Asked) -> Secret:
        if asked.key not in self.secrets:
            raise Status("NOT_FOUND", f"Secret [{asked.name}] not found.")
        return self.secrets[asked.key]

    def found_version(self, asked: Asked) -> Version:
        """By number, alias or `latest`."""
        if asked.key not in self.secrets:
            raise Status("NOT_FOUND", f"Secret [{asked.name}] not found or has no versions.")
        secret = self.secrets[asked.key]
        wanted = asked.version
        if wanted == "latest":
            wanted = str(len(secret.versions))
            if not secret.versions:
                raise Status("NOT_FOUND", f"Secret [{asked.name}] not found or has no versions.")
        # Aliases are for reading alone.
        elif asked.rpc in ("GetSecretVersion", "AccessSecretVersion"):
            wanted = str(secret.fields.get("versionAliases", {}).get(wanted, wanted))
        if not re.fullmatch(r"[1-9][0-9]{0,9}", wanted) or int(wanted) > len(secret.versions):
            raise Status("NOT_FOUND", f"Secret Version [{asked.name}/versions/{wanted}] not found.")
        return secret.versions[int(wanted) - 1]

    def CreateSecret(self, asked: Asked) -> dict[str, Any]:
        name = asked.request.args.get("secretId", "")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", name):
            raise invalid("The provided Secret ID does not match the expected format [[a-zA-Z_0-9]+].")
        given = body(asked.request)
        check_secret(given, regional="/locations/" in asked.parent)
        key, full = f"{asked.parent}/secrets/{name}", f"{asked.number_parent}/secrets/{name}"
        if key in self.secrets:
            raise Status("ALREADY_EXISTS", f"Secret [{full}] already exists.")
        given.pop("etag", None)
        fields = {"name": full, **given, "createTime": self.time(), "etag": etag()}
        self.secrets[key] = Secret(fields)
        return fields

    def GetSecret(self, asked: Asked) -> dict[str, Any]:
        return self.found(asked).fields

    def UpdateSecret(self, asked: Asked) -> dict[str, Any]:
        secret, given = self.found(asked), body(asked.request)
        paths = [camel(each) for each in asked.request.args.get("updateMask", "").split(",") if each]
        if not paths:
            raise invalid("The update_mask is required.")
        check_etag(secret.fields, given.get("etag"))
        changed = {name: given.get(name) for name in paths if name != "etag"}
        if not changed.keys() <= CHANGEABLE:
            raise invalid(f"Update mask has a field that may not be changed: {paths}")
        kept = {name: value for name, value in changed.items() if value}
        replication = {name: secret.fields[name] for name in ("replication",) if name in secret.fields}
        check_secret(
            {**kept, **replication}, regional="/locations/" in asked.parent, versions=len(secret.versions)
        )
        left = {name: value for name, value in secret.fields.items() if name not in changed}
        secret.fields = {**left, **kept, "etag": etag()}
        return secret.fields

    def DeleteSecret(self, asked: Asked) -> dict[str, Any]:
        check_etag(self.found(asked).fields, asked.request.args.get("etag"))
        del self.secrets[asked.key]
        return {}

    def AddSecretVersion(self, asked: Asked) -> dict[str, Any]:
        secret, given = self.found(asked), body(asked.request).get("payload") or {}
        payload = {camel(name): value for name, value in given.items()}
        # Bytes in JSON are taken in either alphabet ("ProtoJSON format").
        text = (payload.get("data") or "").replace("-", "+").replace("_", "/")
        try:
            data = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise invalid("Invalid value at 'payload.data' (TYPE_BYTES), Base64 decoding failed") from error
        if not 0 < len(data) <= 65536:
            raise invalid("The secret payload must be between 1 and 65536 bytes long.")
        said = payload.get("dataCrc32c")
        if said is not None and str(said) != str(crc32c(data)):
            raise invalid("The provided data_crc32c does not match the checksum of the payload's data.")
        fields: dict[str, Any] = {
            "name": f"{asked.name}/versions/{len(secret.versions) + 1}",
            "createTime": self.time(),
            "state": "ENABLED",
            "etag": etag(),
        }
        if "replication" in secret.fields:
            fields["replicationStatus"] = replication_status(secret.fields["replication"])
        if said is not None:
            fields["clientSpecifiedPayloadChecksum"] = True
        secret.versions.append(Version(fields, data))
        return fields

    def GetSecretVersion(self, asked: Asked) -> dict[str, Any]:
        return self.found_version(asked).fields

    def AccessSecretVersion(self, asked: Asked) -> dict[str, Any]:
        version = self.found_version(asked)
        name, state = version.fields["name"], version.fields["state"]
        if state != "ENABLED" or version.data is None:
            raise Status("FAILED_PRECONDITION", f"Secret Version [{name}] is in {state} state.")
        data = base64.b64encode(version.data).decode()
        return {"name": name, "payload": {"data": data, "dataCrc32c": str(crc32c(version.data))}}

    def EnableSecretVersion(self, asked: Asked) -> dict[str, Any]:
        return self.turn(asked, "ENABLED")

    def DisableSecretVersion(self, asked: Asked) -> dict[str, Any]:
        return self.turn(asked, "DISABLED")

    def DestroySecretVersion(self, asked: Asked) -> dict[str, Any]:
        return self.turn(asked, "DESTROYED")

    def turn(self, asked: Asked, state: str) -> dict[str, Any]:
        version = self.found_version(asked)
        check_etag(version.fields, body(asked.request).get("etag"))
        if version.fields["state"] == "DESTROYED":
            raise Status(
                "FAILED_PRECONDITION", f"Secret Version [{version.fields['name']}] is in DESTROYED state."
            )
        version.fields.update(state=state, etag=etag())
        if state == "DESTROYED":
            version.data = None
            version.fields["destroyTime"] = self.time()
        return version.fields

    def ListSecrets(self, asked: Asked) -> dict[str, Any]:
        mine = [
            each.fields
            for key, each in self.secrets.items()
            if key.rpartition("/secrets/")[0] == asked.parent
        ]
        fields = {"name", "labels", "annotations", "createTime", "expireTime", "etag"}
        return self.page(asked, mine[::-1], "secrets", fields)

    def ListSecretVersions(self, asked: Asked) -> dict[str, Any]:
        versions = [each.fields for each in self.found(asked).versions]
        return self.page(
            asked, versions[::-1], "versions", {"name", "state", "createTime", "destroyTime", "etag"}
        )

    def page(self, asked: Asked, every: list[dict[str, Any]], what: str, fields: set[str]) -> dict[str, Any]:
        """One page. A token holds for the same list and filter only."""
        arguments = asked.request.args
        text = arguments.get("filter", "")
        test = google_filters.parse(text, fields)
        size = arguments.get("pageSize", "0")
        if not re.fullmatch(r"[0-9]{1,9}", size):
            raise invalid(f"Invalid value at 'page_size' (TYPE_INT32), {size!r}")
        count = min(int(size) or DEFAULT_PAGE, LONGEST_PAGE, self.longest_page)
        query, start = f"{asked.key}?{text}", 0
        if arguments.get("pageToken"):
            of, start = self.page_tokens.get(arguments["pageToken"], ("", 0))
            if of != query:
                raise invalid("The page token is invalid.")
        kept = [each for each in every if test(each)]
        found: dict[str, Any] = {what: kept[start : start + count]} if kept[start:] else {}
        if start + count < len(kept):
            token = secrets.token_urlsafe(24)
            self.page_tokens[token] = (query, start + count)
            found["nextPageToken"] = token
        if not text and every:
            found["totalSize"] = len(every)
        return found

    def time(self) -> str:
        """Now, as timestamps are written."""
        at = datetime.datetime.fromtimestamp(self.iam.clock.now(), datetime.UTC)
        return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def route(method: str, path: str) -> tuple[dict[str, str], str, str]:
    """The names in a path, the RPC and its permission."""
    for at, pattern, rpc, permission in ROUTES:
        found = pattern.fullmatch(path)
        if found and at == method:
            return {name: value or "" for name, value in found.groupdict().items()}, rpc, permission
    raise Status("NOT_FOUND", f"Method not found: {method} {path}")


def action(request: Request) -> str:
    """The RPC, for requests that never get to it."""
    try:
        return route(request.method, request.path.removeprefix("/v1/"))[1]
    except Status:
        return ""


def check_parameters(request: Request, rpc: str) -> None:
    """Google refuses what it does not know."""
    for name in request.args:
        if name not in SYSTEM and camel(name) not in PARAMETERS.get(rpc, set()):
            text = f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
            raise invalid(text + "Field could not be found in request message.")


def check_etag(fields: dict[str, Any], given: str | None) -> None:
    if given and given != fields["etag"]:
        raise Status("FAILED_PRECONDITION", "The etag provided in the request does not match the resource's.")


def etag() -> str:
    """Opaque, with the quotation marks that Google's have."""
    return f'"{secrets.token_hex(7)}"'


def camel(name: str) -> str:
    """Field names may be written either way."""
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def body(request: Request) -> dict[str, Any]:
    """A request's JSON object, with field names as they are sent ("ProtoJSON format" takes snake case too)."""
    parsed = request.get_json(force=True, silent=True) if request.get_data() else {}
    if not isinstance(parsed, dict):
        error: Refused = invalid("Invalid JSON payload received.")
        raise error
    return {camel(name): value for name, value in parsed.items()}
