"""Microsoft Entra's token endpoint, client credentials alone, and the documents that clients read first.

After "OAuth 2.0 client credentials flow": a secret, an assertion signed by a registered certificate, or one
by an issuer that a federated credential names (both in `azure_assertions`); the scope is one known
resource's `/.default`. Numbers and words of errors after "Microsoft Entra authentication and authorization
error codes" and what the service is reported to say. Not here: every other grant, consent, Conditional
Access, tenants by domain name.
"""

import re
from typing import Any

import azure_assertions
from azure_directory import App, Directory
from azure_errors import EntraError, NoSuchPage, answer, origin
from werkzeug.wrappers import Request, Response

HOSTS = {"login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn"}
PATH = re.compile(
    r"/([^/]+)/(oauth2/v2\.0/token|v2\.0/\.well-known/openid-configuration|discovery/v2\.0/keys)"
)
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEFAULT = "/.default"


class Entra:
    """The endpoints of all tenants."""

    def __init__(self, directory: Directory):
        self.directory = directory

    def answer(self, request: Request, note: dict[str, Any]) -> Response:
        """Any path of [`PATH`]."""
        found = PATH.fullmatch(request.path)
        if not found:
            raise NoSuchPage()
        tenant, what = found.groups()
        if what == "discovery/v2.0/keys":
            return answer(self.directory.jwks())
        if what != "oauth2/v2.0/token":
            return answer(self.discovery(tenant, origin(request)))
        if request.method != "POST":
            raise EntraError("invalid_request", 900561, "The endpoint only accepts POST requests.", 405)
        form = request.form.to_dict()
        note["principal"] = form.get("client_id", "")
        self.check_tenant(tenant)
        return self.token(tenant, form, f"{origin(request)}/{tenant}/oauth2/v2.0/token", note)

    def check_tenant(self, tenant: str) -> None:
        if tenant in self.directory.tenants:
            return
        if not GUID.fullmatch(tenant) and "." not in tenant:
            message = (
                f"Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external "
                "domain."
            )
            raise EntraError("invalid_request", 900023, message)
        message = (
            f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are "
            "signing into the correct cloud. Check with your subscription administrator, this may happen "
            "if there are no active subscriptions for the tenant."
        )
        raise EntraError("invalid_request", 90002, message)

    def discovery(self, tenant: str, base: str) -> dict[str, Any]:
        """What libraries ask before the first token."""
        self.check_tenant(tenant)
        return {
            "issuer": f"{base}/{tenant}/v2.0",
            "token_endpoint": f"{base}/{tenant}/oauth2/v2.0/token",
            "authorization_endpoint": f"{base}/{tenant}/oauth2/v2.0/authorize",
            "jwks_uri": f"{base}/{tenant}/discovery/v2.0/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "subject_types_supported": ["pairwise"],
            "tenant_region_scope": "EU",
        }

    def token(self, tenant: str, form: dict[str, str], endpoint: str, note: dict[str, Any]) -> Response:
        """`POST /{tenant}/oauth2/v2.0/token`."""
        for name in ("grant_type", "client_id", "scope"):
            if not form.get(name):
                message = f"The request body must contain the following parameter: '{name}'."
                raise EntraError("invalid_request", 900144, message)
        if form["grant_type"] != "client_credentials":
            message = f"The app requested an unsupported grant type '{form['grant_type']}'."
            raise EntraError("unsupported_grant_type", 70003, message)
        app = self.directory.apps.get((tenant, form["client_id"]))
        if app is None:
            message = (
                f"Application with identifier '{form['client_id']}' was not found in the directory "
                f"'{tenant}'. This can happen if the application has not been installed by the "
                "administrator of the tenant or consented to by any user in the tenant. You may have sent "
                "your authentication request to the wrong tenant."
            )
            raise EntraError("unauthorized_client", 700016, message)
        note["principal"] = app.name
        note["action"] = self.authenticate(app, form, endpoint)
        resource = self.resource(form["scope"], tenant)
        how = "1" if note["action"] == "secret" else "2"
        issued = self.directory.issue(app, resource, how)
        found = {"token_type": "Bearer", "expires_in": issued.lifetime, "ext_expires_in": issued.lifetime}
        return answer({**found, "access_token": issued.token})

    def resource(self, scope: str, tenant: str) -> str:
        """What a scope is for."""
        resource = scope.removesuffix(DEFAULT)
        if not scope.endswith(DEFAULT) or " " in scope.strip():
            message = (
                "The provided request must include a 'scope' input parameter. The provided value for the "
                f"input parameter 'scope' is not valid. The scope {scope} is not valid."
            )
            raise EntraError("invalid_scope", 70011, message)
        # A slash too many is taken, and stands in the token.
        if resource.removesuffix("/") not in self.directory.resources:
            message = (
                f"The resource principal named {resource} was not found in the tenant named {tenant}. This "
                "can happen if the application has not been installed by the administrator of the tenant "
                "or consented to by any user in the tenant. You might have sent your authentication "
                "request to the wrong tenant."
            )
            raise EntraError("invalid_resource", 500011, message)
        return resource

    def authenticate(self, app: App, form: dict[str, str], endpoint: str) -> str:
        """Says how: `secret`, `certificate`, `federated`."""
        if "client_assertion" in form or "client_assertion_type" in form:
            if form.get("client_assertion_type") != ASSERTION:
                message = (
                    "The request body must contain the following parameter: 'client_assertion_type' with "
                    f"value '{ASSERTION}'."
                )
                raise EntraError("invalid_request", 900144, message)
            assertion = form.get("client_assertion", "")
            return azure_assertions.check(self.directory, app, assertion, endpoint)
        secret = form.get("client_secret", "")
        if not secret:
            message = (
                "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' "
                "grant type."
            )
            raise EntraError("invalid_client", 7000216, message, 401)
        end = app.secrets.get(secret)
        if end is None:
            message = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client "
                f"secret value, not the client secret ID, for a secret added to app '{app.client_id}'."
            )
            raise EntraError("invalid_client", 7000215, message, 401)
        if end and end <= self.directory.clock.now():
            message = (
                f"The provided client secret keys for app '{app.client_id}' are expired. Visit the Azure "
                "portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using "
                "certificate credentials for added security: https://aka.ms/certCreds."
            )
            raise EntraError("invalid_client", 7000222, message, 401)
        return "secret"
