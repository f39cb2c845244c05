"""How large text is, before any program has drawn it.

Every box is given its size, so that no layout depends on the fonts that a program knows. The widths are those of
DejaVu Sans, the widest of the usual sans-serif fonts, rounded up: in Arial a box has some air.
"""

from __future__ import annotations

import unicodedata
from functools import cache

__all__ = ["line_height", "text_width"]

#: widths in thousandths of the font size
_WIDTHS = {300: "'ijlIJ", 350: " ,./:;\\|f", 420: "-()[]t!r", 560: 'sz"*_`?cL', 700: "AVXZBRCK", 800: "UNHDGOQ&"}
_WIDTHS |= {860: "w#+<=>^~M", 1000: "%mW@"}
_BY_LETTER = {letter: width for width, letters in _WIDTHS.items() for letter in letters}
_MOST_LETTERS, _OTHER, _IDEOGRAPH = 640, 860, 1100


@cache
def _width(letter: str) -> int:
    if letter.isascii():
        return _BY_LETTER.get(letter, _MOST_LETTERS)
    if unicodedata.combining(letter):
        return 0
    return _IDEOGRAPH if unicodedata.east_asian_width(letter) in "WF" else _OTHER


def text_width(text: str, size: float) -> int:
    """A width in points that holds one line of `text`.

    >>> text_width("matmul", 10)
    40
    """
    return -(-sum(map(_width, text)) * int(size) // 1000)


def line_height(size: float) -> int:
    """The distance between lines in points, as Graphviz has it.

    >>> line_height(11)
    13
    """
    return int(size * 1.2)
