"""What Secret Manager checks of a secret's fields, and its checksum.

The limits are those of the `Secret` resource's page in the REST reference. CRC32C is computed here by its
definition (RFC 3720, appendix B.4), not by a library that the product or Google's clients use.
"""

import re
from typing import Any

from google_errors import invalid

LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
ANNOTATION_KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
TOPIC = re.compile(r"projects/[^/]+/topics/[^/]+")
KMS_KEY = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")
MOST_TOPICS = 10
KNOWN = {
    "labels",
    "annotations",
    "versionAliases",
    "replication",
    "topics",
    "ttl",
    "expireTime",
    "etag",
    "name",
    "versionDestroyTtl",
    "rotation",
    "tags",
    "customerManagedEncryption",
    "createTime",
}


def check_secret(given: dict[str, Any], regional: bool, versions: int = 0) -> None:
    """Refuses what the reference does not allow."""
    for name in given:
        if name not in KNOWN:
            raise invalid(
                f"Invalid JSON payload received. Unknown name \"{name}\" at 'secret': Cannot find field."
            )
    if regional and "replication" in given:
        raise invalid("Replication is not supported for regional secrets.")
    if not regional and not {"automatic", "userManaged"} & (given.get("replication") or {}).keys():
        raise invalid("Secret.replication must be provided.")
    check_replication(given.get("replication") or {})
    # "Regionalized secrets" alone have a key of their own; those of a global one are its replicas'.
    if "customerManagedEncryption" in given:
        if not regional:
            raise invalid("customer_managed_encryption is supported for regional secrets only.")
        check_key(given)
    topics = given.get("topics") or []
    if len(topics) > MOST_TOPICS or not all(TOPIC.fullmatch(each.get("name", "")) for each in topics):
        raise invalid("Invalid topics: at most 10, as projects/*/topics/*.")
    labels, annotations = given.get("labels") or {}, given.get("annotations") or {}
    aliases = given.get("versionAliases") or {}
    if len(labels) > 64 or not all(LABEL_KEY.fullmatch(key) for key in labels):
        raise invalid("Invalid label key.")
    if not all(LABEL_VALUE.fullmatch(value) for value in labels.values()):
        raise invalid("Invalid label value.")
    if sum(len(key) + len(value) for key, value in annotations.items()) > 16 * 1024:
        raise invalid("The annotations are larger than 16 KiB.")
    if not all(ANNOTATION_KEY.fullmatch(key) for key in annotations):
        raise invalid("Invalid annotation key.")
    for alias, number in aliases.items():
        if not ALIAS.fullmatch(alias) or alias in ("latest", "NEW"):
            raise invalid(f"Invalid version alias {alias!r}.")
        if not 1 <= int(number) <= versions:
            raise invalid(f"Version alias {alias!r} is of a version that does not exist.")
        # int64 is text in JSON.
        aliases[alias] = str(number)


def check_replication(replication: dict[str, Any]) -> None:
    """Either of both, with locations that are named once, and keys of Cloud KMS."""
    if {"automatic", "userManaged"} <= replication.keys():
        raise invalid("Invalid value at 'secret.replication': oneof field 'replication' is already set.")
    check_key(replication.get("automatic") or {})
    if "userManaged" in replication:
        replicas = replication["userManaged"].get("replicas") or []
        locations = [replica.get("location", "") for replica in replicas]
        if not locations or "" in locations or len(set(locations)) < len(locations):
            raise invalid("Secret.replication.user_managed.replicas must have locations, each once.")
        # "Either all or none of the replicas" have a key.
        if len({"customerManagedEncryption" in replica for replica in replicas}) > 1:
            raise invalid("Customer managed encryption must be set for all replicas or for none.")
        for replica in replicas:
            check_key(replica)


def check_key(given: dict[str, Any]) -> None:
    """The name of a key, where one is given."""
    key = given.get("customerManagedEncryption")
    if key is not None and not KMS_KEY.fullmatch(key.get("kmsKeyName", "")):
        raise invalid("Invalid kms_key_name: projects/*/locations/*/keyRings/*/cryptoKeys/*.")


def replication_status(replication: dict[str, Any]) -> dict[str, Any]:
    """Of a version: its key's version is not told here, since nothing is encrypted."""
    if "userManaged" not in replication:
        return {"automatic": {}}
    replicas = replication["userManaged"]["replicas"]
    return {"userManaged": {"replicas": [{"location": replica["location"]} for replica in replicas]}}


def table() -> list[int]:
    """The remainders of all bytes by the reflected polynomial of CRC32C."""
    found = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        found.append(value)
    return found


TABLE = table()


def crc32c(data: bytes) -> int:
    """The checksum, unsigned."""
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF
