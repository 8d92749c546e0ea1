"""Who may do what: moto's check of signatures, with this project's check of permissions behind it.

moto looks the access key up and verifies SigV4. `Authorization` replaces its check of permissions, which knows
neither resources nor most conditions, by `policy`: identity policies of users and roles, session policies,
trust policies, session tags, and sessions that end. Simplified: a caller in the role's own account needs an
identity policy for sts:AssumeRole as well as the role's trust, as callers of other accounts do; transitive tags
are not handed on; sessions of chained roles may be longer than an hour.
"""

import datetime
import json
import re
from typing import Any, NoReturn

import policy
from moto import settings
from moto.core.utils import utcnow
from moto.iam import access_control
from moto.iam.models import Policy, Role, iam_backends
from moto.secretsmanager.models import SecretsStore, secretsmanager_backends
from moto.sts.models import AssumedRole, sts_backends
from moto.sts.responses import TokenResponse

ACCOUNT = "123456789012"
EVERYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)

# By access key; moto drops them.
SESSION_TAGS: dict[str, dict[str, str]] = {}


class Refused(Exception):
    """A request that is answered with an error; `code` as the query protocol (STS, IAM) has it."""

    def __init__(self, code: str, message: str, status: int = 403):
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class Authorization(access_control.IAMRequest):
    """One signed request."""

    def check_action_permitted(self, resource: str) -> None:
        key = self._access_key
        if isinstance(key, access_control.AssumedRoleAccessKey) and session(key).expiration <= utcnow():
            raise Refused("ExpiredToken", "The security token included in the request is expired")
        if self._action == "sts:GetCallerIdentity":
            return
        asked = parameters(self._data, self._body)
        for name in resources(self._action, asked, self.account_id, self._region):
            context = {**request_context(asked), **resource_context(name, self.account_id, self._region)}
            for action in [BATCHES.get(self._action, self._action), *besides(self._action, asked)]:
                if not permitted(key, action, name, context):
                    deny(key, action, name)
        if self._action == "sts:AssumeRole":
            if tags(asked) and not permitted(key, "sts:TagSession", asked["RoleArn"], request_context(asked)):
                deny(key, "sts:TagSession", asked["RoleArn"])
            check_trust(key, asked)

    def _raise_signature_does_not_match(self) -> NoReturn:
        raise Refused(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your AWS "
            "Secret Access Key and signing method. Consult the service documentation for details.",
        )

    def _raise_invalid_access_key(self, _: str) -> NoReturn:
        raise Refused("InvalidClientTokenId", "The security token included in the request is invalid.")


def install() -> None:
    """Puts all this into moto: every request must be signed from now on."""
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    setattr(access_control, "IAMRequest", Authorization)

    assume_role = TokenResponse.assume_role

    def with_tags(response: TokenResponse) -> Any:
        asked = parameters(response.querystring, b"")
        role = role_of(asked.get("RoleArn", ""))
        check_duration(role, asked)
        result: Any = assume_role(response)
        SESSION_TAGS[result.result["Credentials"].access_key_id] = tags(asked)
        return result

    setattr(TokenResponse, "assume_role", with_tags)

    # moto looks at every secret to find one; most are asked for by their name, which is the key.
    contains, getitem = SecretsStore.__contains__, SecretsStore.__getitem__

    def quick_contains(store: SecretsStore, key: str) -> bool:
        return dict.__contains__(store, key) or contains(store, key)

    def quick_getitem(store: SecretsStore, key: str) -> Any:
        return dict.__getitem__(store, key) if dict.__contains__(store, key) else getitem(store, key)

    setattr(SecretsStore, "__contains__", quick_contains)
    setattr(SecretsStore, "__getitem__", quick_getitem)


def permitted(key: Any, action: str, resource: str, context: dict[str, list[str]]) -> bool:
    """Whether the caller's identity policies, and its session policy, allow it."""
    question = policy.Question(action, resource, context={**context, **caller_context(key)})
    session_policy = isinstance(key, access_control.AssumedRoleAccessKey) and session(key).policy
    return policy.allows([document(each) for each in key.collect_policies()], question) and (
        not session_policy or policy.allows([session_policy], question)
    )


def deny(key: Any, action: str, resource: str) -> NoReturn:
    """The answer of AWS to what no policy allows."""
    raise Refused(
        "AccessDenied",
        f"User: {key.arn} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action",
    )


def check_trust(key: Any, asked: dict[str, str]) -> None:
    """Whether the role's trust policy lets the caller in: principal, external ID, tags."""
    arn = asked.get("RoleArn", "")
    account = key.account_id
    of_session = isinstance(key, access_control.AssumedRoleAccessKey)
    identity = session(key).role_arn if of_session else key.arn
    names = {key.arn, identity, account, f"arn:aws:iam::{account}:root"}
    context = {**request_context(asked), **caller_context(key), "aws:principalarn": [identity]}
    if "ExternalId" in asked:
        context["sts:externalid"] = [asked["ExternalId"]]
    if "RoleSessionName" in asked:
        context["sts:rolesessionname"] = [asked["RoleSessionName"]]
    principals = frozenset(("AWS", name) for name in names)
    # Tags are a permission of their own ("Passing session tags in AWS STS", IAM User Guide).
    for action in ["sts:AssumeRole"] + (["sts:TagSession"] if tags(asked) else []):
        if not trusts(role_of(arn), policy.Question(action, arn, principals, context)):
            message = f"User: {key.arn} is not authorized to perform: {action} on resource: {arn}"
            raise Refused("AccessDenied", message)


def trusts(role: Role | None, question: policy.Question) -> bool:
    """Whether there is such a role and its trust policy allows it."""
    return role is not None and policy.allows([role.assume_role_policy_document], question)


def check_duration(role: Role | None, asked: dict[str, str]) -> int:
    """The session's seconds: 900 up to the role's maximum, 3600 if not said (API reference of STS)."""
    seconds = int(asked.get("DurationSeconds", "3600"))
    longest = int((role and role.max_session_duration) or 3600)
    if seconds < 900 or seconds > longest:
        raise Refused("ValidationError", f"DurationSeconds is not between 900 and {longest}", 400)
    return seconds


def role_of(arn: str) -> Role | None:
    """The role, in whichever account."""
    match = re.fullmatch(r"arn:aws:iam::([0-9]{12}):role/.+", arn)
    roles = iam_backends[match[1]]["aws"].get_roles() if match else []
    return next((role for role in roles if role.arn == arn), None)


def session(key: access_control.AssumedRoleAccessKey) -> AssumedRole:
    """What STS noted when it gave this key out."""
    found = sts_backends[key.account_id]["aws"].get_assumed_role_from_access_key(key._access_key_id)
    assert found is not None, "moto found it by the same key"
    return found


def end_sessions() -> int:
    """Lets all temporary credentials expire now; says how many there were."""
    roles = [role for backends in sts_backends.values() for role in backends["aws"].assumed_roles]
    for role in roles:
        role.expiration = utcnow() - datetime.timedelta(seconds=1)
    return len(roles)


def document(found: Any) -> str:
    """The text of a policy in any of moto's three shapes."""
    if isinstance(found, Policy):
        return next(version.document for version in found.versions if version.is_default)
    return found if isinstance(found, str) else found["policy_document"]


def parameters(data: dict[str, Any], body: Any) -> dict[str, Any]:
    """A request's parameters: JSON if the body is, else the form's (each once)."""
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if isinstance(parsed, dict):
        return parsed
    return {name: values[0] for name, values in data.items() if isinstance(values, list)}


def tags(asked: dict[str, str]) -> dict[str, str]:
    """Session tags of an AssumeRole request."""
    keys = {name: value for name, value in asked.items() if re.fullmatch(r"Tags\.member\.\d+\.Key", name)}
    return {value: asked.get(f"{name.removesuffix('Key')}Value", "") for name, value in keys.items()}


def request_context(asked: dict[str, Any]) -> dict[str, list[str]]:
    """Condition keys from the request."""
    found = tags(asked)
    context = {f"aws:requesttag/{name.lower()}": [value] for name, value in found.items()}
    return {**context, "aws:tagkeys": list(found)} if found else context


# "Actions defined by Amazon SQS": batches need the right to the single action.
BATCHES = {
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}


def besides(action: str, asked: dict[str, Any]) -> list[str]:
    """Further actions that a request needs ("Required permissions" of CreateSecret; "Control access to parameters using
    tags": PutParameter with tags needs ssm:AddTagsToResource)."""
    needed = {
        "secretsmanager:CreateSecret": {
            "Tags": "secretsmanager:TagResource",
            "AddReplicaRegions": "secretsmanager:ReplicateSecretToRegions",
        },
        "ssm:PutParameter": {"Tags": "ssm:AddTagsToResource"},
    }
    return [further for name, further in needed.get(action, {}).items() if asked.get(name)]


def resource_context(arn: str, account: str, region: str) -> dict[str, list[str]]:
    """Condition keys from a secret: its tags."""
    stored = secretsmanager_backends[account][region].secrets
    found = (stored[arn].tags or []) if arn.startswith("arn:aws:secretsmanager:") and arn in stored else []
    return {
        f"{service}:resourcetag/{tag['Key'].lower()}": [tag["Value"]]
        for tag in found
        for service in ("aws", "secretsmanager")
    }


def caller_context(key: Any) -> dict[str, list[str]]:
    """Condition keys from the caller: the tags of its session."""
    if not isinstance(key, access_control.AssumedRoleAccessKey):
        return {}
    found = SESSION_TAGS.get(key._access_key_id, {})
    return {f"aws:principaltag/{name.lower()}": [value] for name, value in found.items()}


def resources(action: str, asked: dict[str, Any], account: str, region: str) -> list[str]:
    """The resources that a request is about, as the Service Authorization Reference names them."""
    if action == "sts:AssumeRole":
        return [asked.get("RoleArn", "*")]
    if action.startswith("sqs:"):
        name = asked.get("QueueName") or asked.get("QueueUrl", "*").rpartition("/")[2]
        return [f"arn:aws:sqs:{region}:{account}:{name}"]
    names = asked.get("Names") or [asked[name] for name in ("Name", "Path", "ResourceId", "SecretId") if name in asked]
    if action.startswith("ssm:") and names:
        return [parameter_arn(name, account, region) for name in names]
    if action == "secretsmanager:CreateSecret":
        # Its ARN will end in six characters that nobody knows yet.
        return [f"arn:aws:secretsmanager:{region}:{account}:secret:{asked.get('Name', '')}-AbCdEf"]
    if action.startswith("secretsmanager:") and names:
        stored = secretsmanager_backends[account][region].secrets
        # A secret that does not exist has no ARN; AWS's denial then shows the name that was sent.
        return [stored[name].arn if name in stored else name for name in names]
    return ["*"]


def parameter_arn(name: str, account: str, region: str) -> str:
    """A parameter's ARN, without the `:version` or `:label` that may select one of its versions."""
    if name.startswith("arn:"):
        return ":".join(name.split(":")[:6])
    return f"arn:aws:ssm:{region}:{account}:parameter/{name.split(':')[0].lstrip('/')}"
