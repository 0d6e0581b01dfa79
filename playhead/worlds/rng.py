"""Randomness as a pure function of a seed and a path.

The one idea: every decision of a world has a name, such as `Rng(seed, "scene", 3, "place")`, and
the name alone says how the dice fall. So worlds do not depend on the order in which they are built,
on the process, on Python's hash seed or on a version of numpy: each stream is BLAKE2b in counter
mode (Aumasson et al., "BLAKE2: simpler, smaller, fast as MD5", 2013) and only whole numbers are
drawn.

Pixel noise needs megabytes: it takes raw 64-bit words of numpy's Philox (Salmon et al., "Parallel
random numbers: as easy as 1, 2, 3", 2011), keyed the same way. Philox's words are fixed by the
algorithm; numpy's distributions are not used, for their streams may change between versions.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

_WORDS = struct.Struct("<8Q")


class Rng:
    """A stream of whole numbers named by a seed and a path of words and numbers."""

    def __init__(self, seed: int, *path: str | int) -> None:
        self._seed, self._path = seed, path
        self._key = blake2b(json.dumps([seed, *path]).encode(), digest_size=32).digest()
        self._counter = 0
        self._words: list[int] = []

    def child(self, *path: str | int) -> Rng:
        """The stream further down the path; drawing from it does not move this one."""
        return Rng(self._seed, *self._path, *path)

    def word(self) -> int:
        """The next 64 random bits."""
        if not self._words:
            block = blake2b(self._counter.to_bytes(8, "little"), key=self._key).digest()
            self._words = list(_WORDS.unpack(block))
            self._counter += 1
        return self._words.pop()

    def below(self, end: int) -> int:
        """A whole number in `[0, end)`, each equally likely.

        Raises:
            ValueError: `end` is not 1 or more.
        """
        if end < 1:
            raise ValueError(f"nothing to draw from: got end={end}")
        limit = 2**64 - 2**64 % end  # words beyond would make small numbers likelier
        while (word := self.word()) >= limit:
            pass
        return word % end

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both possible."""
        return low + self.below(high - low + 1)

    def chance(self, num: int, of: int) -> bool:
        """True `num` times out of `of`."""
        return self.below(of) < num

    def choice(self, items: Sequence[T]) -> T:
        """One of `items`, each equally likely."""
        return items[self.below(len(items))]

    def weighted(self, items: Sequence[T], weights: Sequence[int]) -> T:
        """One of `items`, likelier where its whole-number weight is larger."""
        left = self.below(sum(weights))
        for item, weight in zip(items, weights, strict=True):
            left -= weight
            if left < 0:
                return item
        raise AssertionError("weights add up to more than their sum")

    def sample(self, items: Sequence[T], num: int) -> list[T]:
        """`num` different ones of `items`, in random order.

        Raises:
            ValueError: There are fewer than `num`.
        """
        if num > len(items):
            raise ValueError(f"cannot draw {num} different ones of {len(items)}")
        pool = list(items)
        for i in range(num):
            j = self.between(i, len(pool) - 1)
            pool[i], pool[j] = pool[j], pool[i]
        return pool[:num]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """All `items` in random order."""
        return self.sample(items, len(items))


def noise(seed: int, *path: str | int, num: int) -> NDArray[np.uint8]:
    """`[num]` random bytes named by a seed and a path."""
    digest = blake2b(json.dumps([seed, *path]).encode(), digest_size=16).digest()
    philox = np.random.Philox(key=int.from_bytes(digest, "little"))
    words = philox.random_raw((num + 7) // 8)
    return words.astype("<u8", copy=False).view(np.uint8)[:num]
