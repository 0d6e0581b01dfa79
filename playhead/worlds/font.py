"""A small bitmap font, so that text in a world is the same dots on every machine.

Characters are 5 x 7 dots. They were drawn to differ: any two of the 28 glyphs of codes differ in at
least four dots (a test measures it), so one lost dot never makes one of them another.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from playhead.worlds.layout import ADVANCE, GLYPH_HEIGHT, GLYPH_WIDTH, text_width

_DRAWN = """
A .###. #...# #...# ##### #...# #...# #...#
B ####. #...# #...# ####. #...# #...# ####.
C .#### #.... #.... #.... #.... #.... .####
D ####. #..## #...# #...# #...# #..## ####.
E ##### #.... #.... ####. #.... #.... #####
F ##### #.... #.... ####. #.... #.... #....
G .#### #.... #.... #.### #...# #...# .###.
H #...# #...# #...# ##### #...# #...# #...#
I .###. ..#.. ..#.. ..#.. ..#.. ..#.. .###.
J ..### ....# ....# ....# ....# #...# .###.
K #...# #..#. #.#.. ##... #.#.. #..#. #...#
L #.... #.... #.... #.... #.... #.... #####
M #...# ##.## #.#.# #.#.# #...# #...# #...#
N #...# ##..# ##..# #.#.# #..## #..## #...#
O .###. #...# #...# #...# #...# #...# .###.
P ####. #...# #...# #...# ####. #.... #....
Q .###. #...# #...# #...# #.#.# #..#. .##.#
R ####. #...# #...# ####. #.#.. #..#. #...#
S .#### #.... #.... .###. ....# ....# ####.
T ##### ..#.. ..#.. ..#.. ..#.. ..#.. ..#..
U #...# #...# #...# #...# #...# ##.## .###.
V #...# #...# #...# .#.#. .#.#. ..#.. ..#..
W #...# #...# #...# #.#.# #.#.# ##.## #...#
X #...# #...# .#.#. ..#.. .#.#. #...# #...#
Y #...# #...# .#.#. ..#.. ..#.. ..#.. ..#..
Z ##### ....# ...#. ..#.. .#... #.... #####
0 .###. #...# #..## #.#.# ##..# #...# .###.
1 ..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.
2 .###. #...# ....# ...#. ..#.. .#... #####
3 ####. ....# ....# .###. ....# ....# ####.
4 ...#. ..##. .#.#. #..#. ##### ...#. ...#.
5 ##### #.... ####. ....# ....# #...# .###.
6 ..##. .#... #.... ####. #...# #...# .###.
7 ##### ....# ...#. ...#. ..#.. ..#.. ..#..
8 .###. #...# #...# .###. #...# #...# .###.
9 .###. #...# #...# .#### ....# ...#. .##..
. ..... ..... ..... ..... ..... .##.. .##..
! ..#.. ..#.. ..#.. ..#.. ..... ..#.. ..#..
? .###. #...# ....# ...#. ..#.. ..... ..#..
: ..... .##.. .##.. ..... .##.. .##.. .....
- ..... ..... ..... .###. ..... ..... .....
> #.... .#... ..#.. ...#. ..#.. .#... #....
' ..#.. ..#.. .#... ..... ..... ..... .....
"""


def _read(drawn: str) -> dict[str, NDArray[np.bool_]]:
    font = {" ": np.zeros((GLYPH_HEIGHT, GLYPH_WIDTH), dtype=np.bool_)}
    for line in drawn.strip().splitlines():
        character, *rows = line.split()
        font[character] = np.array([[dot == "#" for dot in row] for row in rows], dtype=np.bool_)
    for dots in font.values():
        dots.setflags(write=False)
    return font


FONT = MappingProxyType(_read(_DRAWN))
"""The dots of each character: `[7, 5]`, True for ink."""
PRINTABLE = "".join(FONT)
"""Every character there is."""


def text_dots(text: str) -> NDArray[np.bool_]:
    """`[7, 6 n - 1]`: one line of text, True for ink.

    Raises:
        KeyError: The font has no such character; it has capitals, digits and `. ! ? : - > '`.
    """
    dots = np.zeros((GLYPH_HEIGHT, ADVANCE * len(text) - 1), dtype=np.bool_)
    for i, character in enumerate(text):
        dots[:, ADVANCE * i : ADVANCE * i + GLYPH_WIDTH] = FONT[character]
    return dots


def text_mask(text: str, glyph_px: int) -> NDArray[np.bool_]:
    """`[glyph_px, W]`: one line of text whose characters are `glyph_px` pixels high."""
    dots = text_dots(text)
    rows = np.arange(glyph_px) * GLYPH_HEIGHT // glyph_px
    width = text_width(len(text), glyph_px)
    columns = np.arange(width) * dots.shape[1] // width
    return dots[rows[:, None], columns[None, :]]
