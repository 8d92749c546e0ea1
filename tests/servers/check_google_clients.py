"""Google's own Python libraries against the stand-in: their signing, their exchanges, their reading of answers.

Reads JSON from standard input: `address`, `project`, `key` (a service account's, which may read and list all),
`writer` (that of another, which may do all), `subject_token`, `provider`, `aws_provider`, `aws` (`key`, `secret`), `impersonate` (an account's e-mail), `user`
(an authorised user's credentials). Writes what came of each try as JSON: the value that was read, or the
error's class and words. `GCE_METADATA_HOST` is where metadata is asked for. Run it where no packet can leave the
machine: the libraries know Google's own addresses.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import google.auth.compute_engine
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.auth import aws, identity_pool
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from google.cloud import secretmanager_v1
from google.oauth2 import credentials as user_credentials
from google.oauth2 import service_account

SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"
AWS_TYPE = "urn:ietf:params:aws:token-type:aws4_request"


class Subject(identity_pool.SubjectTokenSupplier):
    """Hands a token over."""

    def __init__(self, token: str):
        self.token = token

    def get_subject_token(self, context: Any, request: Any) -> str:
        return self.token


class AwsKey(aws.AwsSecurityCredentialsSupplier):
    """Hands a key over."""

    def __init__(self, key: str, secret: str):
        self.key = aws.AwsSecurityCredentials(key, secret, None)

    def get_aws_security_credentials(self, context: Any, request: Any) -> Any:
        return self.key

    def get_aws_region(self, context: Any, request: Any) -> str:
        return "eu-central-1"


def main() -> None:
    given = json.load(sys.stdin)
    address, project, key = given["address"], given["project"], given["key"]
    options = ClientOptions(api_endpoint=address)

    def client(credentials: Any) -> Any:
        return secretmanager_v1.SecretManagerServiceClient(
            credentials=credentials, transport="rest", client_options=options
        )

    def by_key(**changed: str) -> Any:
        info = {**key, "token_uri": f"{address}/token", **changed}
        return service_account.Credentials.from_service_account_info(info, scopes=SCOPES)

    def asserted(**changed: str) -> Any:
        made = by_key(**changed)
        made.refresh(Request())
        return user_credentials.Credentials(token=made.token)

    def access(name: str) -> Callable[[Any], Any]:
        full = f"projects/{project}/{name}:access".removesuffix(":access")
        return lambda credentials: client(credentials).access_secret_version(name=full).payload.data.decode()

    def tried(read: Callable[[Any], Any], credentials: Callable[[], Any]) -> Any:
        try:
            return read(credentials())
        except (exceptions.GoogleAPICallError, GoogleAuthError) as error:
            return f"{type(error).__name__}: {error}"

    def federated(kind: str, audience: str, account: str = "", **more: Any) -> Any:
        url = f"{address}/v1/projects/-/serviceAccounts/{account}:generateAccessToken"
        which = aws.Credentials if kind == AWS_TYPE else identity_pool.Credentials
        return which(
            audience=audience,
            subject_token_type=kind,
            token_url=f"{address}/v1/token",
            service_account_impersonation_url=url if account else None,
            scopes=SCOPES,
            **more,
        )

    def listed(credentials: Any) -> list[str]:
        pages = client(credentials).list_secrets(parent=f"projects/{project}")
        return sorted(each.name.rpartition("/")[2] for each in pages)

    def counted(credentials: Any) -> list[int]:
        asked = {"parent": f"projects/{project}", "page_size": 3, "filter": "name:page"}
        found = client(credentials).list_secrets(request=asked)
        return [len(page.secrets) for page in found.pages]

    def written(credentials: Any) -> list[Any]:
        """A secret's life, as its answers tell it; the words of an error have its class first."""
        writer, parent = client(credentials), f"projects/{project}"
        asked = {"labels": {"team": "red"}, "replication": {"automatic": {}}}
        made = writer.create_secret(parent=parent, secret_id="written", secret=asked)
        name = f"{parent}/secrets/written"
        payload = {"data": b"123456789", "data_crc32c": 3808858755}
        added = writer.add_secret_version(parent=name, payload=payload)
        labels = {"name": name, "labels": {"team": "blue"}, "etag": made.etag}
        mask = {"paths": ["labels"]}
        changed = writer.update_secret(secret=labels, update_mask=mask)
        stale = {"name": name, "etag": made.etag}

        def again() -> Any:
            return writer.create_secret(parent=parent, secret_id="written", secret=asked)

        refused = [
            tried(lambda _: again(), lambda: None),
            tried(lambda _: writer.update_secret(secret=labels, update_mask=mask), lambda: None),
            tried(lambda _: writer.delete_secret(request=stale), lambda: None),
        ]
        value = writer.access_secret_version(name=f"{name}/versions/latest").payload.data.decode()
        writer.delete_secret(request={"name": name, "etag": changed.etag})
        gone = tried(lambda _: writer.get_secret(name=name), lambda: None)
        classes = [str(each).partition(":")[0] for each in [*refused, gone]]
        return [dict(made.labels), added.name.rpartition("/")[2], dict(changed.labels), value, classes]

    def forbidden(credentials: Any) -> list[str]:
        """What who may only read is told of each write."""
        reader, parent = client(credentials), f"projects/{project}"
        name = f"{parent}/secrets/one"
        asked = {"replication": {"automatic": {}}}
        calls = [
            lambda: reader.create_secret(parent=parent, secret_id="no", secret=asked),
            lambda: reader.add_secret_version(parent=name, payload={"data": b"x"}),
            lambda: reader.update_secret(secret={"name": name}, update_mask={"paths": ["labels"]}),
            lambda: reader.delete_secret(name=name),
        ]
        said = [str(tried(lambda _, call=call: call(), lambda: None)) for call in calls]
        return [f"{each.partition(':')[0]} {(each.split(chr(39)) + [''])[1]}" for each in said]

    subject, one = Subject(given["subject_token"]), access("secrets/one/versions/latest")
    names = ("client_id", "client_secret", "refresh_token")
    user = {**{name: given["user"][name] for name in names}, "token_uri": f"{address}/token"}
    found = {
        "self-signed": tried(one, by_key),
        "asserted": tried(one, asserted),
        "another key": tried(one, lambda: asserted(private_key=given["other_key"])),
        "another account": tried(one, lambda: asserted(client_email=f"x@{project}.iam.gserviceaccount.com")),
        "user": tried(one, lambda: user_credentials.Credentials(token=None, **user)),
        "federated": tried(
            one, lambda: federated(JWT_TYPE, given["provider"], subject_token_supplier=subject)
        ),
        "impersonated": tried(
            one,
            lambda: federated(
                JWT_TYPE, given["provider"], given["impersonate"], subject_token_supplier=subject
            ),
        ),
        "another provider": tried(
            one, lambda: federated(JWT_TYPE, f"{given['provider']}x", subject_token_supplier=subject)
        ),
        "aws": tried(one, lambda: federated(AWS_TYPE, given["aws_provider"], **aws_key(given["aws"]))),
        "aws: another secret": tried(
            one,
            lambda: federated(AWS_TYPE, given["aws_provider"], **aws_key({**given["aws"], "secret": "x"})),
        ),
        "metadata": tried(one, google.auth.compute_engine.Credentials),
        "nobody": tried(one, lambda: user_credentials.Credentials(token="x")),
        "no such secret": tried(access("secrets/none/versions/1"), by_key),
        "disabled": tried(access("secrets/disabled/versions/latest"), by_key),
        "all": tried(listed, by_key),
        "pages of three": tried(counted, by_key),
        "written": tried(written, lambda: by_key(**given["writer"])),
        "forbidden": tried(forbidden, by_key),
    }
    json.dump(found, sys.stdout)


def aws_key(given: dict[str, str]) -> dict[str, Any]:
    return {"aws_security_credentials_supplier": AwsKey(given["key"], given["secret"])}


if __name__ == "__main__":
    main()
