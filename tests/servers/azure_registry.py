"""An Azure Container Registry: what changes Entra's tokens into its own, and one request that takes those.

After "Azure Container Registry integration with Microsoft Entra ID" (github.com/Azure/acr, docs/AAD-OAuth.md) and the
challenge of the registry API ("Token authentication specification"). Entra's token is verified by the directory's public
keys as published (its JWKS), and must be for the cloud's management, of the registry's tenant and in its time; the
registry's own are signed with another key, name the host as their audience, live three hours or 75 minutes, and say what
they allow. Without any right the exchange is 401, as is a token for what the identity may not. Not here: images, and every
other request but the catalog's; anonymous pull; tokens of repositories.
"""

import re
import secrets
from dataclasses import dataclass, field
from typing import Any

import jwt
from azure_directory import TENANT, Directory
from azure_errors import NoSuchPage, Refused, answer, host_of, origin
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from werkzeug.wrappers import Request, Response

SUFFIXES = (".azurecr.io", ".azurecr.us", ".azurecr.cn")
MANAGEMENT = {
    "https://management.azure.com",
    "https://management.usgovcloudapi.net",
    "https://management.chinacloudapi.cn",
}
PATH = re.compile(r"/oauth2/(exchange|token)|/acr/v1/_catalog")
SCOPE = re.compile(r"(repository|registry):([^:]+):([a-z*,_]+)")
REFRESH_SECONDS, ACCESS_SECONDS = 3 * 3600, 75 * 60


class RegistryError(Refused):
    """An error of the registry API."""

    def __init__(self, status: int, code: str, message: str, challenge: str = ""):
        super().__init__(message)
        self.status, self.code, self.message, self.challenge = status, code, message, challenge

    def response(self) -> Response:
        response = answer({"errors": [{"code": self.code, "message": self.message}]}, self.status)
        if self.challenge:
            response.headers["WWW-Authenticate"] = self.challenge
        return response


@dataclass
class Registry:
    """One: its tenant, and by object id the actions by scope name (`app`, `catalog`)."""

    tenant: str = TENANT
    grants: dict[str, dict[str, set[str]]] = field(default_factory=dict)


class Registries:
    """All of them, by host."""

    def __init__(self, directory: Directory):
        self.directory, self.key = directory, generate_private_key(65537, 2048)
        self.all: dict[str, Registry] = {}

    def answer(self, request: Request, note: dict[str, Any]) -> Response:
        """Any path of [`PATH`]."""
        host = host_of(request)
        registry = self.all.get(host)
        if registry is None:
            raise NoSuchPage()
        if request.path == "/acr/v1/_catalog":
            return self.catalog(request, host, note)
        if request.method != "POST":
            raise RegistryError(405, "UNSUPPORTED", "The operation is unsupported.")
        form = request.form.to_dict()
        note["action"] = request.path.removeprefix("/oauth2/")
        if form.get("service") != host:
            raise RegistryError(400, "INVALID", f"service {form.get('service')!r} is not this registry")
        if request.path == "/oauth2/exchange":
            return answer({"refresh_token": self.exchange(registry, host, form, note)})
        return answer({"access_token": self.access(registry, host, form, note)})

    def exchange(self, registry: Registry, host: str, form: dict[str, str], note: dict[str, Any]) -> str:
        """Entra's token for a refresh token."""
        if form.get("grant_type") != "access_token":
            raise RegistryError(400, "UNSUPPORTED", "grant_type must be access_token")
        claims = self.of_entra(form.get("access_token", ""))
        note["principal"] = self.directory.name(claims["oid"])
        if claims["tid"] != registry.tenant or form.get("tenant", registry.tenant) != registry.tenant:
            raise unauthorized()
        if not registry.grants.get(claims["oid"]):
            raise unauthorized()
        return self.issue(host, claims["oid"], REFRESH_SECONDS, {"grant_type": "refresh_token"})

    def of_entra(self, token: str) -> dict[str, Any]:
        """The claims of one of Entra's, by its published keys."""
        keys = jwt.PyJWKSet.from_dict(self.directory.jwks())
        options: Any = {name: False for name in ("verify_exp", "verify_nbf", "verify_iat", "verify_aud")}
        try:
            kid = jwt.get_unverified_header(token)["kid"]
            claims: dict[str, Any] = jwt.decode(token, keys[kid].key, algorithms=["RS256"], options=options)
        except (jwt.PyJWTError, KeyError) as error:
            raise unauthorized() from error
        now = self.directory.clock.now()
        if not claims["nbf"] <= now < claims["exp"] or claims["uti"] in self.directory.ended:
            raise unauthorized()
        if claims["aud"].removesuffix("/") not in MANAGEMENT:
            raise unauthorized()
        return claims

    def access(self, registry: Registry, host: str, form: dict[str, str], note: dict[str, Any]) -> str:
        """A refresh token for an access token."""
        if form.get("grant_type") != "refresh_token":
            raise RegistryError(400, "UNSUPPORTED", "grant_type must be refresh_token")
        claims = self.own(host, form.get("refresh_token", ""), "refresh_token")
        note["principal"] = self.directory.name(claims["sub"])
        scope = SCOPE.fullmatch(form.get("scope", ""))
        if not scope:
            raise RegistryError(400, "INVALID", "the scope is not TYPE:NAME:ACTIONS")
        kind, name, actions = scope[1], scope[2], scope[3].split(",")
        note["names"] = [scope[0]]
        may = registry.grants.get(claims["sub"], {}).get(name, set())
        if not set(actions) <= may:
            raise unauthorized()
        allowed = {"access": [{"type": kind, "name": name, "actions": actions}], "grant_type": "access_token"}
        return self.issue(host, claims["sub"], ACCESS_SECONDS, allowed)

    def catalog(self, request: Request, host: str, note: dict[str, Any]) -> Response:
        """The list of repositories, or where to get the right to it."""
        note["action"] = "catalog"
        scope = "registry:catalog:*"
        challenge = f'Bearer realm="{origin(request)}/oauth2/token",service="{host}",scope="{scope}"'
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise unauthorized(challenge)
        claims = self.own(host, token, "access_token", challenge)
        note["principal"] = self.directory.name(claims["sub"])
        if {"type": "registry", "name": "catalog", "actions": ["*"]} not in claims["access"]:
            raise unauthorized(challenge + ',error="insufficient_scope"')
        return answer({"repositories": ["app"]})

    def issue(self, host: str, oid: str, seconds: int, more: dict[str, Any]) -> str:
        now = int(self.directory.clock.now())
        claims = {"jti": secrets.token_hex(16), "sub": oid, "aud": host, "iss": "Azure Container Registry"}
        times = {"iat": now, "nbf": now - 900, "exp": now + seconds}
        return jwt.encode({**claims, **times, **more}, self.key, algorithm="RS256")

    def own(self, host: str, token: str, kind: str, challenge: str = "") -> dict[str, Any]:
        """The claims of one of this registry's."""
        options: Any = {name: False for name in ("verify_exp", "verify_nbf", "verify_iat")}
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self.key.public_key(), algorithms=["RS256"], audience=host, options=options
            )
        except jwt.PyJWTError as error:
            raise unauthorized(challenge) from error
        if claims["grant_type"] != kind or claims["exp"] <= self.directory.clock.now():
            raise unauthorized(challenge)
        return claims


def unauthorized(challenge: str = "") -> RegistryError:
    """As the registry says it, whatever is wrong."""
    message = "authentication required, visit https://aka.ms/acr/authorization for more information."
    return RegistryError(401, "UNAUTHORIZED", message, challenge)
