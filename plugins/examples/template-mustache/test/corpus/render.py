#!/usr/bin/env python3
"""Renders corpus.json with pystache, Mustache for Python, and writes expected.json: what the engine has to produce,
byte for byte. Run it after changing the corpus, with the package of requirements.txt:
`python3 render.py corpus.json expected.json`.

The language is pystache's, without its escaping for HTML. What a value that is JSON looks like where it is printed
whole is this engine's own rule, and so is that a value is one if it begins with a bracket.

Deliberate differences, which the corpus leaves out:
- an empty JSON object is true (JavaScript's rule; Python's is the other);
- true, false, null and fractions are printed as JSON prints them, null as nothing;
- a tag or a section that is not closed is an error, where pystache takes what there is;
- elements of lists have their numbers as names;
- there are no partials.
"""

import json
import sys

import pystache
from pystache.common import MissingTags


class Printed:
    def __str__(self):
        return self.text


class PrintedObject(Printed, dict):
    pass


class PrintedList(Printed, list):
    pass


def printable(value, text=None):
    """An object or list that prints as JSON, as it came where that is known."""
    if isinstance(value, dict):
        made = PrintedObject((key, printable(inner)) for key, inner in value.items())
    elif isinstance(value, list):
        made = PrintedList(printable(inner) for inner in value)
    else:
        return value
    made.text = text or json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return made


def view(text):
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return printable(json.loads(text), text)
    except ValueError:
        return text


def render(case, data):
    missing = MissingTags.ignore if case.get("lenient") else MissingTags.strict
    renderer = pystache.Renderer(escape=lambda text: text, missing_tags=missing)
    tags = case.get("tags")
    template = pystache.parse(case["template"], delimiters=tuple(tags) if tags else None)
    return renderer.render(template, data)


def main(corpus_path, expected_path):
    with open(corpus_path, encoding="utf-8") as file:
        corpus = json.load(file)
    data = {key: view(text) for key, text in corpus["data"].items()}
    expected = []
    for case in corpus["cases"]:
        try:
            answer = {"output": render(case, data)}
        except Exception as error:  # whatever pystache says, it is a failure
            answer = {"error": f"{type(error).__name__}: {error}"}
        expected.append({"template": case["template"], **answer})
    with open(expected_path, "w", encoding="utf-8") as file:
        json.dump(expected, file, indent=1, ensure_ascii=False)
        file.write("\n")


main(*sys.argv[1:])
