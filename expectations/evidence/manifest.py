"""The manifest of a pack: what names it, and the seal that shows every change of itself."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from expectations.evidence.typeface import EMBEDDED

FORMAT = "tillwatch-evidence/1"
MANIFEST = "manifest.json"


def listed(files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """The files of a pack as its manifest lists them: name, size, SHA-256."""
    return [
        {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in sorted(files.items())
    ]


def fonts() -> list[dict[str, str]]:
    """The fonts that a PDF embeds as subsets, with their licences."""
    return [{"name": name, "licence": licence, "copyright": owner} for name, licence, owner in EMBEDDED]


def sealed(manifest: Mapping[str, Any]) -> bytes:
    """A manifest as bytes, with its own SHA-256 (over the same without it) as its last entry."""
    bare = {name: value for name, value in manifest.items() if name != "manifest_sha256"}
    digest = hashlib.sha256(json.dumps(bare, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
    return (json.dumps(bare | {"manifest_sha256": digest}, ensure_ascii=False, indent=1) + "\n").encode()


def unique(proofs: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Ranges or rows of several cases, each once, in order."""
    return list({json.dumps(each, sort_keys=True): each for each in proofs}.values())
