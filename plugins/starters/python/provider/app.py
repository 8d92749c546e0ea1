"""The provider plugin-name: `GET <url>/<key>` reads a secret, with a token where the store names one.

`componentize-py` wraps this module: its classes have the names of the interfaces that the world exports. What they
may ask of the host are the modules of `wit_world.imports`; `outgoing` is HTTP over one of them.
"""

import json
from pathlib import Path
from urllib.parse import quote, urlsplit

from componentize_py_types import Err, Ok, Result
from wit_world.exports import connection, provider
from wit_world.imports import claviger_plugin_types as claviger

import outgoing

# Read while the component is built: a plugin has no files when it runs.
SCHEMA = Path(__file__).with_name("config-schema.json").read_text()

# The slot of the token, and where the store's manifest names its Secret. A plugin asks for a place and not for a
# name: the host reads there which Secret it is, and the schema marks the place (`x-claviger: secretRef`).
TOKEN, TOKEN_AT = "token", "/tokenSecretRef"


class Connection:
    """What a store needs before it can be read. Without network, in rounds."""

    def connect(self, input: connection.ConnectInput) -> connection.Step:
        config = json.loads(input.config)
        reference = config.get("tokenSecretRef")
        # First round: the token, if there is one. The host resolves it and asks again.
        if reference is not None and not input.have:
            token = connection.ObjectNeed(
                slot=TOKEN,
                at=TOKEN_AT,
                kind=connection.ObjectKind.SECRET,
                default_key="token",
                hidden=False,
                optional=False,
            )
            return connection.Step_Need([connection.Need_Object(token)])
        url = urlsplit(base(config))
        # The only place that can be reached afterwards. It stands in the store's config, or it had to be granted.
        origin = connection.Origin(
            url=f"{url.scheme}://{url.netloc}",
            reach=connection.Reach.NETWORK,
            paths=[f"{url.path}/"],
            tls=None,
            purpose="the secrets' server",
            max_response_bytes=None,
            max_header_bytes=None,
        )
        # A ClusterSecretStore that leaves the namespace out takes the token of whoever asks: then no two
        # namespaces may share an answer.
        referent = input.store.namespace is None and reference is not None and not reference.get("namespace")
        partition = input.requester.namespace if referent else None
        return connection.Step_Ready(connection.Ready([origin], partition, account=""))


class Provider:
    """Reading."""

    def describe(self) -> provider.Description:
        return provider.Description(
            name="plugin-name",
            version="0.1.0",
            config_schema=SCHEMA,
            push_metadata_schema=None,
            capabilities=provider.Capability.GET,
            property_order=[provider.PropertyStep.LITERAL, provider.PropertyStep.PATH],
            metadata_order=[],
            origins=["the store's url"],
            max_batch=20,
        )

    def validate(self, s: connection.ConnectInput) -> provider.Health:
        try:
            read(s, "")
        except Err as error:
            # The token was taken. What lies at the url itself is nobody's business.
            if not isinstance(error.value, claviger.Error_NotFound):
                raise
        return provider.Health_Ready()

    def get(
        self, s: connection.ConnectInput, items: list[provider.Item]
    ) -> list[Result[provider.Value, claviger.Error]]:
        answers: list = []
        for item in items:
            try:
                answers.append(Ok(one(s, item)))
            except Err as error:
                answers.append(Err(error.value))
        return answers

    def find(self, s: connection.ConnectInput, q: provider.Query, cursor: str | None) -> provider.Page:
        raise Err(claviger.Error_Unsupported("plugin-name cannot list its keys"))


def one(session: connection.ConnectInput, item: provider.Item) -> provider.Value:
    """The answer to one item."""
    if item.version is not None or item.facet == provider.Facet.METADATA:
        raise Err(claviger.Error_Unsupported("plugin-name has neither versions nor metadata"))
    answer = read(session, item.key)
    version = answer.headers.get("etag")
    if version is not None and version == item.known_version:
        raise Err(claviger.Error_NotModified())
    # The same key read with the same token is the same answer for everybody: it may be shared.
    return provider.Value(
        data=answer.body,
        entries=None,
        version=version,
        metadata=None,
        lease=None,
        shareable=True,
        dynamic=False,
    )


def read(session: connection.ConnectInput, key: str) -> outgoing.Answer:
    """Asks for a key. What is no success is raised as the error that the host acts on: choose it with care, since
    `not-found` may delete a Secret."""
    headers = {}
    for slot in session.have:
        if slot.slot == TOKEN and isinstance(slot.value, connection.Resolved_Bytes):
            # A line end is the editor's and not the token's.
            token = slot.value.value.decode("utf-8", "replace").rstrip("\r\n")
            headers["authorization"] = f"Bearer {token}"
    answer = outgoing.send("GET", f"{base(json.loads(session.config))}/{path(key)}", headers)
    detail = f"{key}: HTTP {answer.status}"
    match answer.status:
        case status if 200 <= status < 300:
            return answer
        case 404:
            raise Err(claviger.Error_NotFound(detail))
        case 401:
            raise Err(claviger.Error_Unauthenticated(detail))
        case 403:
            raise Err(claviger.Error_Denied(detail))
        case 429:
            raise Err(claviger.Error_RateLimited(claviger.RateLimit(answer.retry_after_ms, detail)))
        case status if status >= 500:
            raise Err(claviger.Error_Unavailable(detail))
    raise Err(claviger.Error_Other(detail))


def base(config: dict) -> str:
    """What stands before every key. The host has checked it against the schema."""
    return config["url"].rstrip("/")


def path(key: str) -> str:
    """A key as a path: each segment percent-encoded, and none that leads elsewhere."""
    segments = key.split("/")
    if "." in segments or ".." in segments:
        raise Err(claviger.Error_Other("a key has no segments . or .."))
    return "/".join(quote(segment, safe="") for segment in segments)
