"""The metadata endpoints that give a pod on AWS its credentials: IMDSv2 and EKS Pod Identity's agent.

IMDSv2 as "Use the Instance Metadata Service" (EC2 User Guide): a session token by PUT, without which every GET
is 401 (IMDSv1 is off). Pod Identity as the agent's `GET /v1/credentials`: the pod's token must be one of the
cluster's for the audience `pods.eks.amazonaws.com`; any ServiceAccount's is associated with the one role.
Nothing else of the metadata is there but the region. It listens where it is told to, never by itself.
"""

import json
import secrets
import time
from typing import Any

import tokens
from aws_authorization import ACCOUNT, SESSION_TAGS, Refused
from aws_sts import Issuer, expiration, issue
from moto.core.utils import utcnow
from werkzeug.wrappers import Request, Response

INSTANCE_ROLE = "claviger-instance"
POD_ROLE = "claviger-pod-identity"
AUDIENCE = "pods.eks.amazonaws.com"
CREDENTIALS = "/latest/meta-data/iam/security-credentials/"
# What EC2 gives instance profiles and EKS gives pods.
SESSION_SECONDS = 6 * 3600


class Metadata:
    """A WSGI application for both endpoints; their paths do not meet."""

    def __init__(self, issuer: Issuer, region: str):
        self.issuer, self.region = issuer, region
        self.sessions: dict[str, float] = {}

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.answer(Request(environ))(environ, start_response)

    def answer(self, request: Request) -> Response:
        if request.path == "/v1/credentials":
            return self.pod_identity(request)
        if request.path == "/latest/api/token":
            return self.token(request)
        if self.sessions.get(request.headers.get("X-aws-ec2-metadata-token", ""), 0) < time.monotonic():
            return Response("", 401)
        if request.path == "/latest/meta-data/placement/region":
            return Response(self.region)
        if request.path == CREDENTIALS:
            return Response(INSTANCE_ROLE)
        if request.path == CREDENTIALS + INSTANCE_ROLE:
            made = issue(role_arn(INSTANCE_ROLE), "i-0123456789abcdef0", SESSION_SECONDS, self.region)
            found = {
                "Code": "Success",
                "LastUpdated": utcnow().strftime("%Y-%m-%dT%H:%M:%SZ"),
                "Type": "AWS-HMAC",
                "AccessKeyId": made.access_key_id,
                "SecretAccessKey": made.secret_access_key,
                "Token": made.session_token,
                "Expiration": expiration(made),
            }
            return Response(json.dumps(found), content_type="text/plain")
        return Response("", 404)

    def token(self, request: Request) -> Response:
        lifetime = request.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if request.method != "PUT" or not lifetime.isdigit() or not 1 <= int(lifetime) <= 21600:
            return Response("", 405 if request.method != "PUT" else 400)
        token = secrets.token_urlsafe(40)
        self.sessions[token] = time.monotonic() + int(lifetime)
        return Response(token, headers={"X-aws-ec2-metadata-token-ttl-seconds": lifetime})

    def pod_identity(self, request: Request) -> Response:
        try:
            claims = self.issuer.verify(request.headers.get("Authorization", ""))
            if AUDIENCE not in tokens.audiences(claims):
                raise Refused("InvalidIdentityToken", "Incorrect token audience", 400)
        except Refused as refused:
            return Response(f"{refused.code}: {refused.message}", refused.status)
        made = issue(role_arn(POD_ROLE), "eks-claviger-pod", SESSION_SECONDS, self.region)
        account = claims["kubernetes.io"]
        # "Grant Pods access to AWS resources based on tags", EKS User Guide.
        SESSION_TAGS[made.access_key_id] = {
            "kubernetes-namespace": account["namespace"],
            "kubernetes-service-account": account["serviceaccount"]["name"],
        }
        found = {
            "AccessKeyId": made.access_key_id,
            "SecretAccessKey": made.secret_access_key,
            "Token": made.session_token,
            "AccountId": ACCOUNT,
            "Expiration": expiration(made),
        }
        return Response(json.dumps(found), content_type="application/json")


def role_arn(name: str) -> str:
    """A role of the account that everything is in unless a test says otherwise."""
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"
