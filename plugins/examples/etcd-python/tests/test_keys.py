"""Ranges and cursors."""

import unittest

from keys import Cursor, Range, below, is_revision, read_cursor


class Keys(unittest.TestCase):
    def test_a_prefix_is_a_range(self):
        for prefix, start, end in [
            (b"/prod/", b"/prod/", b"/prod0"),
            (b"a\xff\xff", b"a\xff\xff", b"b"),
            (b"\xff", b"\xff", b"\0"),
            (b"", b"\0", b"\0"),
        ]:
            self.assertEqual(below(prefix), Range(start, end))
        self.assertEqual(below(b"a").after(b"ab"), Range(b"ab\0", b"b"))

    def test_cursors_return(self):
        cursor = Cursor("42", b"a key/with blanks \xff")
        self.assertEqual(read_cursor(cursor.write()), cursor)
        for bad in ["", "42 !", "x YQ==", "0 YQ==", "-1 YQ=="]:
            self.assertIsNone(read_cursor(bad), bad)

    def test_revisions_are_numbers_from_one_that_etcd_can_hold(self):
        for text, expected in [
            ("1", True),
            ("9223372036854775807", True),
            ("9223372036854775808", False),
            ("9" * 5000, False),
            ("0", False),
            ("", False),
            ("²", False),
        ]:
            self.assertEqual(is_revision(text), expected, text)


if __name__ == "__main__":
    unittest.main()
