#!/usr/bin/env python3
"""Renders corpus.json with Jinja2 itself and writes expected.json: what the template-jinja plugin has to
produce, byte for byte. Run it after changing the corpus, with the packages of requirements.txt:
`python3 render.py corpus.json expected.json`.

The language is Jinja2's. The filters that Jinja2 does not have are Python's own base64, json, hashlib and
yaml, behind the names that the plugin has.

Deliberate differences, which the corpus leaves out:
- `tojson` escapes nothing for HTML and keeps the order of keys (Jinja2's filter sorts them);
- base64 with foreign characters is an error (Python's decoder skips them);
- `fromyaml` reads times and base-60 numbers as text, and the numbers of YAML 1.2 too (`1e3`, `0o7`);
- `toyaml` quotes more than PyYAML does, and with double quotes;
- `quote` is a double-quoted text, where Ansible's quotes for a shell;
- quotes and slashes are escaped for HTML by other names, and blanks in the query of `urlencode` as %20;
- integers have 128 bits, those of JSON 64; floats are never written with an exponent;
- a loop over a text knows no length;
- there is no include, import, extends or block, and no `%` on texts (the filter `format` is there).
"""

import base64
import hashlib
import io
import json
import sys
import time

import jinja2
import yaml

NOW = 1_709_211_845  # the Rust test has the same


def raw(value):
    return value if isinstance(value, bytes) else str(value).encode()


def text(value):
    """A text where the bytes are one, as the plugin does."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def unpadded(value):
    value = "".join(str(value).split())
    return value + "=" * (-len(value) % 4)


def b64urlencode(value, padding=True):
    encoded = base64.urlsafe_b64encode(raw(value)).decode()
    return encoded if padding else encoded.rstrip("=")


def tojson(value, indent=None):
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)


class Dumper(yaml.SafeDumper):
    """Blocks for lines, and double quotes where there must be quotes."""

    def represent_text(self, value):
        if "\n" in value:
            return self.represent_scalar("tag:yaml.org,2002:str", value, style="|")
        plain = yaml.safe_dump(value, allow_unicode=True, width=10**9)
        style = '"' if plain[0] in "'\"" else None
        return self.represent_scalar("tag:yaml.org,2002:str", value, style=style)


Dumper.add_representer(str, Dumper.represent_text)


def toyaml(value):
    out = io.StringIO()
    yaml.dump(value, out, Dumper, default_flow_style=False, sort_keys=False, allow_unicode=True, width=10**9)
    return out.getvalue().removesuffix("\n").removesuffix("\n...")


def required(value, message="a required value is missing"):
    if value is None or value == "" or isinstance(value, jinja2.Undefined):
        raise ValueError(message)
    return value


def nindent(value, width):
    return "".join("\n" + (" " * width + line if line else "") for line in str(value).split("\n"))


def strftime(layout, seconds):
    # Python's %s is local time; the plugin's times are UTC.
    return time.strftime(layout.replace("%s", str(seconds)), time.gmtime(seconds))


FILTERS = {
    "b64encode": lambda value: base64.b64encode(raw(value)).decode(),
    "b64decode": lambda value: text(base64.b64decode(unpadded(value), validate=True)),
    "b64urlencode": b64urlencode,
    "b64urldecode": lambda value: text(base64.urlsafe_b64decode(unpadded(value))),
    "hexencode": lambda value: raw(value).hex(),
    "hexdecode": lambda value: text(bytes.fromhex(str(value))),
    "sha1": lambda value: hashlib.sha1(raw(value)).hexdigest(),
    "sha256": lambda value: hashlib.sha256(raw(value)).hexdigest(),
    "sha512": lambda value: hashlib.sha512(raw(value)).hexdigest(),
    "tojson": tojson,
    "to_json": tojson,
    "fromjson": json.loads,
    "from_json": json.loads,
    "toyaml": toyaml,
    "to_yaml": toyaml,
    "fromyaml": yaml.safe_load,
    "from_yaml": yaml.safe_load,
    "quote": lambda value: json.dumps(str(value), ensure_ascii=False),
    "squote": lambda value: "'" + str(value).replace("'", "''") + "'",
    "nindent": nindent,
    "required": required,
    "split": lambda value, separator=None, count=-1: value.split(separator, count),
    "isoformat": lambda seconds: strftime("%Y-%m-%dT%H:%M:%SZ", seconds),
    "datetimeformat": lambda seconds, format="%Y-%m-%dT%H:%M:%SZ": strftime(format, seconds),
    "strftime": strftime,
}


def render(case, shared):
    environment = jinja2.Environment(
        undefined=jinja2.Undefined if case.get("lenient") else jinja2.StrictUndefined,
        keep_trailing_newline=True,
        extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"],
        variable_start_string=case.get("left") or "{{",
        variable_end_string=case.get("right") or "}}",
    )
    environment.filters.update(FILTERS)
    environment.globals["now"] = lambda utc=True: NOW
    data = dict(shared["data"], **case.get("data", {}))
    data.update((key, text(base64.b64decode(value))) for key, value in shared["binary"].items())
    return environment.from_string(case["template"]).render(dict(data, data=data))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        corpus = json.load(file)
    outcomes = []
    for case in corpus["cases"]:
        try:
            outcomes.append({"template": case["template"], "output": render(case, corpus)})
        except Exception as error:  # whatever Jinja2 or a filter says
            outcomes.append({"template": case["template"], "error": f"{type(error).__name__}: {error}"})
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump(outcomes, file, ensure_ascii=False, indent=1)
        file.write("\n")


main()
