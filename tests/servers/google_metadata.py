"""The metadata server of Compute Engine and GKE: project, cluster, and tokens of the attached service account.

After "About VM metadata": `Metadata-Flavor: Google` must be sent, and is sent back; a request that came through
a proxy (`X-Forwarded-For`) is refused. Of the tree there is what credentials are found by. Which account is
attached, if any, is said by a test; none is at the start, as on a machine without one.
"""

import json
from typing import Any

from google_iam import CLOUD_PLATFORM, Iam
from werkzeug.wrappers import Request, Response

ROOT = "/computeMetadata/v1"
SECONDS = 3599
FLAVOR = {"Metadata-Flavor": "Google", "Server": "Metadata Server for VM"}


class Metadata:
    """What the machine is and whose account is attached to it."""

    def __init__(self, iam: Iam):
        self.iam = iam
        self.project, self.email = "", ""
        self.attributes: dict[str, str] = {}

    def answer(self, request: Request, note: dict[str, Any]) -> Response:
        """Any path at its address."""
        path = request.path.removeprefix(ROOT).strip("/")
        note.update(action="metadata", names=[path])
        if request.path == "/":
            return Response("computeMetadata/\n", headers=FLAVOR, content_type="application/text")
        if request.headers.get("Metadata-Flavor") != "Google" or "X-Forwarded-For" in request.headers:
            return self.html(403, "Forbidden")
        if request.method != "GET":
            return self.html(405, "Method Not Allowed")
        found = self.tree(path, request.args)
        if found is None:
            return self.html(404, "Not Found")
        if isinstance(found, str):
            return Response(found, headers=FLAVOR, content_type="application/text")
        return Response(json.dumps(found), headers=FLAVOR, content_type="application/json")

    def tree(self, path: str, arguments: Any) -> Any:
        """Text, or JSON; None where there is nothing."""
        pair = self.iam.project(self.project)
        if path == "project/project-id":
            return pair[0] if pair else None
        if path == "project/numeric-project-id":
            return pair[1] if pair else None
        kind, _, rest = path.removeprefix("instance/").partition("/")
        if kind == "attributes":
            return self.attributes.get(rest)
        account = self.iam.account(self.email) if self.email else None
        name, _, what = rest.partition("/")
        if kind != "service-accounts" or account is None or name not in ("default", account.email):
            return None
        if what == "token":
            scopes = str(arguments.get("scopes", CLOUD_PLATFORM)).replace(",", " ").split()
            token = self.iam.issue(frozenset({account.member}), frozenset(scopes), SECONDS)
            return {"access_token": token, "expires_in": SECONDS, "token_type": "Bearer"}
        if what == "email":
            return account.email
        if what == "scopes":
            return f"{CLOUD_PLATFORM}\n"
        if not what and arguments.get("recursive") == "true":
            return {"aliases": ["default"], "email": account.email, "scopes": [CLOUD_PLATFORM]}
        return None

    def html(self, code: int, text: str) -> Response:
        body = f"<!DOCTYPE html>\n<html lang=en><title>Error {code} ({text})!!1</title>\n"
        return Response(body, code, FLAVOR, content_type="text/html; charset=UTF-8")
