"""The directory behind Entra: tenants, applications with their credentials, identities, and access tokens.

Tokens are JSON Web Tokens as Entra's version 1 endpoints make them for Azure's resources ("Access token
claims reference"), signed with this server's own key (RS256). The clock may be shifted by a test; everything
goes by it.
"""

import base64
import datetime
import hashlib
import secrets
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.x509.oid import NameOID

# Where everything is unless a test says otherwise.
TENANT = "6f1d3c1e-2b0c-4f5a-9d5b-8f2f6f0c7a11"
# What tokens may be for: Key Vault in Azure's clouds, and in Azure Stack Hub, whose operators name their own; and the
# clouds' management, which container registries take.
RESOURCES = {
    "https://vault.azure.net",
    "https://vault.usgovcloudapi.net",
    "https://vault.azure.cn",
    "https://vault.local.azurestack.external",
    "https://management.azure.com",
    "https://management.usgovcloudapi.net",
    "https://management.chinacloudapi.cn",
}
# Seconds; a second has passed when it arrives.
LIFETIME = 3599


@dataclass
class Issuer:
    """Who signs tokens that an application trusts, and with which keys."""

    url: str
    jwks: dict[str, Any]


@dataclass
class Federated:
    """A federated identity credential."""

    issuer: Issuer
    subject: str
    audience: str


@dataclass
class App:
    """An application (or a managed identity) with its service principal."""

    name: str
    tenant: str
    client_id: str
    object_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    # By value, when each ends; 0: not.
    secrets: dict[str, float] = field(default_factory=dict)
    certificates: list[x509.Certificate] = field(default_factory=list)
    federated: list[Federated] = field(default_factory=list)


@dataclass(frozen=True)
class Issued:
    """An access token with its `nbf`, its `exp` and how long it holds (`expires_in`), in seconds."""

    token: str
    start: int
    end: int
    lifetime: int


class Clock:
    """The machine's clock, ahead by `shift` seconds."""

    shift = 0.0

    def now(self) -> float:
        return time.time() + self.shift


class Directory:
    """All tenants. `lock` is held while a request is answered."""

    def __init__(self, issuer: Issuer):
        self.lock, self.clock, self.issuer = threading.RLock(), Clock(), issuer
        self.tenants = {TENANT}
        # By tenant and client id.
        self.apps: dict[tuple[str, str], App] = {}
        self.resources = set(RESOURCES)
        self.lifetime = LIFETIME
        # `uti` of every token that was issued, by object id; and of those that ended early, how.
        self.issued: dict[str, list[str]] = {}
        self.ended: dict[str, str] = {}
        self.key: RSAPrivateKey = generate_private_key(65537, 2048)
        self.kid = base64url(hashlib.sha1(self.key.public_key().public_bytes(*DER)).digest())

    def app(self, client_id: str, tenant: str = "") -> App:
        """The one with this client id; in any tenant, if none is named."""
        for (where, identifier), app in self.apps.items():
            if identifier == client_id and tenant in ("", where):
                return app
        raise KeyError(f"no application {client_id}")

    def principal(self, identifier: str) -> str:
        """The object id of a client id; any other text is one already."""
        return next((app.object_id for app in self.apps.values() if app.client_id == identifier), identifier)

    def name(self, object_id: str) -> str:
        """How the access log calls it."""
        return next((app.name for app in self.apps.values() if app.object_id == object_id), object_id)

    def issue(self, app: App, resource: str, how: str, seconds: int | None = None) -> Issued:
        """An access token. `how`: `1` by a secret, `2` otherwise. `seconds`: how long it holds."""
        now, uti = int(self.clock.now()), secrets.token_urlsafe(16)
        lifetime = self.lifetime if seconds is None else seconds
        start, end = now - 300, now + 1 + lifetime
        issuer = f"https://sts.windows.net/{app.tenant}/"
        claims = {
            "aud": resource,
            "iss": issuer,
            "iat": start,
            "nbf": start,
            "exp": end,
            "aio": secrets.token_urlsafe(24),
            "appid": app.client_id,
            "appidacr": how,
            "idp": issuer,
            "oid": app.object_id,
            "sub": app.object_id,
            "tid": app.tenant,
            "uti": uti,
            "ver": "1.0",
        }
        self.issued.setdefault(app.object_id, []).append(uti)
        headers = {"kid": self.kid, "x5t": self.kid}
        return Issued(jwt.encode(claims, self.key, algorithm="RS256", headers=headers), start, end, lifetime)

    def jwks(self) -> dict[str, Any]:
        """The public keys."""
        numbers = self.key.public_key().public_numbers()
        key = {"kty": "RSA", "use": "sig", "kid": self.kid, "x5t": self.kid}
        return {"keys": [{**key, "n": number(numbers.n), "e": number(numbers.e)}]}


DER: Any = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def base64url(data: bytes) -> str:
    """Without padding, as JOSE has it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    """Base64urlUInt of RFC 7518."""
    return base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def self_signed(name: str, key: Any, days: float, now: float) -> x509.Certificate:
    """A certificate of that key by itself, from a day ago on."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    at = datetime.datetime.fromtimestamp(int(now), datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(at - datetime.timedelta(days=1))
    return builder.not_valid_after(at + datetime.timedelta(days=days)).sign(key, hashes.SHA256())


def pem(key: Any, certificate: x509.Certificate) -> str:
    """Both, the key first, as Key Vault and the portal hand them out."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return str((private + certificate.public_bytes(serialization.Encoding.PEM)).decode())


def thumbprint(certificate: x509.Certificate, algorithm: str) -> str:
    """`x5t` (sha1) or `x5t#S256` (sha256)."""
    return base64url(hashlib.new(algorithm, certificate.public_bytes(serialization.Encoding.DER)).digest())


def rsa_public(certificate: x509.Certificate) -> RSAPublicKey | None:
    """Its key, if that is RSA."""
    key = certificate.public_key()
    return key if isinstance(key, RSAPublicKey) else None
