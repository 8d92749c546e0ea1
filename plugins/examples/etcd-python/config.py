"""The provider's object of a store. The host has checked it against `config-schema.json` already; what is
checked here is what a schema says less well, with the field's pointer in the error."""

import json
import re
from dataclasses import dataclass

from componentize_py_types import Err
from wit_world.imports import claviger_plugin_types as claviger

# Where the password's reference stands. A plugin asks for a place and not for a name: the host reads there which
# Secret it is, and the schema marks the place (`x-claviger: secretRef`).
PASSWORD_AT = "/auth/passwordSecretRef"


@dataclass
class Config:
    """A store's config."""

    # scheme://host:port, without a slash at the end.
    endpoint: str
    # Before every key.
    prefix: str
    # Is a CA named? The host reads it in the manifest.
    private_ca: bool
    # User of etcd; None: etcd without authentication.
    username: str | None
    # Of the password's Secret; left out: the namespace of whoever asks.
    namespace: str | None

    def is_referent(self, cluster_store: bool) -> bool:
        """Does the credential depend on who asks? Then no two namespaces may share an answer."""
        return cluster_store and self.username is not None and not self.namespace


def parse(text: str) -> Config:
    """Reads a config; raises `invalid-config` with what is wrong, and where."""
    try:
        config = json.loads(text)
        auth = config.get("auth")
        parsed = Config(
            endpoint=config["endpoint"].rstrip("/"),
            prefix=config.get("prefix", ""),
            private_ca="caBundle" in config,
            username=auth["username"] if auth else None,
            namespace=auth["passwordSecretRef"].get("namespace") if auth else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        # Without Python's words: they may quote the config.
        raise invalid("", "endpoint is needed; see the schema") from None
    if not re.fullmatch(r"https?://[^/]+", parsed.endpoint):
        raise invalid("/endpoint", "it must be https://host:port (or http://host:port)")
    return parsed


def invalid(path: str, detail: str) -> Err:
    """An error about a field of the store."""
    return Err(claviger.Error_InvalidConfig(claviger.ConfigError(path, detail)))
