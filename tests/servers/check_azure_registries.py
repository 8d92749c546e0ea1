"""Asks the stand-in for Azure's container registries by Azure's libraries: azure-identity logs in, and
azure-containerregistry changes Entra's token twice on its way to the list of repositories.

Reads JSON from standard input: `host` of a registry, `tenant`, `client_id` and `client_secret` of who may, and `nobody`,
the same of who may not. Writes what each gets.
"""

import json
import logging
import sys
from typing import Any

from azure.containerregistry import ContainerRegistryClient
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential

AUDIENCES = {"management": "https://management.azure.com", "vault": "https://vault.azure.net"}


def repositories(host: str, tenant: str, login: list[str], audience: str) -> Any:
    """Their names, or why not."""
    credential = ClientSecretCredential(tenant, *login)
    client = ContainerRegistryClient(f"https://{host}", credential, audience=audience, retry_total=0)
    try:
        return list(client.list_repository_names())
    except HttpResponseError as error:
        return f"{error.status_code}"


def main() -> None:
    given = json.load(sys.stdin)
    logging.disable(logging.WARNING)
    found = {
        f"{who} {name}": repositories(given["host"], given["tenant"], given[who], audience)
        for who in ("somebody", "nobody")
        for name, audience in AUDIENCES.items()
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
