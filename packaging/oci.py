"""Writes a folder as a container image of one layer: an OCI image layout with the same bytes for the
same files and $SOURCE_DATE_EPOCH.

    oci.py ROOT LAYOUT VERSION
"""

import datetime
import gzip
import hashlib
import io
import json
import os
import platform
import sys
import tarfile

NAME = "liveperson_exporter"
USER = 65532
STATE = f"/var/lib/{NAME}"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def layer(root: str, time: int) -> bytes:
    """The files as a tar archive, in order; the state belongs to the user of the image."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for folder, folders, files in os.walk(root):
            folders.sort()
            for name in sorted(folders + files):
                path = os.path.join(folder, name)
                inside = os.path.relpath(path, root)
                entry = archive.gettarinfo(path, inside)
                owner = USER if f"/{inside}" == STATE else 0
                entry.uid = entry.gid = owner
                entry.uname = entry.gname = ""
                entry.mtime = time
                if entry.isreg():
                    with open(path, "rb") as content:
                        archive.addfile(entry, content)
                else:
                    archive.addfile(entry)
    return buffer.getvalue()


class Layout:
    """The blobs of an image layout."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def add(self, content: bytes, kind: str) -> dict:
        """Stores a blob; returns its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        with open(os.path.join(self.folder, "blobs", "sha256", digest), "wb") as blob:
            blob.write(content)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}

    def add_json(self, document: dict, kind: str) -> dict:
        return self.add(as_json(document), kind)

    def write(self, name: str, document: dict) -> None:
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(as_json(document))


def as_json(document: dict) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def configuration(version: str, created: str, uncompressed: bytes) -> dict:
    """What a container of the image runs, and as whom."""
    labels = {
        "org.opencontainers.image.title": NAME,
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "Apache-2.0",
    }
    health = ["CMD", f"/{NAME}", "healthcheck"]
    return {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "created": created,
        "config": {
            "User": f"{USER}:{USER}",
            "Entrypoint": [f"/{NAME}"],
            "Env": [f"STATE_DIRECTORY={STATE}"],
            "ExposedPorts": {"10188/tcp": {}},
            "Volumes": {STATE: {}},
            "StopSignal": "SIGTERM",
            "Labels": labels,
            # Docker's; OCI leaves health checks to Kubernetes and the like, and ignores it.
            "Healthcheck": {"Test": health, "Interval": 30_000_000_000, "Timeout": 6_000_000_000},
        },
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(uncompressed).hexdigest()}"],
        },
        "history": [{"created": created, "created_by": "packaging/image"}],
    }


def main(root: str, folder: str, version: str) -> None:
    time = int(os.environ["SOURCE_DATE_EPOCH"])
    created = datetime.datetime.fromtimestamp(time, datetime.timezone.utc)
    layout = Layout(folder)
    content = layer(root, time)
    image = "application/vnd.oci.image"
    compressed = layout.add(gzip.compress(content, 9, mtime=0), f"{image}.layer.v1.tar+gzip")
    config = configuration(version, created.strftime("%Y-%m-%dT%H:%M:%SZ"), content)
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{image}.manifest.v1+json",
        "config": layout.add_json(config, f"{image}.config.v1+json"),
        "layers": [compressed],
    }
    described = layout.add_json(manifest, f"{image}.manifest.v1+json")
    described["annotations"] = {"org.opencontainers.image.ref.name": f"{NAME}:{version}"}
    layout.write("index.json", {"schemaVersion": 2, "manifests": [described]})
    layout.write("oci-layout", {"imageLayoutVersion": "1.0.0"})


if __name__ == "__main__":
    main(*sys.argv[1:])
