"""Asks the stand-in for Google what the tables of documented answers ask, and says where it answers otherwise.

Reads JSON from standard input: `address`, `values` ($NAME in the tables), `key` (a service account's) and
`other_key` (PEM), `tokens` (`admin`, `member`). Writes a list of differences and how many rows there were. What a
row's fields mean is said in the tables.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt
import requests
from documented import differences, filled

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TABLES = ["google_responses.json", "google_responses_identity.json"]


def main() -> None:
    given = json.load(sys.stdin)
    values: dict[str, str] = given["values"]
    different, count = [], 0
    for table in TABLES:
        for row in json.loads(Path(__file__).with_name(table).read_text())["rows"]:
            count += 1
            status, answer = ask(given, values, row)
            wrong = [f"status {status}, not {row['status']}"] if status != row["status"] else []
            wrong += differences(filled(row["answer"], values), answer)
            if wrong:
                different.append(f"{row['name']} ({row['request']}): {'; '.join(wrong)}; answered: {answer}")
            for name, field in row.get("keep", {}).items():
                values[name] = answer.get(field, "") if isinstance(answer, dict) else ""
    json.dump({"rows": count, "different": different}, sys.stdout)


def ask(given: dict[str, Any], values: dict[str, str], row: dict[str, Any]) -> tuple[int, Any]:
    """One request; the answer as JSON or as text."""
    method, _, path = filled(row["request"], values).partition(" ")
    headers = {**row.get("headers", {})}
    who = filled(row.get("as", "admin"), values)
    if who != "nobody":
        headers["Authorization"] = f"Bearer {given['tokens'].get(who, who)}"
    if "host" in row:
        headers["Host"] = row["host"]
    form = filled(row.get("form"), values)
    if "assertion" in row:
        form = {"grant_type": JWT_BEARER, "assertion": assertion(given, row["assertion"])}
    body = filled(row.get("body"), values)
    url = given["address"] + quote(path, safe="/:?&=%@")
    answer = requests.request(method, url, headers=headers, json=body, data=form, timeout=30)
    return answer.status_code, answer.json() if "json" in answer.headers["Content-Type"] else answer.text


def assertion(given: dict[str, Any], changed: dict[str, Any]) -> str:
    """A signed one."""
    key, now = given["key"], int(time.time())
    claims = {
        "iss": key["client_email"],
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": "https://oauth2.googleapis.com/token",
        **{name: value for name, value in changed.items() if not name.startswith("$")},
        "iat": now + changed.get("iat", 0),
        "exp": now + changed.get("exp", 3600),
    }
    private = given["other_key"] if "$KEY" in changed else key["private_key"]
    header = {"kid": changed.get("$KID", key["private_key_id"])}
    return jwt.encode(claims, private, algorithm="RS256", headers=header)


if __name__ == "__main__":
    main()
