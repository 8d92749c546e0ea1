"""The whole provider with fakes of what is the host's: `outgoing.send`, `memo.begin` and `memo.evict`."""

import base64
import json
import unittest
from unittest import mock

from componentize_py_types import Err
from wit_world.exports import connection, provider
from wit_world.imports import claviger_plugin_types as claviger
from wit_world.imports import memo

import app
from outgoing import Answer

CONFIG = {
    "endpoint": "https://etcd.example:2379/",
    "prefix": "/prod/",
    "auth": {"username": "reader", "passwordSecretRef": {"name": "etcd"}},
}


class Host:
    """A memo, and an etcd that knows one token at a time."""

    def __init__(self):
        self.kept, self.token, self.logins = {}, "t1", 0

    def begin(self, key):
        if key in self.kept:
            return memo.Lookup_Hit(memo.Entry(self.kept[key], 1000))
        ticket = mock.MagicMock()
        ticket.put = lambda value, ttl_ms: self.kept.update({key: value})
        return memo.Lookup_Miss(ticket)

    def evict(self, key, value):
        if self.kept.get(key) == value:
            del self.kept[key]

    def send(self, method, url, headers, body=b""):
        if url.endswith("/v3/auth/authenticate"):
            self.logins += 1
            return Answer(200, {}, json.dumps({"token": self.token}).encode())
        if headers.get("authorization") != self.token:
            return Answer(401, {}, b'{"code":16,"message":"etcdserver: invalid auth token"}')
        key = base64.b64decode(json.loads(body)["key"])
        found = [{"key": "", "value": base64.b64encode(b"s3cret").decode(), "mod_revision": "4"}]
        kvs = found if key == b"/prod/db" else []
        return Answer(200, {}, json.dumps({"header": {"revision": "9"}, "kvs": kvs}).encode())


def session(have=True, namespace="shop"):
    """What the host hands to every call."""
    slots = [connection.SlotValue("password", connection.Resolved_Bytes(b"pw\n"))] if have else []
    store = claviger.StoreRef("SecretStore", "store", namespace, "uid", 1)
    return connection.ConnectInput(store, claviger.Requester("shop"), json.dumps(CONFIG), "null", slots)


def item(key, known_version=None):
    """One that is asked for."""
    return provider.Item(key, None, None, provider.Facet.VALUE, known_version, provider.Nature.STORED)


class App(unittest.TestCase):
    def get(self, host, *items):
        """The outcomes of some items."""
        with (
            mock.patch("outgoing.send", host.send),
            mock.patch.object(memo, "begin", host.begin),
            mock.patch.object(memo, "evict", host.evict),
        ):
            return app.Provider().get(session(), list(items))

    def test_the_password_is_asked_for_and_whose_it_is_divides_a_cluster_store(self):
        step = app.Connection().connect(session(have=False))
        self.assertEqual(step.value[0].value.at, "/auth/passwordSecretRef")
        ready = app.Connection().connect(session()).value
        self.assertEqual((ready.origins[0].url, ready.partition), ("https://etcd.example:2379", None))
        self.assertEqual(app.Connection().connect(session(namespace=None)).value.partition, "shop")

    def test_a_login_serves_all_items(self):
        host = Host()
        found, missing, known = self.get(host, item("db"), item("absent"), item("db", "4"))
        self.assertEqual((found.value.data, found.value.version), (b"s3cret", "4"))
        self.assertIsInstance(missing.value, claviger.Error_NotFound)
        self.assertEqual(known, Err(claviger.Error_NotModified()))
        self.assertEqual(host.logins, 1)

    def test_a_token_that_ended_is_given_up_once(self):
        host = Host()
        self.get(host, item("db"))
        host.token = "t2"
        [found] = self.get(host, item("db"))
        self.assertEqual(found.value.data, b"s3cret")
        self.assertEqual((host.logins, host.kept), (2, {"token": b"t2"}))

    def test_a_config_that_is_wrong_names_the_field(self):
        for endpoint in ["etcd.example:2379", "https://", "https://etcd.example/path"]:
            wrong = session()
            wrong.config = json.dumps({"endpoint": endpoint})
            with self.assertRaises(Err) as raised:
                app.Connection().connect(wrong)
            self.assertEqual(raised.exception.value.value.path, "/endpoint")


if __name__ == "__main__":
    unittest.main()
