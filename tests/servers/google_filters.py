"""Secret Manager's filters: the part of AIP-160 that "Filter lists of secrets and secret versions" documents.

AND, OR, NOT, `-`, parentheses and terms side by side; `:` `=` `!=` `<` `<=` `>` `>=` on the fields below. `name:x`
finds names that hold x, `labels:k` secrets that have the label. Not here: functions, wildcards other than
`labels.k:*`. Anything unknown is refused, as the real one does, so that no filter is passed over silently.
"""

import re
from collections.abc import Callable
from typing import Any

from google_errors import invalid

Test = Callable[[dict[str, Any]], bool]
TOKEN = re.compile(r'\s*(?:(\(|\)|!=|<=|>=|[:=<>])|"((?:[^"\\]|\\.)*)"|(-(?=[^\s]))|([^\s()":=<>!]+))')
# Behind an operator: times have colons.
VALUE = re.compile(r"\s*([^\s()\"]+)")
OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda found, wanted: found == wanted,
    "!=": lambda found, wanted: found != wanted,
    "<": lambda found, wanted: found < wanted,
    "<=": lambda found, wanted: found <= wanted,
    ">": lambda found, wanted: found > wanted,
    ">=": lambda found, wanted: found >= wanted,
}


def parse(text: str, fields: set[str]) -> Test:
    """What a filter says, of a resource as JSON. `fields` are those that may be filtered by."""
    tokens: list[tuple[str, str]] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        value = tokens and tokens[-1][1] in (":", *OPERATORS) and VALUE.match(text, at)
        if value:
            tokens.append(("word", value[1]))
            at = value.end()
            continue
        found = TOKEN.match(text, at)
        if found is None:
            raise refused(text)
        symbol, quoted, minus, word = found.groups()
        if quoted is not None:
            tokens.append(("text", re.sub(r"\\(.)", r"\1", quoted)))
        else:
            tokens.append(("word", word) if word else ("symbol", symbol or minus))
        at = found.end()
    parser = Parser(text, tokens, fields)
    test = parser.sequence() if tokens else (lambda _: True)
    if parser.tokens:
        raise refused(text)
    return test


class Parser:
    """By recursive descent. OR binds tighter than AND, as AIP-160 has it."""

    def __init__(self, text: str, tokens: list[tuple[str, str]], fields: set[str]):
        self.text, self.tokens, self.fields = text, tokens, fields

    def take(self, *wanted: tuple[str, str]) -> bool:
        """Whether one of these comes next; it is then gone."""
        if self.tokens and self.tokens[0] in wanted:
            self.tokens.pop(0)
            return True
        return False

    def sequence(self) -> Test:
        """Terms with AND between them, or nothing."""
        tests = [self.alternatives()]
        while self.tokens and self.tokens[0] != ("symbol", ")"):
            self.take(("word", "AND"))
            tests.append(self.alternatives())
        return lambda resource: all(test(resource) for test in tests)

    def alternatives(self) -> Test:
        tests = [self.term()]
        while self.take(("word", "OR")):
            tests.append(self.term())
        return lambda resource: any(test(resource) for test in tests)

    def term(self) -> Test:
        if self.take(("word", "NOT"), ("symbol", "-")):
            test = self.term()
            return lambda resource: not test(resource)
        if self.take(("symbol", "(")):
            test = self.sequence()
            if not self.take(("symbol", ")")):
                raise refused(self.text)
            return test
        return self.comparison()

    def word(self) -> str:
        if (
            not self.tokens
            or self.tokens[0][0] == "symbol"
            or self.tokens[0] in (("word", "AND"), ("word", "OR"))
        ):
            raise refused(self.text)
        return self.tokens.pop(0)[1]

    def comparison(self) -> Test:
        path = self.word()
        if not self.tokens or self.tokens[0][0] != "symbol":
            raise refused(self.text)
        operator = self.tokens.pop(0)[1]
        if operator == ":" and self.take(("symbol", "(")):
            wanted = [self.word()]
            while self.take(("word", "OR")):
                wanted.append(self.word())
            if not self.take(("symbol", ")")):
                raise refused(self.text)
            tests = [self.compare(path, operator, each) for each in wanted]
            return lambda resource: any(test(resource) for test in tests)
        return self.compare(path, operator, self.word())

    def compare(self, path: str, operator: str, wanted: str) -> Test:
        field, _, key = path.partition(".")
        name = re.sub(r"_(.)", lambda found: found[1].upper(), field)
        if name not in self.fields or (operator != ":" and operator not in OPERATORS):
            raise refused(self.text)
        is_map = name in ("labels", "annotations")
        if is_map and not key:
            if operator != ":":
                raise refused(self.text)
            return lambda resource: wanted in resource.get(name, {})
        if key and not is_map:
            raise refused(self.text)

        def test(resource: dict[str, Any]) -> bool:
            found = resource.get(name, {}).get(key) if is_map else resource.get(name)
            if found is None:
                return operator == "!="
            if operator == ":":
                return wanted == "*" or wanted.lower() in found.lower()
            if name == "name":
                found = found if "/" in wanted else found.rpartition("/")[2]
            return OPERATORS[operator](found, wanted)

        return test


def refused(text: str) -> Exception:
    """A filter that Secret Manager does not know."""
    return invalid(f"Invalid filter: {text}")
