"""etcd behind the plugin interface: what a store needs, one key, a page of keys. Reading only: it does not write,
and has no leases, though etcd has.

This module is what `componentize-py` wraps: the classes have the names of the world's exported interfaces.
"""

from pathlib import Path

from componentize_py_types import Err, Ok, Result
from wit_world.exports import connection, provider
from wit_world.exports.provider import Capability, PropertyStep
from wit_world.imports import claviger_plugin_types as claviger

import config
import keys
import wire
from client import PASSWORD, Client

# Read while the component is built: a plugin has no files when it runs.
SCHEMA = Path(__file__).with_name("config-schema.json").read_text()


class Connection:
    """What a store needs."""

    def connect(self, input: connection.ConnectInput) -> connection.Step:
        store = config.parse(input.config)
        # First round: the password, if there is a login. The host resolves it and asks again.
        if store.username is not None and not input.have:
            password = connection.ObjectNeed(
                slot=PASSWORD,
                at=config.PASSWORD_AT,
                kind=connection.ObjectKind.SECRET,
                default_key="password",
                hidden=False,
                optional=False,
            )
            return connection.Step_Need([connection.Need_Object(password)])
        tls = None
        if store.private_ca and store.endpoint.startswith("https://"):
            tls = connection.TlsProfile([connection.Material_InlineBase64("/caBundle")], None, None, None, None)
        # The only place that can be reached afterwards; it stands in the store's config.
        origin = connection.Origin(
            url=store.endpoint,
            reach=connection.Reach.NETWORK,
            paths=["/v3/kv/range", "/v3/auth/authenticate"],
            tls=tls,
            purpose="etcd",
            max_response_bytes=None,
            max_header_bytes=None,
        )
        referent = store.is_referent(input.store.namespace is None)
        # Nothing in the config but the credentials decides who asks: the account is "".
        ready = connection.Ready([origin], input.requester.namespace if referent else None, "")
        return connection.Step_Ready(ready)


class Provider:
    """Reading and listing."""

    def describe(self) -> provider.Description:
        return provider.Description(
            name="etcd",
            version="0.1.0",
            config_schema=SCHEMA,
            push_metadata_schema=None,
            capabilities=Capability.GET
            | Capability.FIND_BY_NAME
            | Capability.FIND_BY_PATH
            | Capability.VERSIONS,
            property_order=[PropertyStep.LITERAL, PropertyStep.PATH],
            metadata_order=[],
            origins=["the store's endpoint"],
            # One request a key, all in one call: they share its login.
            max_batch=20,
        )

    def validate(self, s: connection.ConnectInput) -> provider.Health:
        client = Client(s)
        prefix = keys.Range(client.config.prefix.encode() or b"\0")
        try:
            client.range(wire.query(prefix, keys_only=True), "the store's prefix")
        except Err as error:
            # The login worked; which keys the user may read is told by reading them.
            if not isinstance(error.value, claviger.Error_Denied):
                raise
        return provider.Health_Ready()

    def get(
        self, s: connection.ConnectInput, items: list[provider.Item]
    ) -> list[Result[provider.Value, claviger.Error]]:
        client = Client(s)
        answers: list = []
        for item in items:
            try:
                answers.append(Ok(_one(client, item)))
            except Err as error:
                answers.append(Err(error.value))
        return answers

    def find(self, s: connection.ConnectInput, q: provider.Query, cursor: str | None) -> provider.Page:
        if q.tags:
            raise Err(claviger.Error_Unsupported("etcd's keys have no tags"))
        client = Client(s)
        prefix = client.config.prefix
        span, revision = keys.below((prefix + (q.path or "")).encode()), None
        if cursor is not None:
            at = keys.read_cursor(cursor)
            if at is None:
                raise Err(claviger.Error_Other("the cursor is not this plugin's"))
            span, revision = span.after(at.key), at.revision
        answer = client.range(wire.query(span, revision, keys_only=True), "the listing")
        page = provider.Page([], None)
        for kv in answer.kvs:
            try:
                key = kv.key.decode()
            except UnicodeDecodeError:
                # A key that is no text cannot be named in a manifest.
                continue
            page.found.append(provider.Found(key.removeprefix(prefix), None))
        if answer.more and answer.kvs:
            page.next = keys.Cursor(revision or answer.revision, answer.kvs[-1].key).write()
        return page


def _one(client: Client, item: provider.Item) -> provider.Value:
    if item.facet == provider.Facet.METADATA:
        raise Err(claviger.Error_Unsupported("etcd's keys have no metadata"))
    if item.version is not None and not keys.is_revision(item.version):
        raise Err(claviger.Error_NotFound("versions are etcd's revisions: numbers from 1"))
    key = keys.Range((client.config.prefix + item.key).encode())
    answer = client.range(wire.query(key, item.version), item.key)
    if not answer.kvs:
        raise Err(claviger.Error_NotFound("etcd has no such key"))
    kv = answer.kvs[0]
    if item.known_version == kv.mod_revision:
        raise Err(claviger.Error_NotModified())
    # The same key read by the same login is the same answer for everybody: it may be shared.
    return provider.Value(
        data=kv.value,
        entries=None,
        version=kv.mod_revision,
        metadata=None,
        lease=None,
        shareable=True,
        dynamic=False,
    )
