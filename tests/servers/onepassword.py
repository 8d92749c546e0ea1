"""1Password Connect for the tests, after the public description of its API (version 1.7: paths, filters, `Item`, `Vault`,
`File`, `ErrorResponse` and their examples).

No Connect server runs without an account, so this answers as the description says, and shares no code with what it tests;
`check_onepassword.py` judges it by 1Password's own Python client. Verified of each request: the bearer token, and that the
vault is in its scope; the form of ids; filters (`name eq "…"`, `title eq "…"`, `tag eq "…"`), whose text is one of JSON.
Not here: writing, `PATCH`, activity, health, and what Connect does while it synchronizes.

    onepassword.py --port N

`PUT /_test/state` replaces everything: `tokens` (token to names of vaults), and `vaults`: each with `name` and `items`, each
with `title`, `category`, `tags`, `fields` (`label`, `value`) and `files` (`name`, `content` in base64). It answers with the
ids that it gave them, by `VAULT` and `VAULT/TITLE`; of two of a title, that of the last.
"""

import argparse
import base64
import hashlib
import json
import re
from typing import Any
from urllib.parse import parse_qs

from waitress import serve
from werkzeug.wrappers import Request, Response

ID = re.compile(r"^[\da-z]{26}$")
FILTER = re.compile(r'^\s*(\w+)\s+eq\s+("(?:[^"\\]|\\.)*")\s*$')
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


class Refused(Exception):
    """A request that is answered with an `ErrorResponse`."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status, self.message = status, message


def new_id(*parts: str) -> str:
    """26 characters, of what it is the id of."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return "".join(ALPHABET[byte % 32] for byte in digest[:26])


class Connect:
    """The WSGI application."""

    def __init__(self) -> None:
        self.tokens: dict[str, list[str]] = {}
        self.vaults: list[dict[str, Any]] = []

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        try:
            answer = self.control(request) if request.path == "/_test/state" else self.answer(request)
        except Refused as refused:
            answer = said(refused.status, {"status": refused.status, "message": refused.message})
        return answer(environ, start_response)

    def control(self, request: Request) -> Response:
        given = json.loads(request.get_data())
        ids: dict[str, str] = {}
        vaults = []
        for vault in given["vaults"]:
            vault_id = ids[vault["name"]] = new_id(vault["name"])
            items = []
            for place, item in enumerate(vault["items"]):
                item_id = ids[f"{vault['name']}/{item['title']}"] = new_id(vault["name"], item["title"], str(place))
                items.append(whole(vault_id, item_id, item))
            vaults.append({"id": vault_id, "name": vault["name"], "items": items})
        self.tokens, self.vaults = given["tokens"], vaults
        return said(200, ids)

    def answer(self, request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.tokens:
            raise Refused(401, "Invalid token signature")
        if request.method != "GET":
            raise Refused(405, "Method not allowed")
        scope = self.tokens[token]
        parts = request.path.strip("/").split("/")
        if parts[:2] != ["v1", "vaults"]:
            raise Refused(404, "Not found")
        query = parse_qs(request.query_string.decode()).get("filter", [""])[0]
        if len(parts) == 2:
            seen = [vault for vault in self.vaults if vault["name"] in scope]
            return said(200, [about_vault(vault) for vault in seen if matches(query, {"name": [vault["name"]]})])
        vault = self.vault(parts[2], scope)
        match parts[3:]:
            case []:
                return said(200, about_vault(vault))
            case ["items"]:
                fields = [(item, {"title": [item["title"]], "tag": item["tags"]}) for item in vault["items"]]
                return said(200, [summary(item) for item, known in fields if matches(query, known)])
            case ["items", item]:
                return said(200, shown(found(vault, item)))
            case ["items", item, "files"]:
                return said(200, shown(found(vault, item))["files"])
            case ["items", item, "files", file]:
                return said(200, without_content(found_file(found(vault, item), file)))
            case ["items", item, "files", file, "content"]:
                content = found_file(found(vault, item), file)["content"]
                return Response(content, 200, content_type="application/octet-stream")
        raise Refused(404, "Not found")

    def vault(self, vault_id: str, scope: list[str]) -> dict[str, Any]:
        if not ID.match(vault_id):
            raise Refused(400, "Invalid Vault UUID")
        for vault in self.vaults:
            if vault["id"] == vault_id:
                if vault["name"] not in scope:
                    raise Refused(403, f"vault {vault_id} is not in scope")
                return vault
        raise Refused(404, f"vault {vault_id} not found")


def whole(vault: str, item_id: str, item: dict[str, Any]) -> dict[str, Any]:
    """An item as it is kept: as it is shown, with the contents of its files."""
    files = []
    for file in item.get("files", []):
        file_id, content = new_id(item_id, file["name"]), base64.b64decode(file["content"])
        path = f"v1/vaults/{vault}/items/{item_id}/files/{file_id}/content"
        files.append(
            {"id": file_id, "name": file["name"], "size": len(content), "content_path": path, "content": content}
        )
    fields = [
        {"id": new_id(item_id, str(place)), "type": "CONCEALED", **field}
        for place, field in enumerate(item.get("fields", []))
    ]
    time = "2024-05-06T07:08:09Z"
    return {
        "id": item_id,
        "title": item["title"],
        "vault": {"id": vault},
        "category": item.get("category", "LOGIN"),
        "tags": item.get("tags", []),
        "version": 1,
        "createdAt": time,
        "updatedAt": time,
        "lastEditedBy": new_id("somebody"),
        "sections": [],
        "fields": fields,
        "files": files,
    }


def about_vault(vault: dict[str, Any]) -> dict[str, Any]:
    return {"id": vault["id"], "name": vault["name"], "items": len(vault["items"]), "type": "USER_CREATED"}


def summary(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in ("sections", "fields", "files")}


def without_content(file: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in file.items() if name != "content"}


def shown(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "files": [without_content(file) for file in item["files"]]}


def found(vault: dict[str, Any], item_id: str) -> dict[str, Any]:
    if not ID.match(item_id):
        raise Refused(400, "Invalid Item UUID")
    for item in vault["items"]:
        if item["id"] == item_id:
            return item
    raise Refused(404, f"item {item_id} not found")


def found_file(item: dict[str, Any], file_id: str) -> dict[str, Any]:
    for file in item["files"]:
        if file["id"] == file_id:
            return file
    raise Refused(404, f"file {file_id} not found")


def matches(query: str, known: dict[str, list[str]]) -> bool:
    """Whether a filter lets something pass, by the values that its fields may have."""
    if not query:
        return True
    parsed = FILTER.match(query)
    if parsed is None or parsed[1] not in known:
        raise Refused(400, "Invalid filter")
    try:
        text = json.loads(parsed[2])
    except ValueError as error:
        raise Refused(400, "Invalid filter") from error
    return text in known[parsed[1]]


def said(status: int, body: Any) -> Response:
    return Response(json.dumps(body), status, content_type="application/json")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    serve(Connect(), host="127.0.0.1", port=arguments.port, threads=16)


if __name__ == "__main__":
    main()
