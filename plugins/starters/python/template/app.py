"""The template engine plugin-name: `${name}` becomes the value of that key.

`componentize-py` wraps this module: its class has the name of the interface that the world exports. An engine reaches
nothing; time and randomness come with each call, in `options`.
"""

import re

from componentize_py_types import Err
from wit_world.exports import engine

PLACE = re.compile(r"\$\{([^{}]*)\}")


class Engine:
    """Rendering."""

    def describe(self) -> engine.Description:
        return engine.Description(name="plugin-name", version="0.1.0", functions=[])

    def render(
        self, templates: list[engine.Template], data: list[tuple[str, bytes]], options: engine.Options
    ) -> list[engine.Rendered]:
        values = dict(data)
        # `varies` is for texts that were made of the clock or the seed.
        return [
            engine.Rendered(template.name, fill(template, values, options.strict), varies=False)
            for template in templates
        ]


def fill(template: engine.Template, values: dict[str, bytes], strict: bool) -> bytes:
    """One template. A key that is not there is nothing, or a failure where the host is strict. Failures name places
    and keys, and never quote a value."""
    text, parts, end = template.text, [], 0
    for place in PLACE.finditer(text):
        name = place.group(1)
        if strict and name not in values:
            before = text[: place.start()]
            line, column = before.count("\n") + 1, place.start() - before.rfind("\n")
            raise Err(engine.Failure(template.name, line, column, f"there is no key {name!r}"))
        parts += [text[end : place.start()].encode(), values.get(name, b"")]
        end = place.end()
    return b"".join(parts) + text[end:].encode()
