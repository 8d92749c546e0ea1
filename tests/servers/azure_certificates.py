"""Key Vault's certificates: imported as PFX or PEM. Each version has a key and a secret of the same name.

After "About Azure Key Vault certificates": the secret's value is the whole as it can be exported, in the
policy's content type, and is managed: it goes with the certificate. Not here: issuers, signing requests,
renewal, contacts.
"""

import base64
import binascii
import hashlib
from typing import Any

from azure_directory import base64url, pem
from azure_errors import VaultError, bad_parameter
from azure_keys import Keys, jwk
from azure_objects import Asked, Kind, Version
from azure_secrets import Secrets
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

PFX, PEM = "application/x-pkcs12", "application/x-pem-file"


class Certificates(Kind):
    """The certificates of one vault, whose secrets and keys are the others'."""

    name, word, code = "certificates", "certificate", "CertificateNotFound"
    writes = {("POST", "import"): "import", ("PATCH", ""): "update"}

    def __init__(self, secrets: Secrets, keys: Keys):
        super().__init__()
        self.secrets, self.keys = secrets, keys

    def bundle(self, asked: Asked, name: str, version: Version) -> dict[str, Any]:
        content = version.content
        key = {"exportable": True, "kty": content["jwk"]["kty"], "reuse_key": False}
        policy = {
            "id": f"{asked.base}/certificates/{name}/policy",
            "key_props": key,
            "secret_props": {"contentType": content["contentType"]},
            "x509_props": {"subject": content["subject"], "validity_months": 12},
            "issuer": {"name": "Unknown"},
        }
        return {
            "kid": self.link(asked, name, version, "keys"),
            "sid": self.link(asked, name, version, "secrets"),
            **self.item(asked, name, version, True),
            "cer": base64.b64encode(content["der"]).decode(),
            "policy": policy,
        }

    def item(self, asked: Asked, name: str, version: Version, whole: bool) -> dict[str, Any]:
        return {**super().item(asked, name, version, whole), "x5t": version.content["x5t"]}

    def write(self, asked: Asked, name: str, rest: str) -> dict[str, Any]:
        if asked.method == "PATCH":
            version = self.version(name, rest)
            self.update(asked, version)
            return self.bundle(asked, name, version)
        taken = self.secrets.objects.get(name)
        if taken and not taken.versions[-1].managed:
            message = f"A secret with the name {name} exists already and is managed by no certificate."
            raise VaultError(409, "Conflict", message)
        policy = asked.body.get("policy") or {}
        wanted = (policy.get("secret_props") or {}).get("contentType") or ""
        private, leaf, content_type = read(asked.body, wanted)
        der = leaf.public_bytes(serialization.Encoding.DER)
        public = jwk(private)
        times = {"nbf": leaf.not_valid_before_utc, "exp": leaf.not_valid_after_utc}
        given = asked.body.get("attributes") or {}
        asked.body["attributes"] = given | {key: int(at.timestamp()) for key, at in times.items()}
        content = {
            "der": der,
            "x5t": base64url(hashlib.sha1(der).digest()),
            "jwk": public,
            "contentType": content_type,
            "subject": leaf.subject.rfc4514_string(),
        }
        version = self.add(name, content, asked)
        whole = exported(private, leaf, content_type)
        managed: Any = {"managed": True, "identifier": version.identifier}
        self.secrets.add(name, {"value": whole, "contentType": content_type, "kid": True}, asked, **managed)
        self.keys.add(name, {"jwk": public}, asked, **managed)
        return self.bundle(asked, name, version)

    def delete(self, name: str, now: float) -> None:
        super().delete(name, now)
        for kind in (self.secrets, self.keys):
            kind.delete(name, now)

    def recovered(self, asked: Asked, name: str) -> dict[str, Any]:
        for kind in (self.secrets, self.keys):
            kind.objects[name].deleted = 0
        return super().recovered(asked, name)


def read(body: dict[str, Any], wanted: str) -> tuple[Any, x509.Certificate, str]:
    """Key, certificate and content type: of PEM, or of Base64 of what the policy says (else PFX)."""
    value, password = body.get("value") or "", body.get("pwd") or ""
    try:
        data = value.encode() if "-----BEGIN" in value else base64.b64decode(value, validate=True)
        if "-----BEGIN" in value or wanted == PEM:
            key = serialization.load_pem_private_key(data, None)
            return key, x509.load_pem_x509_certificates(data)[0], wanted or PEM
        private, leaf, _ = pkcs12.load_key_and_certificates(data, password.encode() or None)
    except (ValueError, TypeError, binascii.Error) as error:
        message = "The specified PKCS#12 X.509 certificate content can not be read."
        raise bad_parameter(message) from error
    if private is None or leaf is None:
        raise bad_parameter("Private key is not specified in the specified X.509 certificate content.")
    return private, leaf, wanted or PFX


def exported(private: Any, leaf: x509.Certificate, content_type: str) -> str:
    """The secret's value; a PFX has no password."""
    if content_type == PEM:
        return pem(private, leaf)
    none = serialization.NoEncryption()
    return base64.b64encode(pkcs12.serialize_key_and_certificates(None, private, leaf, None, none)).decode()
