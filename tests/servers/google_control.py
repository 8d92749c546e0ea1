"""What tests alone may ask, below `/_test/`: what Google's console and other APIs would be used for.

Each is a POST with a JSON object. Names of fields are those of the functions' parameters; answers are JSON.
"""

import json
import secrets
from typing import Any

import google_aws
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from google_errors import answer
from google_iam import CLOUD_PLATFORM, ROLES, ServiceAccount
from google_oauth import TOKEN_URIS
from google_sts import Cluster, Issuer, Provider
from werkzeug.wrappers import Request, Response


class Control:
    """The functions, by the last part of their path."""

    def __init__(self, google: Any, issuer: Issuer):
        self.google, self.iam, self.issuer = google, google.iam, issuer

    def answer(self, request: Request) -> Response:
        """One of them."""
        name = request.path.removeprefix("/_test/").replace("-", "_")
        function = getattr(self, f"do_{name}", None)
        if function is None or request.method != "POST":
            return answer({"error": f"no such function: {name}"}, 404)
        try:
            with self.iam.lock:
                return answer(function(**json.loads(request.get_data() or b"{}")) or {})
        except (TypeError, KeyError, ValueError) as error:
            return answer({"error": f"{type(error).__name__}: {error}"}, 400)

    def do_project(self, id: str) -> Any:
        """A project, with a number that stays."""
        number = self.iam.projects.setdefault(id, str(100_000_000_000 + secrets.randbelow(10**11)))
        return {"id": id, "number": number}

    def do_service_account(self, project: str, name: str) -> Any:
        """An account and the file of a key of it."""
        email = f"{name}@{project}.iam.gserviceaccount.com"
        self.do_project(project)
        account = ServiceAccount(email, project, str(10**20 + secrets.randbelow(10**20)))
        self.iam.accounts.setdefault(email, account)
        return {"email": email, "key": self.do_service_account_key(email)}

    def do_service_account_key(self, email: str) -> Any:
        """Another key: the JSON that is downloaded once."""
        account, private = self.iam.accounts[email], generate_private_key(65537, 2048)
        kid = secrets.token_hex(20)
        account.keys[kid] = private.public_key()
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        certificates = "https://www.googleapis.com/robot/v1/metadata/x509"
        return {
            "type": "service_account",
            "project_id": account.project,
            "private_key_id": kid,
            "private_key": pem.decode(),
            "client_email": email,
            "client_id": account.unique_id,
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": "https://oauth2.googleapis.com/token",
            "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
            "client_x509_cert_url": f"{certificates}/{email.replace('@', '%40')}",
            "universe_domain": "googleapis.com",
        }

    def do_delete_service_account_key(self, email: str, kid: str) -> Any:
        del self.iam.accounts[email].keys[kid]

    def do_delete_service_account(self, email: str) -> Any:
        del self.iam.accounts[email]

    def do_authorized_user(self, member: str) -> Any:
        """A user's credentials."""
        return self.google.oauth.authorize(member)

    def do_forget_user(self, refresh_token: str) -> Any:
        """The user withdraws consent."""
        del self.google.oauth.refresh_tokens[refresh_token]

    def do_grant(
        self,
        member: str,
        resource: str,
        role: str = "",
        permissions: list[str] | None = None,
        revoke: bool = False,
    ) -> Any:
        """A role or single permissions on a resource; `revoke` takes them away."""
        # The way iamcredentials writes accounts.
        if resource.startswith("projects/-/serviceAccounts/"):
            account = self.iam.accounts[resource.rpartition("/")[2]]
            resource = f"projects/{account.project}/serviceAccounts/{account.email}"
        self.iam.grant(member, resource, set(permissions or []) | (ROLES[role] if role else set()), revoke)

    def do_provider(self, project: str, pool: str, name: str, **options: Any) -> Any:
        """A workload identity provider: of `issuer` (`jwks`), the cluster's if left out, or of `aws_account`."""
        number = self.do_project(project)["number"]
        above = f"//iam.googleapis.com/projects/{number}/locations/global/workloadIdentityPools/{pool}"
        aws = "aws_account" in options
        issuer = (
            None
            if aws
            else Issuer(options.pop("issuer", self.issuer.url), options.pop("jwks", self.issuer.jwks))
        )
        if aws:
            options.setdefault("mapping", {"google.subject": "assertion.arn"})
        self.google.sts.providers[f"{above}/providers/{name}"] = Provider(above, issuer, **options)
        return {"audience": f"{above}/providers/{name}", "pool": above}

    def do_cluster(self, project: str, location: str, name: str) -> Any:
        """A GKE cluster whose tokens are the tests' cluster's."""
        number = self.do_project(project)["number"]
        url = f"https://container.googleapis.com/v1/projects/{project}/locations/{location}/clusters/{name}"
        self.google.sts.clusters[url] = Cluster(project, number, self.issuer)
        return {"url": url, "pool": f"{project}.svc.id.goog"}

    def do_aws_key(
        self, access_key_id: str, secret: str, arn: str, account: str, session_token: str = ""
    ) -> Any:
        """A key that AWS would know."""
        self.google.sts.aws_keys[access_key_id] = google_aws.Key(secret, session_token, arn, account)

    def do_token(self, member: str, seconds: float = 3600, scopes: list[str] | None = None) -> Any:
        """An access token, as if the member had logged in."""
        token = self.iam.issue(frozenset({member}), frozenset(scopes or [CLOUD_PLATFORM]), seconds)
        return {"access_token": token}

    def do_end_tokens(self, member: str, how: str) -> Any:
        """Lets a member's tokens expire or be revoked now; says how many there were."""
        found = [each for each in self.iam.tokens.values() if member in each.members]
        for each in found:
            each.expires = self.iam.clock.now() - 1 if how == "expire" else each.expires
            each.revoked = each.revoked or how == "revoke"
        return {"ended": len(found)}

    def do_clock(self, shift: float) -> Any:
        """Seconds that Google's clock is ahead of the machine's."""
        self.iam.clock.shift = shift

    def do_metadata(self, project: str = "", email: str = "", **attributes: str) -> Any:
        """What the metadata server says; attributes with `_` for `-`."""
        metadata = self.google.metadata
        metadata.project, metadata.email = project, email
        metadata.attributes = {name.replace("_", "-"): value for name, value in attributes.items()}

    def do_longest_page(self, size: int) -> Any:
        """Pages are no longer than this, whatever is asked for."""
        self.google.secret_manager.longest_page = size

    def do_fault(self, **given: Any) -> Any:
        self.google.faults.add(given)

    def do_clear_faults(self, match: str | None = None) -> Any:
        self.google.faults.clear(match)

    def do_token_uris(self) -> Any:
        """What is accepted as an assertion's audience."""
        return {"token_uris": sorted(TOKEN_URIS)}
