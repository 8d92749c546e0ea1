"""Asks the stand-in for Azure what the tables of documented answers ask, and says where it answers otherwise.

Reads JSON from standard input: `address`, `values` ($NAME in the tables), `certificate` and
`other_certificate` (PEM, with the key), `tokens` (by the name that rows use). Writes a list of differences
and how many rows there were. What a row's fields mean is said in the tables.
"""

import base64
import hashlib
import json
import re
import sys
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt
import requests
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from documented import differences, filled

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TABLES = ["azure_responses.json", "azure_responses_identity.json"]


def main() -> None:
    given = json.load(sys.stdin)
    values: dict[str, str] = given["values"]
    different, count = [], 0
    for table in TABLES:
        for row in json.loads(Path(__file__).with_name(table).read_text())["rows"]:
            count += 1
            response = ask(given, values, row)
            text = response.text
            answer = response.json() if "json" in response.headers.get("Content-Type", "") else text
            wrong = [] if response.status_code == row["status"] else [f"status {response.status_code}"]
            wrong += differences(filled(row.get("answer"), values), answer) if "answer" in row else []
            wrong += differences(filled(row.get("answer_headers", {}), values), dict(response.headers))
            if wrong:
                different.append(f"{row['name']} ({row['request']}): {'; '.join(wrong)}; answered: {answer}")
            for name, pattern in row.get("keep", {}).items():
                found = re.search(pattern, text)
                values[name] = found[1] if found else ""
    json.dump({"rows": count, "different": different}, sys.stdout)


def ask(given: dict[str, Any], values: dict[str, str], row: dict[str, Any]) -> requests.Response:
    """One request."""
    method, _, path = filled(row["request"], values).partition(" ")
    headers = dict(filled(row.get("headers", {}), values))
    who = row.get("as", "nobody")
    if who != "nobody":
        headers["Authorization"] = f"Bearer {given['tokens'][who]}"
    form = filled(row.get("form"), values)
    if form is not None:
        usual = {"grant_type": "client_credentials", "scope": "https://vault.azure.net/.default"}
        usual["client_id"] = values["CLIENT_ID"]
        if "client_assertion" in form or "assertion" in row:
            usual["client_assertion_type"] = ASSERTION
        if "assertion" in row:
            usual["client_assertion"] = assertion(given, values, filled(row["assertion"], values))
        # Null leaves a field out.
        form = {name: value for name, value in {**usual, **form}.items() if value is not None}
    url = given["address"] + quote(path, safe="/:?&=%@$")
    body = filled(row.get("body"), values)
    return requests.request(method, url, headers=headers, json=body, data=form, timeout=30)


def assertion(given: dict[str, Any], values: dict[str, str], changed: dict[str, Any]) -> str:
    """By a certificate. `$by`: whose key; `$named`: whose thumbprint; `$alg`; `$for`: seconds it holds."""

    def of(name: str) -> bytes:
        return str(given[name]).encode()

    certificate = x509.load_pem_x509_certificate(of(changed.get("$named", "certificate")))
    key = serialization.load_pem_private_key(of(changed.get("$by", "certificate")), None)
    der, algorithm = certificate.public_bytes(serialization.Encoding.DER), changed.get("$alg", "PS256")
    digest = hashlib.sha1(der) if algorithm == "RS256" else hashlib.sha256(der)
    name = "x5t" if algorithm == "RS256" else "x5t#S256"
    now = int(time.time())
    claims = {
        "aud": f"{given['address']}/{values['TENANT']}/oauth2/v2.0/token",
        "iss": values["CLIENT_ID"],
        "sub": values["CLIENT_ID"],
        "jti": str(uuid.uuid4()),
        "nbf": now - 30,
        "exp": now + changed.get("$for", 300),
        **{name: value for name, value in changed.items() if not name.startswith("$")},
    }
    thumbprint = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
    sent = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(sent, key, algorithm=algorithm, headers={name: thumbprint})  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
