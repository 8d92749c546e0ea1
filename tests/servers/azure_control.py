"""What tests alone may ask, below `/_test/`: what Azure's portal and management API would be used for.

Each is a POST with a JSON object. Names of fields are those of the functions' parameters; answers are JSON.
An application is named by its client id, a principal by that or by its object id.
"""

import base64
import json
import secrets
import uuid
from typing import Any

from azure_directory import TENANT, App, Federated, Issuer, pem, self_signed
from azure_errors import VaultError, answer
from azure_keys import made
from azure_objects import Asked
from azure_registry import Registry, RegistryError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import pkcs12
from werkzeug.wrappers import Request, Response


class Control:
    """The functions, by the last part of their path."""

    def __init__(self, azure: Any):
        self.azure, self.directory = azure, azure.directory

    def answer(self, request: Request) -> Response:
        """One of them."""
        name = request.path.removeprefix("/_test/").replace("-", "_")
        function = getattr(self, f"do_{name}", None)
        if function is None or request.method != "POST":
            return answer({"error": f"no such function: {name}"}, 404)
        try:
            with self.directory.lock:
                return answer(function(**json.loads(request.get_data() or b"{}")) or {})
        except (TypeError, KeyError, ValueError, VaultError) as error:
            return answer({"error": f"{type(error).__name__}: {error}"}, 400)

    def do_tenant(self, id: str) -> Any:
        """Any text, so that a placeholder of a document may be one."""
        self.directory.tenants.add(id)

    def do_resource(self, id: str) -> Any:
        """Something else that tokens may be for."""
        self.directory.resources.add(id.removesuffix("/"))

    def do_app(self, name: str, tenant: str = TENANT, client_id: str = "") -> Any:
        """An application; the same again for the same name and tenant."""
        self.do_tenant(tenant)
        every = self.directory.apps.values()
        found = next((app for app in every if (app.name, app.tenant) == (name, tenant)), None)
        app = found or App(name, tenant, client_id or str(uuid.uuid4()))
        self.directory.apps[(tenant, app.client_id)] = app
        return described(app)

    def do_client_secret(self, client_id: str, value: str = "", seconds: float = 0) -> Any:
        """A further secret; `seconds`: how long it holds (0: for ever, below: it is over)."""
        value = value or f"{secrets.token_hex(2)}8Q~{secrets.token_urlsafe(24)}"
        end = self.directory.clock.now() + seconds if seconds else 0
        self.directory.app(client_id).secrets[value] = end
        return {"value": value}

    def do_certificate(self, client_id: str, days: float = 365) -> Any:
        """A further certificate that is registered; with its key, once."""
        app, key = self.directory.app(client_id), generate_private_key(65537, 2048)
        certificate = self_signed(app.name, key, days, self.directory.clock.now())
        app.certificates.append(certificate)
        none = serialization.NoEncryption()
        pfx = pkcs12.serialize_key_and_certificates(None, key, certificate, None, none)
        return {"pem": pem(key, certificate), "pfx": base64.b64encode(pfx).decode()}

    def do_federate(
        self, client_id: str, subject: str, audience: str, issuer: str = "", jwks: Any = None
    ) -> Any:
        """A federated credential; of the cluster's issuer if none is said."""
        trusted = Issuer(issuer, jwks) if issuer else self.directory.issuer
        self.directory.app(client_id).federated.append(Federated(trusted, subject, audience))

    def do_forget_credentials(self, client_id: str) -> Any:
        """All of an application's."""
        app = self.directory.app(client_id)
        app.secrets, app.certificates, app.federated = {}, [], []

    def do_identity(self, name: str = "", tenant: str = TENANT) -> Any:
        """A managed identity of this machine: user-assigned, or the system-assigned one without a name."""
        described_app = self.do_app(name or "system-assigned", tenant)
        app, metadata = self.directory.app(described_app["client_id"]), self.azure.metadata
        if not name:
            metadata.system = app
        elif app not in metadata.assigned:
            metadata.assigned.append(app)
        return {**described_app, "header": metadata.header}

    def do_remove_identity(self, name: str = "") -> Any:
        """The machine has it no more."""
        metadata = self.azure.metadata
        if not name:
            metadata.system = None
        metadata.assigned = [app for app in metadata.assigned if app.name != name]

    def do_registry(self, host: str, principal: str, grants: dict[str, list[str]]) -> Any:
        """What somebody may do in a registry, in the place of what they might: actions by the names of scopes."""
        registry = self.azure.registries.all.setdefault(host, Registry())
        oid = self.directory.principal(principal)
        registry.grants[oid] = {name: set(actions) for name, actions in grants.items()}

    def do_registry_token(self, host: str, token: str) -> Any:
        """What a token of a registry's is, if it holds there."""
        for kind in ("refresh_token", "access_token"):
            try:
                claims = self.azure.registries.own(host, token, kind)
                return {"kind": kind, "of": self.directory.name(claims["sub"]), "access": claims.get("access")}
            except RegistryError:
                pass
        return {}

    def do_vault(self, name: str, tenant: str = "", rbac: bool | None = None, resource: str = "") -> Any:
        """What a vault is; what is left out stays as it is."""
        vault = self.azure.vaults.vault(name)
        if tenant:
            self.do_tenant(tenant)
            vault.tenant = tenant
        if rbac is not None:
            vault.rbac = rbac
        if resource:
            self.do_resource(resource)
            vault.resource = resource

    def do_allow(
        self,
        principal: str,
        vault: str,
        permissions: list[str],
        object: str = "",
        revoke: bool = False,
    ) -> Any:
        """Permissions (`secrets/get`) on a vault, or on one object (`secrets/NAME`) where that has roles."""
        found = self.azure.vaults.vault(vault)
        if object and not found.rbac:
            raise ValueError(f"access policies of {vault} are for the whole vault")
        grants = found.grants.setdefault(self.directory.principal(principal), {})
        if revoke:
            grants[object] = grants.get(object, set()) - set(permissions)
        else:
            grants[object] = grants.get(object, set()) | set(permissions)

    def do_import_certificate(self, vault: str, name: str, pem: bool = False, kty: str = "RSA") -> Any:
        """A certificate that is made here, as PFX or PEM; its bundle, and both key and certificate in PEM."""
        kind = self.azure.vaults.vault(vault).kinds["certificates"]
        key = made({"kty": kty})
        certificate = self_signed(name, key, 365, self.directory.clock.now())
        none = serialization.NoEncryption()
        whole = as_pem(key, certificate)
        pfx = pkcs12.serialize_key_and_certificates(None, key, certificate, None, none)
        value = whole if pem else base64.b64encode(pfx).decode()
        parts = ["certificates", name, "import"]
        asked = Asked("POST", parts, {}, {"value": value}, "", vault, self.directory.clock.now())
        return {"bundle": kind.answer(asked), "pem": whole}

    def do_token(
        self, principal: str, resource: str = "https://vault.azure.net", seconds: int | None = None
    ) -> Any:
        """An access token, as if an application had logged in."""
        app = self.directory.app(principal)
        return {"access_token": self.directory.issue(app, resource, "1", seconds).token}

    def do_administrator(self, vault: str) -> Any:
        """A token that may do everything in a vault."""
        found = self.azure.vaults.vault(vault)
        admin = App("administrator", found.tenant, "administrator", f"administrator-{found.tenant}")
        self.directory.apps[(found.tenant, admin.client_id)] = admin
        found.grants[admin.object_id] = {"": {"*"}}
        return {"access_token": self.directory.issue(admin, found.resource, "1", LONG).token}

    def do_end_tokens(self, principal: str, how: str = "expire") -> Any:
        """Lets a principal's tokens expire (`expire`) or be revoked (`revoke`) now; says how many."""
        if how not in ("expire", "revoke"):
            raise ValueError(f"tokens cannot {how}")
        issued = self.directory.issued.pop(self.directory.principal(principal), [])
        self.directory.ended |= {uti: how for uti in issued}
        return {"ended": len(issued)}

    def do_lifetime(self, seconds: int) -> Any:
        """How long tokens hold from now on."""
        self.directory.lifetime = seconds

    def do_clock(self, shift: float) -> Any:
        """Seconds that Azure's clock is ahead of the machine's."""
        self.directory.clock.shift = shift

    def do_longest_page(self, size: int) -> Any:
        """Pages are no longer than this, whatever is asked for."""
        self.azure.vaults.page = size

    def do_fault(self, **given: Any) -> Any:
        self.azure.faults.add(given)

    def do_clear_faults(self, match: str | None = None) -> Any:
        self.azure.faults.clear(match)


# Longer than any test.
LONG = 86_400
# Under a name that no parameter has.
as_pem = pem


def described(app: App) -> dict[str, str]:
    """How Rust's `AzureApp` reads it."""
    return {
        "name": app.name,
        "client_id": app.client_id,
        "object_id": app.object_id,
        "tenant_id": app.tenant,
    }
