"""Reads from `onepassword` by 1Password's own client for Python; a test runs this.

Reads JSON from standard input: `address`, `token`, `narrow` (a token that sees only the vault `first`), `ids`. Writes what
came of each as JSON: what was read, or the error's words.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

from onepasswordconnectsdk.client import Client


def main() -> None:
    given = json.load(sys.stdin)
    ids = given["ids"]

    def by(ask: Callable[[Client], Any], token: str = given["token"]) -> Any:
        try:
            return ask(Client(given["address"], token))
        except Exception as error:  # the client has a type for each call
            return " ".join(f"{type(error).__name__}: {error}".split())

    def item(client: Client, title: str, vault: str) -> dict[str, Any]:
        read = client.get_item(title, vault)
        files = [
            client.get_file_content(file.id, read.id, read.vault.id, file.content_path).decode()
            for file in client.get_files(read.id, read.vault.id)
        ]
        fields = {field.label: field.value for field in read.fields or []}
        return {"id": read.id, "category": read.category, "tags": read.tags, "fields": fields, "files": files}

    first, login = ids["first"], ids["first/login"]
    found = {
        "vaults": by(lambda client: [vault.name for vault in client.get_vaults()]),
        "narrow": by(lambda client: [vault.name for vault in client.get_vaults()], given["narrow"]),
        "vault": by(lambda client: client.get_vault_by_title("second").id),
        "no vault": by(lambda client: client.get_vault_by_title("none").id),
        "items": by(lambda client: [item.title for item in client.get_items(first)]),
        "tagged": by(lambda client: [item.title for item in client.get_items(first, 'tag eq "red"')]),
        "by title": by(lambda client: item(client, "login", "first")),
        "by id": by(lambda client: client.get_item_by_id(login, first).title),
        "document": by(lambda client: item(client, "document", "first")),
        "file": by(lambda client: client.get_files(ids["first/document"], first)[0].name),
        "no title": by(lambda client: item(client, "none", "first")),
        "no id": by(lambda client: client.get_item_by_id("a" * 26, first).title),
        "no such vault": by(lambda client: client.get_items("a" * 26)),
        "not in scope": by(lambda client: client.get_items(ids["second"]), given["narrow"]),
        "wrong token": by(lambda client: client.get_vaults(), "wrong"),
        "no id's form": by(lambda client: client.get_item_by_id("x", first).title),
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
