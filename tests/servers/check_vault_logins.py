"""Logs in at `vault_logins` by hvac, which signs and asks in its own way; a test runs this.

Reads JSON from standard input: `address`, `token` (root), `aws` (`key`, `secret`, `arn`), `google` (`email`,
`key`: PEM). Sets the methods up, tries right and wrong logins, and writes what came of each as JSON: the
token's policies, or the error's words.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import hvac
import jwt

SERVER_ID = "vault.example.org"


def main() -> None:
    given = json.load(sys.stdin)
    admin = hvac.Client(url=given["address"], token=given["token"])
    for kind in ("aws", "gcp", "ldap"):
        admin.sys.enable_auth_method(kind)
    aws, google = given["aws"], given["google"]
    admin.auth.aws.configure(iam_server_id_header_value=SERVER_ID)
    for name, arn in [("mine", aws["arn"]), ("theirs", "arn:aws:iam::123456789012:user/somebody")]:
        admin.auth.aws.create_role(name, auth_type="iam", bound_iam_principal_arn=arn, policies=["env-read"])
    for name, email in [("mine", google["email"]), ("theirs", "x@y.iam.gserviceaccount.com")]:
        admin.auth.gcp.create_role(
            name, role_type="iam", project_id="p", policies=["env-read"], bound_service_accounts=[email]
        )
    admin.write_data("auth/ldap/users/ada", data={"policies": "env-read", "password": "lovelace"})

    def by_aws(role: str = "mine", **other: Any) -> list[str]:
        asked = {"access_key": aws["key"], "secret_key": aws["secret"], "header_value": SERVER_ID, **other}
        return login(lambda client: client.auth.aws.iam_login(role=role, region="eu-central-1", **asked))

    def by_gcp(role: str = "mine", key: str = google["key"], **other: Any) -> list[str]:
        claims = {"sub": google["email"], "aud": "vault/mine", "exp": int(time.time()) + 600, **other}
        token = jwt.encode(claims, key, algorithm="RS256")
        return login(lambda client: client.auth.gcp.login(role=role, jwt=token))

    def by_ldap(password: str) -> list[str]:
        return login(lambda client: client.auth.ldap.login("ada", password))

    def login(how: Callable[[hvac.Client], Any]) -> list[str]:
        client = hvac.Client(url=given["address"])
        try:
            how(client)
            policies: list[str] = client.auth.token.lookup_self()["data"]["policies"]
            return policies
        except hvac.exceptions.VaultError as error:
            return [f"{type(error).__name__}: {error}"]

    found = {
        "aws": by_aws(),
        "aws: another secret": by_aws(secret_key="wrong"),
        "aws: another server": by_aws(header_value="other.example.org"),
        "aws: no server": by_aws(header_value=None),
        "aws: another's role": by_aws("theirs"),
        "aws: no such role": by_aws("none"),
        "gcp": by_gcp(),
        "gcp: another key": by_gcp(key=given["another_key"]),
        "gcp: another audience": by_gcp(aud="vault/theirs"),
        "gcp: another's role": by_gcp("theirs", aud="vault/theirs"),
        "gcp: too long": by_gcp(exp=int(time.time()) + 3600),
        "gcp: over": by_gcp(exp=int(time.time()) - 60),
        "ldap": by_ldap("lovelace"),
        "ldap: another password": by_ldap("byron"),
        "ldap: none": by_ldap(""),
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
