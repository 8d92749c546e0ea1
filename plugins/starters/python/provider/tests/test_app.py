"""What the provider decides, without a sandbox: `outgoing.send`, which is the host's, is a fake.

Run them with the bindings on the path: PYTHONPATH=bindings python -m unittest tests/test_app.py
"""

import json
import unittest
from unittest import mock

from componentize_py_types import Err, Ok
from wit_world.exports import connection, provider
from wit_world.imports import claviger_plugin_types as claviger

import app
from outgoing import Answer

CONFIG = {"url": "https://secrets.example/v1/", "tokenSecretRef": {"name": "login"}}


def session(config=CONFIG, token=b"t0ken\n", namespace="shop"):
    """What the host hands to every call."""
    have = [connection.SlotValue("token", connection.Resolved_Bytes(token))] if token else []
    store = claviger.StoreRef("SecretStore", "store", namespace, "uid", 1)
    return connection.ConnectInput(store, claviger.Requester("shop"), json.dumps(config), "null", have)


def item(key="db/password", **more):
    """One that is asked for."""
    wanted = {"version": None, "property": None, "facet": provider.Facet.VALUE, "known_version": None}
    return provider.Item(key=key, nature=provider.Nature.STORED, **(wanted | more))


def get(answer, wanted=None):
    """The outcome of one item, and the request that was sent."""
    with mock.patch("outgoing.send", side_effect=[answer]) as send:
        [outcome] = app.Provider().get(session(), [wanted or item()])
    return outcome, send.call_args


class Connecting(unittest.TestCase):
    def test_the_token_is_asked_for_before_the_origin_is_named(self):
        step = app.Connection().connect(session(token=None))
        self.assertEqual(step.value[0].value.at, "/tokenSecretRef")
        ready = app.Connection().connect(session()).value
        self.assertEqual((ready.origins[0].url, ready.origins[0].paths), ("https://secrets.example", ["/v1/"]))
        self.assertIsNone(ready.partition)

    def test_whose_token_it_is_divides_a_cluster_store(self):
        for reference, expected in [({"name": "a"}, "shop"), ({"name": "a", "namespace": "b"}, None)]:
            config = CONFIG | {"tokenSecretRef": reference}
            self.assertEqual(app.Connection().connect(session(config, namespace=None)).value.partition, expected)

    def test_without_a_token_it_is_ready_at_once(self):
        step = app.Connection().connect(session({"url": "https://secrets.example"}, token=None))
        self.assertEqual(step.value.origins[0].paths, ["/"])


class Reading(unittest.TestCase):
    def test_a_key_is_a_path_and_the_etag_its_version(self):
        outcome, sent = get(Answer(200, {"etag": '"7"'}, b"\x00s3cret"), item("a b/ü"))
        self.assertEqual((outcome.value.data, outcome.value.version), (b"\x00s3cret", '"7"'))
        self.assertEqual(sent.args[:2], ("GET", "https://secrets.example/v1/a%20b/%C3%BC"))
        self.assertEqual(sent.args[2], {"authorization": "Bearer t0ken"})

    def test_what_is_known_is_not_sent_again(self):
        outcome, _ = get(Answer(200, {"etag": '"7"'}, b""), item(known_version='"7"'))
        self.assertEqual(outcome, Err(claviger.Error_NotModified()))

    def test_no_key_leads_elsewhere(self):
        for key in ["..", "a/../b", "./a"]:
            outcome, sent = get(Answer(200, {}, b""), item(key))
            self.assertIsInstance(outcome.value, claviger.Error_Other)
            self.assertIsNone(sent)

    def test_each_refusal_has_its_error(self):
        for status, expected in [
            (404, claviger.Error_NotFound("db/password: HTTP 404")),
            (401, claviger.Error_Unauthenticated("db/password: HTTP 401")),
            (403, claviger.Error_Denied("db/password: HTTP 403")),
            (429, claviger.Error_RateLimited(claviger.RateLimit(7000, "db/password: HTTP 429"))),
            (503, claviger.Error_Unavailable("db/password: HTTP 503")),
            (302, claviger.Error_Other("db/password: HTTP 302")),
        ]:
            outcome, _ = get(Answer(status, {"retry-after": "7"}, b""))
            self.assertEqual(outcome, Err(expected))

    def test_one_bad_key_is_its_own_alone(self):
        with mock.patch("outgoing.send", side_effect=[Answer(404, {}, b""), Answer(200, {}, b"x")]):
            bad, good = app.Provider().get(session(), [item("a"), item("b")])
        self.assertIsInstance(bad, Err)
        self.assertIsInstance(good, Ok)


if __name__ == "__main__":
    unittest.main()
