"""Tables of documented answers: requests as they are written there, and how an answer differs.

In a table `$NAME` stands for a value of the run; in answers `~` begins a regular expression, `!` asks for a
field's absence, and fields that are not named are not looked at. Asking is each judge's own affair.
"""

import re
from typing import Any


def filled(value: Any, values: dict[str, str]) -> Any:
    """With the run's values for their names."""
    if isinstance(value, str):
        return re.sub(r"\$([A-Z_0-9]+)", lambda found: values.get(found[1], found[0]), value)
    if isinstance(value, dict):
        return {filled(name, values): filled(each, values) for name, each in value.items()}
    return [filled(each, values) for each in value] if isinstance(value, list) else value


def differences(wanted: Any, found: Any, at: str = "") -> list[str]:
    """Where an answer is not as it should be."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        absent = [f"{at}/{name} is there" for name, value in wanted.items() if value == "!" and name in found]
        named = [(name, value) for name, value in wanted.items() if value != "!"]
        return absent + [
            each for name, value in named for each in differences(value, found.get(name), f"{at}/{name}")
        ]
    if isinstance(wanted, list) and isinstance(found, list):
        if len(wanted) != len(found):
            return [f"{at}: {len(found)} of them, not {len(wanted)}"]
        pairs = enumerate(zip(wanted, found, strict=True))
        return [each for index, pair in pairs for each in differences(*pair, f"{at}/{index}")]
    if isinstance(wanted, str) and wanted.startswith("~"):
        fits = found is not None and re.fullmatch(wanted[1:], str(found), re.DOTALL)
        return [] if fits else [f"{at}: {found!r}"]
    return [] if wanted == found and type(wanted) is type(found) else [f"{at}: {found!r}, not {wanted!r}"]
