"""Where things are in a picture of any size, in whole pixels.

Everything is designed on a stage of 240 x 320 pixels and scaled by whole-number arithmetic. The
renderer paints by this layout, the eyes look by it, and the rules of observability measure texts
with it.
"""

from __future__ import annotations

from dataclasses import dataclass

GLYPH_HEIGHT, GLYPH_WIDTH, ADVANCE = 7, 5, 6
"""Size of a character and the distance to the next one, in dots of the font."""


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, half-open."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    @property
    def center(self) -> tuple[int, int]:
        """Row and column of the middle."""
        return (self.top + self.bottom) // 2, (self.left + self.right) // 2


@dataclass(frozen=True)
class Layout:
    """The stage at one size."""

    height: int
    width: int

    def down(self, y: int) -> int:
        """A row of the 240 x 320 stage, in pixels of this one."""
        return y * self.height // 240

    def across(self, x: int) -> int:
        """A column of the 240 x 320 stage, in pixels of this one."""
        return x * self.width // 320

    def size(self, length: int) -> int:
        """A length that keeps its proportions, in pixels: at least 1."""
        return max(1, length * min(self.height * 4, self.width * 3) // 960)

    @property
    def margin(self) -> int:
        """How near the edge things may be, so that a moving camera does not lose them."""
        return max(8, self.size(10))

    @property
    def dot(self) -> int:
        """Pixels per dot of the font on cards, labels and banners."""
        return max(2, self.size(2))

    @property
    def label(self) -> tuple[int, int]:
        """Top and left of the plate with the place's name."""
        return self.down(4), self.margin

    @property
    def lamp(self) -> tuple[int, int, int]:
        """Row and column of the lamp's middle, and its radius."""
        radius = self.size(9)
        return max(self.down(13), radius + 5), self.width - self.across(20), radius

    @property
    def wall(self) -> Box:
        """Where signs hang."""
        top = max(self.down(27), self.label[0] + (GLYPH_HEIGHT + 4) * self.dot + 2)
        return Box(top, self.margin, self.down(87), self.across(260))

    @property
    def door(self) -> Box:
        """The door in its frame."""
        return Box(self.down(32), self.across(274), self.down(87), self.across(308))

    @property
    def card_row(self) -> int:
        """The row of a raised card's middle."""
        return self.down(105)

    @property
    def radius(self) -> int:
        """Half the width of an actor's body."""
        return self.size(22)

    @property
    def actor_row(self) -> int:
        """The row of a standing actor's middle."""
        return self.down(187) - self.radius - max(2, self.size(2))

    @property
    def edge(self) -> int:
        """The row behind which actors go down: the front edge of the stage."""
        return self.down(191)

    @property
    def table(self) -> Box:
        """Where the cups stand."""
        return Box(self.edge, 0, self.banner.top, self.width)

    @property
    def banner(self) -> Box:
        """Where overlay text appears."""
        least = (GLYPH_HEIGHT + 3) * self.dot
        return Box(min(self.down(219), self.height - least), 0, self.height, self.width)

    def slot(self, index: int, num: int) -> int:
        """The column of the middle of an actor's slot: `index` of `num` from the left."""
        return self.width * (2 * index + 1) // (2 * num)

    def cup(self, slot: int) -> int:
        """The column of the middle of a cup's slot."""
        return self.width // 2 + (slot - 1) * self.across(60)

    def card(self, num: int) -> tuple[int, int]:
        """Height and width of a card with `num` characters."""
        pad = 2 * self.dot
        return (
            GLYPH_HEIGHT * self.dot + 2 * pad,
            text_width(num, GLYPH_HEIGHT * self.dot) + 2 * pad,
        )

    @property
    def thing(self) -> int:
        """Height and width of the plate that shows a carried thing."""
        return 11 * self.dot

    def raised(self, column: int, height: int, width: int) -> Box:
        """Where something of this size is held up by an actor who stands at `column`."""
        left = min(max(column - width // 2, self.margin), self.width - self.margin - width)
        top = self.card_row - height // 2
        return Box(top, left, top + height, left + width)

    def sign(self, num: int, glyph_px: int) -> tuple[int, int]:
        """Height and width of a sign with `num` characters of height `glyph_px`."""
        pad = 2 + glyph_px // 3
        return glyph_px + 2 * pad, text_width(num, glyph_px) + 2 * pad

    @property
    def banner_characters(self) -> int:
        """How many characters an overlay may have."""
        return (self.width - 4 * self.dot) // (ADVANCE * self.dot)


def text_width(num: int, glyph_px: int) -> int:
    """Width of `num` characters of height `glyph_px`, in pixels."""
    return (ADVANCE * num - 1) * glyph_px // GLYPH_HEIGHT
