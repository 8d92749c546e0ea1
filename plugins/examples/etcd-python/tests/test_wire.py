"""Bodies and refusals as etcd sends them."""

import unittest

from componentize_py_types import Err
from wit_world.imports import claviger_plugin_types as claviger

import wire
from keys import Range, below


class Wire(unittest.TestCase):
    def test_requests_are_the_gateways(self):
        self.assertEqual(wire.query(Range(b"/prod/db"), "7"), {"key": "L3Byb2QvZGI=", "revision": "7"})
        page = {"key": "YQ==", "range_end": "Yg==", "keys_only": True, "limit": 1000}
        self.assertEqual(wire.query(below(b"a"), keys_only=True), page)

    def test_answers_are_read(self):
        answer = wire.found(
            b'{"header":{"cluster_id":"1","member_id":"2","revision":"9","raft_term":"2"},'
            b'"kvs":[{"key":"YQ==","create_revision":"2","mod_revision":"4","version":"2","value":"aGk="},'
            b'{"key":"Yg==","create_revision":"5","mod_revision":"5","version":"1"}],"more":true,"count":"3"}'
        )
        self.assertEqual((answer.revision, answer.more), ("9", True))
        self.assertEqual([(kv.key, kv.value, kv.mod_revision) for kv in answer.kvs], [(b"a", b"hi", "4"), (b"b", b"", "5")])
        self.assertEqual(wire.found(b'{"header":{"revision":"9"}}').kvs, [])
        self.assertEqual(wire.token(b'{"header":{},"token":"abc.12"}'), "abc.12")
        for odd in [b"<html>", b"[]", b"{}", b'{"header":{"revision":"9"},"kvs":[{}]}']:
            with self.assertRaises(Err):
                wire.found(odd)

    def test_refusals_drive_behaviour(self):
        def refusal(status, code, message):
            return wire.refusal(status, 2000, f'{{"code":{code},"message":"{message}"}}'.encode())

        self.assertTrue(refusal(401, 16, "etcdserver: invalid auth token").wants_login())
        self.assertTrue(refusal(400, 3, "etcdserver: revision of auth store is old").wants_login())
        self.assertFalse(refusal(403, 7, "etcdserver: permission denied").wants_login())
        failed = "etcdserver: authentication failed, invalid user ID or password"
        for status, code, message, expected in [
            (400, 3, failed, claviger.Error_Unauthenticated),
            (400, 3, "etcdserver: user name is empty", claviger.Error_Unauthenticated),
            (403, 7, "etcdserver: permission denied", claviger.Error_Denied),
            (400, 11, "etcdserver: mvcc: required revision has been compacted", claviger.Error_Other),
            (400, 11, "etcdserver: mvcc: required revision is a future revision", claviger.Error_NotFound),
            (503, 14, "etcdserver: no leader", claviger.Error_Unavailable),
            (429, 8, "x", claviger.Error_RateLimited),
            (400, 3, "etcdserver: key is not provided", claviger.Error_Other),
        ]:
            self.assertIsInstance(refusal(status, code, message).error("k").value, expected, message)
        self.assertIsInstance(wire.refusal(404, None, b"404 page not found").error("k").value, claviger.Error_Other)
        self.assertIsInstance(wire.refusal(502, None, b"<html>").error("k").value, claviger.Error_Unavailable)


if __name__ == "__main__":
    unittest.main()
