"""Key Vault's secrets: values of at most 25 KiB with a content type; one that is disabled cannot be read."""

from typing import Any

from azure_errors import VaultError, bad_parameter
from azure_objects import Asked, Kind, Version

# "Azure Key Vault secrets": 25k bytes each.
LONGEST = 25 * 1024


class Secrets(Kind):
    """The secrets of one vault."""

    name, word, code = "secrets", "secret", "SecretNotFound"
    writes = {("PUT", ""): "set", ("PATCH", ""): "set"}

    def bundle(self, asked: Asked, name: str, version: Version) -> dict[str, Any]:
        found = {"value": version.content["value"], **self.item(asked, name, version, True)}
        if "kid" in version.content:
            found["kid"] = self.link(asked, name, version, "keys")
        return found

    def item(self, asked: Asked, name: str, version: Version, whole: bool) -> dict[str, Any]:
        found = super().item(asked, name, version, whole)
        if version.content.get("contentType") is not None:
            found["contentType"] = version.content["contentType"]
        return found

    def readable(self, version: Version) -> None:
        if not version.attributes["enabled"]:
            message = "Operation get is not allowed on a disabled secret."
            raise VaultError(403, "Forbidden", message, "SecretDisabled")

    def write(self, asked: Asked, name: str, rest: str) -> dict[str, Any]:
        if asked.method == "PUT":
            value = asked.body.get("value")
            if not isinstance(value, str):
                raise bad_parameter("Property value is required.")
            if len(value.encode()) > LONGEST:
                raise bad_parameter("The secret value exceeds the maximum size of 25600 bytes.")
            content = {"value": value, "contentType": asked.body.get("contentType")}
            return self.bundle(asked, name, self.add(name, content, asked))
        version = self.version(name, rest)
        self.update(asked, version)
        if asked.body.get("contentType") is not None:
            version.content["contentType"] = asked.body["contentType"]
        found = self.bundle(asked, name, version)
        del found["value"]
        return found
