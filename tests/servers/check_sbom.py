"""Judges bills of materials, which it is given as arguments, by CycloneDX's own library; a test runs this.

By the schema of the version, by its model (every reference leads somewhere), licences by SPDX's list and purls by their
specification. Prints what is wrong, a line each; nothing, if all is well.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import get_spdx_licensing
from packageurl import PackageURL


def wrong(text: str) -> Iterator[str]:
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        yield f"schema: {error}"
        return
    bill = json.loads(text)
    Bom.from_json(bill).validate()
    parts = [bill["metadata"]["component"], *bill["components"]]
    licensing = get_spdx_licensing()
    for part in parts:
        for licence in part.get("licenses", []):
            errors = licensing.validate(licence["expression"], strict=True).errors
            yield from (f"{part['name']}: {error}" for error in errors)
        if "purl" in part:
            purl = PackageURL.from_string(part["purl"])
            if (purl.name, purl.version) != (part["name"], part["version"]):
                yield f"{part['name']} {part['version']}: its purl is {part['purl']}"
    known = {part["bom-ref"] for part in parts}
    listed = {entry["ref"] for entry in bill["dependencies"]}
    yield from (f"{ref} has no dependencies" for ref in known - listed)
    yield from (f"{ref} is no component" for ref in listed - known)


def main() -> None:
    found = [f"{path}: {error}" for path in sys.argv[1:] for error in wrong(Path(path).read_text())]
    print("\n".join(found))
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
