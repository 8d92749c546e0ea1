"""Uses the stand-in for Azure by Azure's own Python libraries, which log in, ask and judge in their own way.

Reads JSON from standard input: `vault` (a URL), `tenant`, `client_id`, `secret`, `certificate` (PEM),
`assertion` (a token of the cluster), `other_assertion`, `imported` (`pem`, `pfx`: certificates to import).
Runs under Azure's real names: the libraries insist on TLS. Writes what came of each step as JSON: values, or
the error's type and words.
"""

import base64
import json
import logging
import sys
from collections.abc import Callable
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError
from azure.identity import CertificateCredential, ClientAssertionCredential, ClientSecretCredential
from azure.keyvault.certificates import CertificateClient, CertificateContentType, CertificatePolicy
from azure.keyvault.keys import KeyClient
from azure.keyvault.secrets import SecretClient

COUNT = 30
SCOPE = "https://vault.azure.net/.default"


def tried(how: Callable[[], Any]) -> Any:
    """What it answers, or how it fails."""
    try:
        return how()
    except AzureError as error:
        status = error.status_code if isinstance(error, HttpResponseError) else None
        return [type(error).__name__, status, str(error)]


def main() -> None:
    given = json.load(sys.stdin)
    # What goes wrong here is meant to.
    logging.disable(logging.WARNING)
    tenant, client_id, url = given["tenant"], given["client_id"], given["vault"]
    usual: Any = {"disable_instance_discovery": True}

    def by_secret(secret: str, where: str = tenant, who: str = client_id) -> Any:
        return ClientSecretCredential(where, who, secret, **usual)

    def reads(credential: Any) -> Any:
        return tried(lambda: SecretClient(url, credential).get_secret("shared").value)

    by_certificate = CertificateCredential(
        tenant, client_id, certificate_data=given["certificate"].encode(), **usual
    )
    found = {
        "secret": reads(by_secret(given["secret"])),
        "certificate": reads(by_certificate),
        "assertion": reads(ClientAssertionCredential(tenant, client_id, lambda: given["assertion"], **usual)),
        "another secret": reads(by_secret("wrong")),
        "another application": reads(by_secret(given["secret"], who="22222222-2222-2222-2222-222222222222")),
        "another tenant": tried(
            lambda: by_secret(given["secret"], "11111111-1111-1111-1111-111111111111").get_token(SCOPE).token
        ),
        "another subject": reads(
            ClientAssertionCredential(tenant, client_id, lambda: given["other_assertion"], **usual)
        ),
    }
    credential = by_secret(given["secret"])
    found |= secrets(SecretClient(url, credential))
    found |= keys(KeyClient(url, credential))
    found |= certificates(
        CertificateClient(url, credential), SecretClient(url, credential), given["imported"]
    )
    json.dump(found, sys.stdout)


def secrets(client: SecretClient) -> dict[str, Any]:
    """The life of a secret."""
    first = client.set_secret("sdk", "first", tags={"team": "red"}, content_type="text/plain")
    second = client.set_secret("sdk", "second")
    got = client.get_secret("sdk", first.properties.version)
    found: dict[str, Any] = {
        "latest": client.get_secret("sdk").value,
        "by version": [got.value, got.properties.tags, got.properties.content_type],
        "versions": sorted(each.version or "" for each in client.list_properties_of_secret_versions("sdk"))
        == sorted([first.properties.version or "", second.properties.version or ""]),
    }
    for number in range(COUNT):
        client.set_secret(f"page-{number:02}", "x")
    pages = client.list_properties_of_secrets().by_page()
    names = [[each.name or "" for each in page] for page in pages]
    listed = [name for page in names for name in page if name.startswith("page-")]
    found["pages"] = [len(names), listed == [f"page-{number:02}" for number in range(COUNT)]]
    client.update_secret_properties("sdk", enabled=False)
    found["disabled"] = tried(lambda: client.get_secret("sdk").value)
    client.update_secret_properties("sdk", enabled=True)
    found["throttled once"] = client.get_secret("throttled").value
    client.begin_delete_secret("sdk").wait()
    found["deleted"] = tried(lambda: client.get_secret("sdk").value)
    found["set while deleted"] = tried(lambda: client.set_secret("sdk", "third").value)
    client.begin_recover_deleted_secret("sdk").wait()
    found["recovered"] = client.get_secret("sdk").value
    client.begin_delete_secret("sdk").wait()
    client.purge_deleted_secret("sdk")
    found["purged"] = client.set_secret("sdk", "fourth").value
    found["absent"] = tried(lambda: client.get_secret("absent").value)
    found["bad name"] = tried(lambda: client.get_secret("bad_name").value)
    return found


def keys(client: KeyClient) -> dict[str, Any]:
    """Both kinds."""
    # Their JSON Web Keys take what comes.
    rsa: Any = client.create_rsa_key("sdk-rsa", size=2048)
    ec: Any = client.create_ec_key("sdk-ec")
    return {
        "rsa": [rsa.key_type, len(rsa.key.n), rsa.key.e.hex(), client.get_key("sdk-rsa").id == rsa.id],
        "ec": [ec.key_type, ec.key.crv, len(ec.key.x), len(ec.key.y)],
        "keys": sorted(
            each.name for each in client.list_properties_of_keys() if each.name.startswith("sdk-")
        ),
        "not allowed": tried(lambda: client.begin_delete_key("sdk-ec").result().id),
        "no key": tried(lambda: client.get_key("absent").id),
    }


def certificates(client: CertificateClient, held: SecretClient, imported: dict[str, str]) -> dict[str, Any]:
    """Imported ones."""
    found: dict[str, Any] = {}
    for kind, value in imported.items():
        name = f"sdk-{kind}"
        content = value.encode() if kind == "pem" else base64.b64decode(value)
        content_type = CertificateContentType.pem if kind == "pem" else CertificateContentType.pkcs12
        policy = CertificatePolicy(issuer_name="Self", subject="CN=sdk", content_type=content_type)
        made = client.import_certificate(name, content, policy=policy)
        got: Any = client.get_certificate(name)
        secret = held.get_secret(name)
        found[f"certificate {kind}"] = [
            got.cer == made.cer,
            bytes(got.properties.x509_thumbprint or b"").hex(),
            got.secret_id == secret.id,
            secret.properties.content_type,
            secret.properties.managed,
        ]
        found[f"secret {kind}"] = secret.value
        client.begin_delete_certificate(name).wait()
        found[f"gone {kind}"] = tried(lambda name=name: held.get_secret(name).value)  # type: ignore[misc]
    found["no certificate"] = tried(lambda: client.get_certificate("absent").name)
    return found


if __name__ == "__main__":
    main()
