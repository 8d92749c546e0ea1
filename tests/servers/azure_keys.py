"""Key Vault's keys, RSA and EC: only the public half is ever shown. They sign and encrypt nothing here."""

from typing import Any

from azure_directory import base64url, number
from azure_errors import bad_parameter
from azure_objects import Asked, Kind, Version
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "P-256K": ec.SECP256K1(),
}
OPERATIONS = {
    "RSA": ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"],
    "EC": ["sign", "verify"],
}


class Keys(Kind):
    """The keys of one vault."""

    name, word, code = "keys", "key", "KeyNotFound"
    writes = {("POST", "create"): "create", ("PUT", ""): "import", ("PATCH", ""): "update"}

    def bundle(self, asked: Asked, name: str, version: Version) -> dict[str, Any]:
        found = self.item(asked, name, version, True)
        return {"key": {"kid": found.pop("kid"), **version.content["jwk"]}, **found}

    def item(self, asked: Asked, name: str, version: Version, whole: bool) -> dict[str, Any]:
        found = super().item(asked, name, version, whole)
        return {"kid": found.pop("id"), **found}

    def write(self, asked: Asked, name: str, rest: str) -> dict[str, Any]:
        if asked.method == "POST":
            content = {"jwk": jwk(made(asked.body), asked.body.get("key_ops"))}
            return self.bundle(asked, name, self.add(name, content, asked))
        if asked.method == "PUT":
            given = asked.body.get("key") or {}
            content = {"jwk": jwk(imported(given), given.get("key_ops"))}
            return self.bundle(asked, name, self.add(name, content, asked))
        version = self.version(name, rest)
        self.update(asked, version)
        if asked.body.get("key_ops") is not None:
            version.content["jwk"]["key_ops"] = asked.body["key_ops"]
        return self.bundle(asked, name, version)


def made(wanted: dict[str, Any]) -> Any:
    """A new private key."""
    kty, size, curve = wanted.get("kty", "RSA"), wanted.get("key_size") or 2048, wanted.get("crv") or "P-256"
    if kty == "RSA" and size in (2048, 3072, 4096):
        return rsa.generate_private_key(65537, size)
    if kty == "EC" and curve in CURVES:
        return ec.generate_private_key(CURVES[curve])
    raise bad_parameter(f"Property kty, key_size or crv has invalid value: {kty} {size} {curve}")


def imported(given: dict[str, Any]) -> Any:
    """The private key of a JWK, as PyJWT reads it; one whose halves do not belong together is none."""
    algorithm = {"RSA": RSAAlgorithm, "EC": ECAlgorithm}.get(given.get("kty", ""))
    if algorithm is None:
        raise bad_parameter(f"Property kty has invalid value: {given.get('kty')}")
    try:
        private = algorithm.from_jwk(given)
    except (InvalidKeyError, ValueError, TypeError) as error:
        raise bad_parameter("The specified key material can not be read.") from error
    if not isinstance(private, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise bad_parameter("Private key is not specified in the specified key material.")
    return private


def jwk(private: Any, operations: list[str] | None = None) -> dict[str, Any]:
    """The public half, without its identifier."""
    public = private.public_key().public_numbers()
    if isinstance(public, rsa.RSAPublicNumbers):
        of_kind = {"n": number(public.n), "e": number(public.e)}
        return {"kty": "RSA", "key_ops": operations or OPERATIONS["RSA"], **of_kind}
    size = (public.curve.key_size + 7) // 8
    crv = next(name for name, curve in CURVES.items() if curve.name == public.curve.name)
    point = {
        name: base64url(value.to_bytes(size, "big")) for name, value in (("x", public.x), ("y", public.y))
    }
    return {"kty": "EC", "key_ops": operations or OPERATIONS["EC"], "crv": crv, **point}
