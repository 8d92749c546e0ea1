"""What `cosign sign --key` leaves in a registry, by its specification (sigstore/cosign, specs/SIGNATURE_SPEC.md).

    cosign.py key DIRECTORY                      makes key.pem and cosign.pub (ECDSA P-256)
    cosign.py sign REGISTRY REPOSITORY DIGEST DIRECTORY
                                                 signs the manifest with that digest, and puts the signature beside it

REGISTRY is a URL; who logs in stands in the variable REGISTRY_LOGIN (USER:PASSWORD). The cryptography is OpenSSL's. No
transparency log, no certificates, no annotations: the signature by the key alone.
"""

import base64
import hashlib
import json
import os
import pathlib
import sys
import urllib.parse
import urllib.request

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


def key(directory):
    made = ec.generate_private_key(ec.SECP256R1())
    private = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "key.pem").write_bytes(private)
    (directory / "cosign.pub").write_bytes(public)


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def call(method, url, content=None, kind=None):
    request = urllib.request.Request(url, data=content, method=method)
    login = base64.b64encode(os.environ["REGISTRY_LOGIN"].encode()).decode()
    request.add_header("Authorization", "Basic " + login)
    if kind:
        request.add_header("Content-Type", kind)
    # Not by the proxy of whose machine it is.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as response:
        return response.headers


def blob(base, content, kind):
    place = urllib.parse.urljoin(base, call("POST", base + "blobs/uploads/", b"")["Location"])
    place += ("&" if "?" in place else "?") + "digest=" + digest_of(content)
    call("PUT", place, content, "application/octet-stream")
    return {"mediaType": kind, "digest": digest_of(content), "size": len(content)}


def sign(registry, repository, digest, directory):
    host = urllib.parse.urlsplit(registry).netloc
    payload = json.dumps(
        {
            "critical": {
                "identity": {"docker-reference": f"{host}/{repository}"},
                "image": {"docker-manifest-digest": digest},
                "type": "cosign container image signature",
            },
            "optional": None,
        },
        separators=(",", ":"),
    ).encode()
    signer = serialization.load_pem_private_key((directory / "key.pem").read_bytes(), None)
    signature = base64.b64encode(signer.sign(payload, ec.ECDSA(hashes.SHA256()))).decode()
    base = f"{registry}/v2/{repository}/"
    layer = blob(base, payload, PAYLOAD)
    layer["annotations"] = {"dev.cosignproject.cosign/signature": signature}
    config = json.dumps(
        {
            "architecture": "",
            "os": "",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        }
    ).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": blob(base, config, CONFIG),
        "layers": [layer],
    }
    tag = digest.replace(":", "-") + ".sig"
    call("PUT", f"{base}manifests/{tag}", json.dumps(manifest).encode(), MANIFEST)


def main(arguments):
    match arguments:
        case ["key", directory]:
            key(pathlib.Path(directory))
        case ["sign", registry, repository, digest, directory]:
            sign(registry, repository, digest, pathlib.Path(directory))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
