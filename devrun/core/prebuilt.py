"""Images that others build: what they are known by, so that the disk and the engine say the same."""

import hashlib
import json

from devrun.config.project import PrebuiltImage
from devrun.core.values import Fingerprint

FINGERPRINT_LENGTH = 16


def fingerprint_of(image: PrebuiltImage) -> Fingerprint:
    """Return the fingerprint of an image that no file decides on: that of its reference and platform.

    A registry may have a newer one under the same reference; only a rebuild asks for it.
    """
    said = json.dumps([image.reference, image.platform])
    return Fingerprint(hashlib.sha256(said.encode()).hexdigest()[:FINGERPRINT_LENGTH])
