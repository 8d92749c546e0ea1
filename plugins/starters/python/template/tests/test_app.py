"""What the engine makes of templates, without a sandbox.

Run them with the bindings on the path: PYTHONPATH=bindings python -m unittest tests/test_app.py
"""

import unittest

from componentize_py_types import Err
from wit_world.exports import engine

import app

DATA = [("user", b"app"), ("password", b"s3cret \xff"), ("a.b", "Grüße".encode())]


def render(*texts, strict=True):
    """What some templates become."""
    templates = [engine.Template(f"data.{n}", text) for n, text in enumerate(texts)]
    options = engine.Options(strict, "", "", 0, bytes(32))
    return [(made.name, made.data) for made in app.Engine().render(templates, DATA, options)]


class Rendering(unittest.TestCase):
    def test_keys_become_their_values_byte_for_byte(self):
        for text, expected in [
            ("${user}:${password}@db", b"app:s3cret \xff@db"),
            ("ü ${a.b}", "ü Grüße".encode()),
            ("$user ${ {user} $", b"$user ${ {user} $"),
            ("", b""),
        ]:
            self.assertEqual(render(text), [("data.0", expected)])

    def test_what_a_value_says_is_no_template(self):
        made = app.fill(engine.Template("x", "${a}"), {"a": b"${b}", "b": b"no"}, True)
        self.assertEqual(made, b"${b}")

    def test_a_missing_key_is_a_failure_with_its_place(self):
        with self.assertRaises(Err) as raised:
            render("${user}", "ok\nü: ${absent}")
        failure = raised.exception.value
        self.assertEqual((failure.template, failure.line, failure.column), ("data.1", 2, 4))
        self.assertIn("absent", failure.detail)

    def test_or_nothing_where_the_host_is_not_strict(self):
        self.assertEqual(render("[${absent}]", strict=False), [("data.0", b"[]")])


if __name__ == "__main__":
    unittest.main()
