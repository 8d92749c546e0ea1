"""Managed identities: the Instance Metadata Service of virtual machines, and App Service's endpoint.

After "How to use managed identities for Azure resources on an Azure VM to acquire an access token"
(`Metadata: true` in lower case, `api-version` and `resource` must be sent; numbers are strings in the
answer; without an identity named, the system-assigned one, or the only user-assigned one) and "Using the
REST protocol" of App Service (`X-IDENTITY-HEADER` must be the secret of the environment; without an identity
named, the system-assigned one alone). Which identities there are is said by a test; none at the start.
"""

import secrets
from typing import Any

from azure_directory import App, Directory
from azure_errors import IdentityError, NoSuchPage, answer
from werkzeug.wrappers import Request, Response

IMDS = "/metadata/identity/oauth2/token"
APP_SERVICE = "/msi/token"
IMDS_VERSIONS = {"2018-02-01", "2018-10-01", "2019-08-01", "2020-06-01", "2021-02-01"}


class Metadata:
    """The identities of the machine that the tests are."""

    def __init__(self, directory: Directory):
        self.directory = directory
        self.system: App | None = None
        self.assigned: list[App] = []
        self.header = secrets.token_hex(16)

    def answer(self, request: Request, note: dict[str, Any]) -> Response:
        """Either endpoint."""
        note["action"] = "imds" if request.path == IMDS else "app-service"
        if request.method != "GET":
            raise NoSuchPage()
        if request.path == IMDS:
            if request.headers.get("Metadata") != "true" or "X-Forwarded-For" in request.headers:
                raise IdentityError("bad_request_102", "Required metadata header not specified")
            return self.imds(request, note)
        return self.app_service(request, note)

    def imds(self, request: Request, note: dict[str, Any]) -> Response:
        if request.args.get("api-version") not in IMDS_VERSIONS:
            raise IdentityError("invalid_request", "Required query variable 'api-version' is missing")
        app, resource = self.identity(request, alone=True), self.resource(request)
        note["principal"] = app.name
        issued = self.directory.issue(app, resource, "2")
        found = {
            "access_token": issued.token,
            "client_id": app.client_id,
            "expires_in": str(issued.lifetime),
            "expires_on": str(issued.end),
            "ext_expires_in": str(issued.lifetime),
            "not_before": str(issued.start),
            "resource": resource,
            "token_type": "Bearer",
        }
        return answer(found)

    def app_service(self, request: Request, note: dict[str, Any]) -> Response:
        if request.headers.get("X-IDENTITY-HEADER") != self.header:
            return answer({"statusCode": 401, "message": "The X-IDENTITY-HEADER does not match."}, 401)
        if request.args.get("api-version") != "2019-08-01":
            return answer({"statusCode": 400, "message": "The api-version is not supported."}, 400)
        try:
            app, resource = self.identity(request, alone=False), self.resource(request)
        except IdentityError:
            message = (
                "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/"
                "PrincipalId."
            )
            return answer({"statusCode": 400, "message": message}, 400)
        note["principal"] = app.name
        issued = self.directory.issue(app, resource, "2")
        found = {"access_token": issued.token, "client_id": app.client_id, "expires_on": str(issued.end)}
        return answer({**found, "resource": resource, "token_type": "Bearer"})

    def resource(self, request: Request) -> str:
        resource = request.args.get("resource", "")
        if not resource:
            raise IdentityError("invalid_request", "Required query variable 'resource' is missing")
        if resource.removesuffix("/") not in self.directory.resources:
            message = (
                f"AADSTS50001: The application named {resource} wasn't found in the tenant named "
                f"{(self.system or self.assigned[0]).tenant}."
            )
            raise IdentityError("invalid_resource", message)
        return resource

    def identity(self, request: Request, alone: bool) -> App:
        """The one that is named, or that is meant if none is; `alone`: even one that is just the only one."""
        every = [*([self.system] if self.system else []), *self.assigned]
        for parameter, attribute in (("client_id", "client_id"), ("object_id", "object_id")):
            named = request.args.get(parameter)
            if named is not None:
                found = [each for each in every if getattr(each, attribute) == named]
                if not found:
                    raise IdentityError("invalid_request", "Identity not found")
                return found[0]
        if self.system:
            return self.system
        if alone and len(self.assigned) == 1:
            return self.assigned[0]
        if alone and self.assigned:
            message = (
                "Multiple user assigned identities exist, please specify the clientId / resourceId of the "
                "identity in the token request"
            )
            raise IdentityError("invalid_request", message)
        raise IdentityError("invalid_request", "Identity not found")
