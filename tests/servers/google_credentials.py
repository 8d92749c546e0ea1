"""IAM Service Account Credentials: access tokens and signatures of a service account for who may have them.

After the REST reference of iamcredentials v1: `generateAccessToken` and `signJwt`, with chains of delegates; and
the public keys that Google publishes for every account, by which such a signature is verified. Not here:
`generateIdToken`, `signBlob`, lifetimes beyond an hour (they need an organisation policy).
"""

import datetime
import json
import re
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from google_errors import NoSuchPage, Status, answer, error_info, invalid
from google_iam import CLOUD_PLATFORM, Caller, Iam, ServiceAccount
from google_secrets import body, camel
from werkzeug.wrappers import Request, Response

SERVICE = "iamcredentials.googleapis.com"
# Each method's page: either will do.
SCOPES = frozenset({CLOUD_PLATFORM, "https://www.googleapis.com/auth/iam"})
PATH = re.compile(r"/v1/projects/([^/]+)/serviceAccounts/([^/:]+):(generateAccessToken|signJwt)")
KEYS = re.compile(r"/service_accounts/v1/(?:metadata/)?(x509|jwk|raw)/([^/]+)")
LONGEST = 3600
# Reference of signJwt: "exp ... must not be more than 12 hours in the future".
LONGEST_JWT = 12 * 3600
PERMISSIONS = {
    "generateAccessToken": "iam.serviceAccounts.getAccessToken",
    "signJwt": "iam.serviceAccounts.signJwt",
}


class Credentials:
    """The service, and the page of public keys."""

    def __init__(self, iam: Iam):
        self.iam = iam

    def answer(self, request: Request, note: dict[str, Any]) -> Response:
        """`POST /v1/projects/-/serviceAccounts/EMAIL:METHOD`."""
        found = PATH.fullmatch(request.path)
        if found is None or request.method != "POST":
            raise NoSuchPage()
        project, email, method = found.groups()
        note.update(action=method, names=[email])
        rpc = f"google.iam.credentials.v1.IAMCredentials.{method[0].upper()}{method[1:]}"
        caller = self.iam.authenticate(request.headers.get("Authorization", ""), SERVICE, rpc, SCOPES)
        note["principal"] = caller.name
        if project != "-":
            raise invalid("Invalid form of resource name; the project must be the wildcard '-'.")
        given = {camel(name): value for name, value in body(request).items()}
        account = self.allowed(caller, PERMISSIONS[method], [*(given.get("delegates") or []), email])
        if method == "generateAccessToken":
            return self.access_token(account, given)
        return self.sign(account, given)

    def allowed(self, caller: Caller, permission: str, chain: list[str]) -> ServiceAccount:
        """The last account of the chain, each of which may act as the next."""
        for name in chain[:-1]:
            # Whoever passes a token on needs the right to make one.
            account = self.may(caller, PERMISSIONS["generateAccessToken"], name.rpartition("/")[2])
            caller = Caller(frozenset({account.member}), frozenset())
        return self.may(caller, permission, chain[-1])

    def may(self, caller: Caller, permission: str, email: str) -> ServiceAccount:
        account = self.iam.account(email)
        if account is None:
            raise Status("NOT_FOUND", f"Not found; Gaia id not found for email {email}")
        resource = f"projects/{account.project}/serviceAccounts/{account.email}"
        if not self.iam.permits(caller, permission, resource):
            info = error_info("IAM_PERMISSION_DENIED", "iam.googleapis.com", {"permission": permission})
            message = f"Permission '{permission}' denied on resource (or it may not exist)."
            raise Status("PERMISSION_DENIED", message, [info])
        return account

    def access_token(self, account: ServiceAccount, given: dict[str, Any]) -> Response:
        scopes = given.get("scope")
        if not isinstance(scopes, list) or not scopes:
            raise invalid("Scope required.")
        lifetime = re.fullmatch(r"(\d{1,6})(?:\.\d+)?s", str(given.get("lifetime", "3600s")))
        if not lifetime or not 0 < int(lifetime[1]) <= LONGEST:
            raise invalid(f"The lifetime must be between 1 and {LONGEST} seconds.")
        seconds = int(lifetime[1])
        token = self.iam.issue(frozenset({account.member}), frozenset(map(str, scopes)), seconds)
        at = datetime.datetime.fromtimestamp(self.iam.clock.now() + seconds, datetime.UTC)
        return answer({"accessToken": token, "expireTime": at.strftime("%Y-%m-%dT%H:%M:%SZ")})

    def sign(self, account: ServiceAccount, given: dict[str, Any]) -> Response:
        try:
            claims = json.loads(given.get("payload", ""))
        except (ValueError, TypeError) as error:
            raise invalid("Payload is not a valid JSON object.") from error
        if not isinstance(claims, dict):
            raise invalid("Payload is not a valid JSON object.")
        expires = claims.get("exp")
        now = self.iam.clock.now()
        if expires is not None and not (isinstance(expires, int) and now < expires <= now + LONGEST_JWT):
            raise invalid("The exp claim must be an integer time in the future, 12 hours ahead at most.")
        signed = jwt.encode(claims, account.managed, algorithm="RS256", headers={"kid": account.managed_kid})
        return answer({"keyId": account.managed_kid, "signedJwt": signed})

    def keys(self, request: Request, note: dict[str, Any]) -> Response:
        """`GET /service_accounts/v1/metadata/x509/EMAIL`, or as `jwk`, or bare (`raw`)."""
        found = KEYS.fullmatch(request.path)
        account = self.iam.account(found[2]) if found else None
        note.update(action="publicKeys", names=[found[2]] if found else [])
        if found is None or account is None:
            raise NoSuchPage()
        if found[1] == "jwk":
            keys = [
                {
                    **jwt.algorithms.RSAAlgorithm.to_jwk(key, as_dict=True),
                    "kid": kid,
                    "alg": "RS256",
                    "use": "sig",
                }
                for kid, key in account.public_keys().items()
            ]
            return answer({"keys": keys})
        if found[1] == "raw":
            form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            return answer(
                {kid: key.public_bytes(*form).decode() for kid, key in account.public_keys().items()}
            )
        return answer({kid: self.certificate(account, key) for kid, key in account.public_keys().items()})

    def certificate(self, account: ServiceAccount, key: Any) -> str:
        """A key in a certificate, as Google hands keys out. Who signed it is of no account: the page is trusted."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, account.unique_id)])
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now)
        builder = builder.not_valid_after(now + datetime.timedelta(days=16))
        made = builder.sign(account.managed, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM).decode()
