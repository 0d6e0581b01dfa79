"""Commit and reveal: test seeds that nobody can have trained on.

Before a competition, publish the SHA-256 of a random salt. Test videos are made from the salt, so
nobody knows them. Afterwards publish the salt: everybody can check that it is the one promised and
make the same videos again.

    promise = commit()                       # keep promise.salt, publish promise.digest
    verify(promise.salt, promise.digest)     # afterwards, by anyone
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from hashlib import blake2b, sha256

TEST_SEEDS_FROM = 2**32
"""Seeds of test videos are at least this; training and development seeds are below."""
_SALT_BYTES = 32


@dataclass(frozen=True)
class Commitment:
    """A secret and the promise of it."""

    salt: str
    """64 hexadecimal digits. Secret until revealed."""
    digest: str
    """SHA-256 of the salt's bytes, in hexadecimal. To be published at once."""


def commit(salt: str | None = None) -> Commitment:
    """A new secret salt and what to publish of it.

    Args:
        salt: 64 hexadecimal digits. None: drawn by the operating system.

    Raises:
        ValueError: The salt is not that.
    """
    salt = secrets.token_hex(_SALT_BYTES) if salt is None else salt
    return Commitment(salt, sha256(_bytes_of(salt)).hexdigest())


def verify(salt: str, digest: str) -> bool:
    """Whether a revealed salt is the one whose digest was published.

    Raises:
        ValueError: The salt is not 64 hexadecimal digits.
    """
    return secrets.compare_digest(sha256(_bytes_of(salt)).hexdigest(), digest.strip().lower())


def seed_of_test(salt: str, index: int) -> int:
    """The seed of test video `index`, from 0: a whole number from 2**32 on."""
    digest = blake2b(index.to_bytes(8, "little"), key=_bytes_of(salt), digest_size=8).digest()
    return TEST_SEEDS_FROM + int.from_bytes(digest, "little") % 2**62


def _bytes_of(salt: str) -> bytes:
    if not re.fullmatch(rf"[0-9a-fA-F]{{{2 * _SALT_BYTES}}}", salt):
        raise ValueError(f"a salt is {2 * _SALT_BYTES} hexadecimal digits: got {len(salt)} of text")
    return bytes.fromhex(salt)
