"""Asks the stand-in for Azure's managed identities by Azure's library, as on a machine and in App Service.

Reads JSON from standard input: `endpoint` and `header` (App Service's), `imds` (a base URL), `client_id` (of
a user-assigned identity). Writes for each kind whose token came for what, or the error's words.
"""

import json
import logging
import os
import sys
from typing import Any

import jwt
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ManagedIdentityCredential

SCOPE = "https://vault.azure.net/.default"
NOBODY = "22222222-2222-2222-2222-222222222222"


def token(**options: Any) -> Any:
    """The client id and audience of a token."""
    try:
        found = ManagedIdentityCredential(**options).get_token(SCOPE)
    except ClientAuthenticationError as error:
        return str(error)
    claims = jwt.decode(found.token, options={"verify_signature": False})
    return [claims["appid"], claims["aud"]]


def all_of(client_id: str) -> dict[str, Any]:
    return {"system": token(), "mine": token(client_id=client_id), "another": token(client_id=NOBODY)}


def main() -> None:
    given = json.load(sys.stdin)
    # What goes wrong here is meant to.
    logging.disable(logging.WARNING)
    # The variable that the library has for tests of its own kind.
    os.environ["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = given["imds"]
    found = {"imds": all_of(given["client_id"])}
    os.environ |= {"IDENTITY_ENDPOINT": given["endpoint"], "IDENTITY_HEADER": given["header"]}
    found["app service"] = all_of(given["client_id"])
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
