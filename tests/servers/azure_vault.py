"""Key Vault's data plane: which vault, who asks, whether they may. What is in it is its kinds' affair.

After "Authentication, requests and responses", "Azure Key Vault REST API error codes" and the REST
reference: a bearer token by Entra (signature, `exp`, `aud` the vault's resource to the letter, `iss` the
vault's tenant), or 401 with the challenge that says where to get one; `api-version`; then the vault's access
policies, or role assignments if it has those instead, which may be for a single object. A vault is the first
label of its host; on loopback it is `loopback`, or whichever a path `/vaults/NAME/…` names. It exists from
when it is first mentioned. Not here: firewalls, network rules, backup and restore, cryptographic operations,
Managed HSM.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import jwt
from azure_certificates import Certificates
from azure_directory import TENANT, Directory
from azure_errors import NoSuchPage, VaultError, answer, bad_parameter, host_of, is_loopback, origin
from azure_keys import Keys
from azure_objects import Asked, Kind
from azure_secrets import Secrets
from werkzeug.wrappers import Request, Response

# By what hosts end in: the resource that tokens are for, and where they are to be had.
CLOUDS = {
    ".vault.azure.net": ("https://vault.azure.net", "https://login.microsoftonline.com"),
    ".vault.usgovcloudapi.net": ("https://vault.usgovcloudapi.net", "https://login.microsoftonline.us"),
    ".vault.azure.cn": ("https://vault.azure.cn", "https://login.chinacloudapi.cn"),
}
VERSIONS = {"2016-10-01", *(f"7.{minor}" for minor in range(7)), "2025-07-01", "2026-04-01"}
LATEST = "2026-04-01"
LOOPBACK = "loopback"
KINDS = "(?:deleted)?(?:secrets|keys|certificates)"
PATH = re.compile(rf"(?:/vaults/([A-Za-z0-9-]+))?/+({KINDS})(?:/.*)?")
# Operations as role definitions name them, by permission; all others are alike.
ACTIONS = {
    "secrets/get": "secrets/getSecret/action",
    "secrets/list": "secrets/readMetadata/action",
    "secrets/set": "secrets/setSecret/action",
    "secrets/delete": "secrets/delete",
    "keys/get": "keys/read",
    "keys/list": "keys/read",
    "certificates/get": "certificates/read",
    "certificates/list": "certificates/read",
}


@dataclass
class Vault:
    """One. Grants are by object id: permissions (`secrets/get`, `*`) on all (empty) or on `secrets/NAME`."""

    name: str
    tenant: str = TENANT
    rbac: bool = False
    resource: str = "https://vault.azure.net"
    grants: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    kinds: dict[str, Kind] = field(default_factory=dict)

    def allows(self, principal: str, permission: str, what: str) -> bool:
        """By a grant on the vault or on the object."""
        grants = self.grants.get(principal, {})
        return any({permission, "*"} & grants.get(scope, set()) for scope in ("", what))


def named(request: Request) -> tuple[str, list[str]]:
    """The vault of a path of [`PATH`], and the object, if there is one."""
    found, host = PATH.fullmatch(request.path), host_of(request)
    rest = request.path.partition(f"/{found[2]}/")[2] if found else ""
    vault = (found[1] if found else "") or (LOOPBACK if is_loopback(host) else host.partition(".")[0])
    return vault.lower(), [part for part in rest.split("/") if part][:1]


class Vaults:
    """All of them."""

    def __init__(self, directory: Directory):
        self.directory = directory
        self.vaults: dict[str, Vault] = {}
        self.page = 25

    def vault(self, name: str) -> Vault:
        """The one of this name."""
        name = name.lower()
        if name not in self.vaults:
            made = self.vaults[name] = Vault(name)
            secrets, keys = Secrets(), Keys()
            made.kinds = {"secrets": secrets, "keys": keys, "certificates": Certificates(secrets, keys)}
        return self.vaults[name]

    def answer(self, request: Request, note: dict[str, Any]) -> Response:
        """Any path of [`PATH`]."""
        found, host = PATH.fullmatch(request.path), host_of(request)
        if not found:
            raise NoSuchPage()
        cloud = next((cloud for suffix, cloud in CLOUDS.items() if host.endswith(suffix)), None)
        if (cloud is None) != is_loopback(host) or (cloud and found[1]):
            raise NoSuchPage()
        name, names = named(request)
        vault = self.vault(name)
        if cloud:
            vault.resource = cloud[0]
        base = origin(request) + (f"/vaults/{found[1]}" if found[1] else "")
        authority = cloud[1] if cloud else origin(request)
        path = request.path[request.path.index(f"/{found[2]}") :]
        parts = [part for part in path.split("/") if part]
        note.update(vault=vault.name, names=names, action=parts[0])
        claims = self.authenticated(request, vault, authority, note)
        self.check_version(request)
        kind = vault.kinds[parts[0].removeprefix("deleted")]
        body = request.get_json(force=True, silent=True) if request.get_data() else {}
        if not isinstance(body, dict):
            raise bad_parameter("Property  has invalid value")
        asked = Asked(
            request.method, parts, request.args.to_dict(), body, base, vault.name, self.directory.clock.now()
        )
        asked.longest_page = self.page
        note["action"] = permission = kind.permission(asked)
        self.authorize(vault, claims, permission, f"{kind.name}/{parts[1]}" if len(parts) > 1 else "")
        value = kind.answer(asked)
        return answer(value) if value is not None else Response(status=204)

    def check_version(self, request: Request) -> None:
        version = request.args.get("api-version", "")
        if not version:
            raise bad_parameter("api-version must be specified")
        if version not in VERSIONS:
            raise bad_parameter(
                f"The specified version ({version}) is not recognized. Consider using the latest supported "
                f"version ({LATEST})."
            )

    def authenticated(
        self, request: Request, vault: Vault, authority: str, note: dict[str, Any]
    ) -> dict[str, Any]:
        """The claims of a token that holds here."""
        challenge = f'Bearer authorization="{authority}/{vault.tenant}", resource="{vault.resource}"'

        def refused(message: str, more: str = "") -> VaultError:
            return VaultError(401, "Unauthorized", message, challenge=challenge + more)

        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise refused("AKV10000: Request is missing a Bearer or PoP token.")
        options: Any = {name: False for name in ("verify_exp", "verify_nbf", "verify_iat", "verify_aud")}
        invalid = ', error="invalid_token"'
        try:
            claims = jwt.decode(token, self.directory.key.public_key(), algorithms=["RS256"], options=options)
        except jwt.InvalidSignatureError as error:
            message = "AKV10046: Unable to resolve the key used for signature validation."
            raise refused(message, invalid) from error
        except jwt.PyJWTError as error:
            raise refused("AKV10001: Error parsing the token.", invalid) from error
        note["principal"] = self.directory.name(claims["oid"])
        if claims["aud"] != vault.resource:
            message = f"AKV10022: Invalid audience. Expected {vault.resource}, found: {claims['aud']}."
            raise refused(message, invalid)
        issuer = f"https://sts.windows.net/{vault.tenant}/"
        if claims["iss"] != issuer:
            message = f"AKV10032: Invalid issuer. Expected one of {issuer}, found {claims['iss']}."
            raise refused(message, invalid)
        now, ended = self.directory.clock.now(), self.directory.ended.get(claims["uti"])
        if not claims["nbf"] <= now < claims["exp"] or ended == "expire":
            message = "[TokenExpired] Error validating token: 'S2S12086'."
            raise refused(message, ', error="invalid_token", error_description="The token expired"')
        if ended:
            raise refused("[BearerReadAccessTokenFailed] Error validating token: 'S2S12005'.", invalid)
        return dict(claims)

    def authorize(self, vault: Vault, claims: dict[str, Any], permission: str, what: str) -> None:
        if vault.allows(claims["oid"], permission, what):
            return
        kind, _, operation = permission.partition("/")
        caller = f"appid={claims['appid']};oid={claims['oid']};iss={claims['iss']}"
        if not vault.rbac:
            message = (
                f"The user, group or application '{caller}' does not have {kind} {operation} permission on "
                f"key vault '{vault.name};location=westeurope'. For help resolving this issue, please see "
                "https://go.microsoft.com/fwlink/?linkid=2125287"
            )
            raise VaultError(403, "Forbidden", message, "AccessDenied")
        action = ACTIONS.get(permission, f"{kind}/{operation}/action")
        group = "/subscriptions/8c1d8f5e-0000-0000-0000-000000000000/resourcegroups/tests"
        resource = f"{group}/providers/microsoft.keyvault/vaults/{vault.name}" + (f"/{what}" if what else "")
        message = (
            "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny "
            "assignments or role definitions were changed recently, please observe propagation "
            f"time.\r\nCaller: {caller}\r\nAction: 'Microsoft.KeyVault/vaults/{action}'\r\nResource: "
            f"'{resource}'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: "
            f"'DeniedWithNoValidRBAC' \r\nVault: {vault.name};location=westeurope\r\n"
        )
        raise VaultError(403, "Forbidden", message, "ForbiddenByRbac")
