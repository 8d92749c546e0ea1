"""What secrets, keys and certificates share: versions, attributes, lists, deletion that can be undone.

After the Key Vault REST reference. Identifiers are below the name that the client used. Lists are by name,
versions by when they were made; both in pages of at most 25 (`maxresults`) with a `nextLink` that is
complete. A deleted object is not found, its name is taken until it is recovered or purged; deletion takes no
time here. `nbf` and `exp` are information only.
"""

import base64
import json
import re
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from azure_errors import NoSuchPage, VaultError, bad_parameter

NAME = re.compile(r"[0-9A-Za-z-]{1,127}")
RECOVERY = {"recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90}
RETENTION = 90 * 24 * 3600


@dataclass
class Asked:
    """One request. `parts` are those of its path: `secrets`, a name, a version or `versions` …"""

    method: str
    parts: list[str]
    arguments: dict[str, str]
    body: dict[str, Any]
    base: str
    vault: str
    now: float
    longest_page: int = 25

    def path(self) -> tuple[str, str, str, str]:
        """Its parts, empty where there is none."""
        if len(self.parts) > 3:
            raise NoSuchPage()
        kind, name, rest = [*self.parts, "", ""][:3]
        return self.method, kind, name, rest


@dataclass
class Version:
    """One version; `content` is the kind's own."""

    identifier: str
    content: dict[str, Any]
    attributes: dict[str, Any]
    tags: dict[str, str] | None
    managed: bool = False


@dataclass
class Object:
    """All versions, the latest last."""

    versions: list[Version] = field(default_factory=list)
    deleted: float = 0


class Kind:
    """The collection of one vault. `name` in paths, `word` in messages, `code` of errors."""

    name, word, code, article = "", "", "", "A"
    # Beside the reads; by method and the last part of the path.
    writes: dict[tuple[str, str], str] = {}

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.held = False

    # What the kinds say.

    def bundle(self, asked: Asked, name: str, version: Version) -> dict[str, Any]:
        """A version with all it has."""
        raise NotImplementedError

    def item(self, asked: Asked, name: str, version: Version, whole: bool) -> dict[str, Any]:
        """What lists show; `whole`: with its version."""
        found: dict[str, Any] = {"id": self.link(asked, name, version if whole else None)}
        found["attributes"] = version.attributes
        if version.tags is not None:
            found["tags"] = version.tags
        if version.managed:
            found["managed"] = True
        return found

    def write(self, asked: Asked, name: str, rest: str) -> dict[str, Any]:
        """A request of [`Kind.writes`]."""
        raise NotImplementedError

    def readable(self, version: Version) -> None:
        """Raises if a version may not be read as it is."""

    # What they share.

    def permission(self, asked: Asked) -> str:
        """The one that is needed: `secrets/get`."""
        method, kind, name, rest = asked.path()
        deleted = kind.startswith("deleted")
        write = "" if deleted else self.writes.get((method, rest if method == "POST" else ""), "")
        needed = {
            ("GET", False): "get" if name and rest != "versions" else "list",
            ("DELETE", False): "delete",
            ("GET", True): "get" if name else "list",
            ("DELETE", True): "purge",
            ("POST", True): "recover",
        }
        operation = write or needed.get((method, deleted), "")
        if not operation or (not name and method != "GET"):
            raise NoSuchPage()
        return f"{self.name}/{operation}"

    def answer(self, asked: Asked) -> dict[str, Any] | None:
        """What it is answered with; None for nothing."""
        method, kind, name, rest = asked.path()
        if name and not NAME.fullmatch(name):
            raise bad_parameter(f"The request URI contains an invalid name: {name}")
        if kind.startswith("deleted"):
            return self.of_deleted(asked, name, rest)
        if method == "GET":
            if not name:
                alive = sorted((name, each) for name, each in self.objects.items() if not each.deleted)
                items = [self.item(asked, name, each.versions[-1], False) for name, each in alive]
                page = self.listed(asked, items)
                # Azure/azure-sdk-for-net#6758; an empty list once there has been a secret.
                return page if self.held or self.name != "secrets" else {**page, "value": None}
            if rest == "versions":
                versions = self.found(name).versions
                return self.listed(asked, [self.item(asked, name, each, True) for each in versions])
            version = self.version(name, rest)
            self.readable(version)
            return self.bundle(asked, name, version)
        if method == "DELETE":
            found = self.found(name)
            if found.versions[-1].managed:
                message = f"Operation is not allowed on a {self.word} that is managed by a certificate."
                raise VaultError(403, "Forbidden", message)
            self.delete(name, asked.now)
            return self.deleted_bundle(asked, name)
        return self.write(asked, name, rest)

    def of_deleted(self, asked: Asked, name: str, rest: str) -> dict[str, Any] | None:
        if not name:
            gone = sorted(name for name, each in self.objects.items() if each.deleted)
            items = [self.deleted_bundle(asked, name, item=True) for name in gone]
            return self.listed(asked, items)
        found = self.objects.get(name)
        if found is None or not found.deleted:
            raise self.missing(name, "deleted ")
        if asked.method == "DELETE":
            del self.objects[name]
            return None
        if asked.method == "POST":
            if rest != "recover":
                raise NoSuchPage()
            found.deleted = 0
            return self.recovered(asked, name)
        return self.deleted_bundle(asked, name)

    def recovered(self, asked: Asked, name: str) -> dict[str, Any]:
        found = self.bundle(asked, name, self.objects[name].versions[-1])
        found.pop("value", None)
        return found

    def delete(self, name: str, now: float) -> None:
        """Until it is recovered."""
        self.objects[name].deleted = now

    def deleted_bundle(self, asked: Asked, name: str, item: bool = False) -> dict[str, Any]:
        found = self.objects[name]
        latest = found.versions[-1]
        shown = self.item(asked, name, latest, False) if item else self.bundle(asked, name, latest)
        shown.pop("value", None)
        dates = {"deletedDate": int(found.deleted), "scheduledPurgeDate": int(found.deleted + RETENTION)}
        return {"recoveryId": f"{asked.base}/deleted{self.name}/{name}", **dates, **shown}

    def missing(self, name: str, what: str = "") -> VaultError:
        message = (
            f"{self.article} {what}{self.word} with (name/id) {name} was not found in this key vault. If "
            f"you recently deleted this {self.word} you may be able to recover it using the correct "
            "recovery command. For help resolving this issue, please see "
            "https://go.microsoft.com/fwlink/?linkid=2125182"
        )
        return VaultError(404, self.code, message)

    def found(self, name: str) -> Object:
        """The object, if it is not deleted."""
        found = self.objects.get(name)
        if found is None or found.deleted:
            raise self.missing(name)
        return found

    def version(self, name: str, identifier: str) -> Version:
        """The latest, if none is named."""
        versions = self.found(name).versions
        if not identifier:
            return versions[-1]
        for version in versions:
            if version.identifier == identifier:
                return version
        raise self.missing(f"{name}/{identifier}")

    def add(
        self, name: str, content: dict[str, Any], asked: Asked, managed: bool = False, identifier: str = ""
    ) -> Version:
        """A new version."""
        found = self.objects.setdefault(name, Object())
        if found.deleted:
            message = (
                f"{self.word.capitalize()} {name} is currently in a deleted but recoverable state, and its "
                f"name cannot be reused; in this state, the {self.word} can only be recovered or purged."
            )
            raise VaultError(409, "Conflict", message, "ObjectIsDeletedButRecoverable")
        self.held = True
        now = int(asked.now)
        given = asked.body.get("attributes") or {}
        attributes = {"enabled": given.get("enabled", True)}
        attributes |= {key: given[key] for key in ("nbf", "exp") if given.get(key) is not None}
        attributes |= {"created": now, "updated": now, **RECOVERY}
        identifier = identifier or secrets.token_hex(16)
        version = Version(identifier, content, attributes, asked.body.get("tags"), managed)
        found.versions.append(version)
        return version

    def update(self, asked: Asked, version: Version) -> None:
        """What PATCH may change in every kind."""
        given = asked.body.get("attributes") or {}
        version.attributes |= {key: given[key] for key in ("enabled", "nbf", "exp") if key in given}
        version.attributes["updated"] = int(asked.now)
        if asked.body.get("tags") is not None:
            version.tags = asked.body["tags"]

    def link(self, asked: Asked, name: str, version: Version | None, kind: str = "") -> str:
        """An identifier."""
        rest = f"/{version.identifier}" if version else ""
        return f"{asked.base}/{kind or self.name}/{name}{rest}"

    def listed(self, asked: Asked, items: list[dict[str, Any]]) -> dict[str, Any]:
        """A page."""
        text = asked.arguments.get("maxresults", "25")
        if not text.isdigit() or not 1 <= int(text) <= 25:
            raise bad_parameter("Invalid maxresults: it must be between 1 and 25.")
        size = min(int(text), asked.longest_page)
        try:
            token = asked.arguments.get("$skiptoken", "")
            start = int(json.loads(base64.urlsafe_b64decode(token))["NextMarker"]) if token else 0
        except (ValueError, KeyError, TypeError) as error:
            raise bad_parameter("Invalid $skiptoken.") from error
        link = None
        if start + size < len(items):
            marker = base64.urlsafe_b64encode(json.dumps({"NextMarker": str(start + size)}).encode()).decode()
            query = {"api-version": asked.arguments["api-version"], "$skiptoken": marker, "maxresults": size}
            # As the service writes it: with the port.
            where = urlsplit(asked.base)
            port = where.netloc if where.port else f"{where.netloc}:443"
            path = f"{where.path}/{'/'.join(asked.parts)}"
            link = f"{where.scheme}://{port}{path}?{urlencode(query, safe='$')}"
        return {"value": items[start : start + size], "nextLink": link}
