"""Lines over the epochs as SVG: loss curves, magnitudes, shares."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from autograd_lite.show.digits import number

__all__ = ["curves"]

_WIDTH, _HEIGHT = 640, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 630, 10, 215


def curves(
    title: str,
    epochs: Sequence[int],
    lines: Mapping[str, Sequence[float]],
    *,
    log: bool = False,
    bounds: tuple[float, float] | None = None,
) -> str:
    """A figure with one line for each entry of `lines`, a marker for one epoch, and a legend.

    Args:
        title: what stands above it.
        epochs: where the numbers were taken, at least one, ascending.
        lines: as many numbers as epochs by name; NaN and infinity leave a gap.
        log: a logarithmic scale, if every number allows it.
        bounds: the ends of the scale; default: the least and the greatest number.

    Lines differ in colour and, beyond eight of them, in their dashes too.

    >>> "<polyline" in curves("loss", [0, 1], {"loss": [2.0, 1.0]})
    True
    """
    finite = [y for values in lines.values() for y in values if math.isfinite(y)]
    log = log and bool(finite) and min(finite) > 0
    scaled = [math.log10(y) for y in finite] if log else finite
    low, high = (min(scaled), max(scaled)) if scaled else (0.0, 1.0)
    low, high = bounds or (low, high)
    if high - low < 1e-12 * max(1.0, abs(high)):
        low, high = low - 0.5, high + 0.5
    span = max(epochs[-1] - epochs[0], 1)

    def place(epoch: float, y: float) -> str:
        up = ((math.log10(y) if log else y) - low) / (high - low)
        x = _LEFT + (_RIGHT - _LEFT) * (epoch - epochs[0]) / span
        return f"{x:.1f},{_BOTTOM - (_BOTTOM - _TOP) * up:.1f}"

    drawn = []
    for i, values in enumerate(lines.values()):
        style = f'class="line c{i % 8} d{i // 8 % 4}"'
        for part in _unbroken(epochs, values):
            if len(part) == 1:
                x, y = place(*part[0]).split(",")
                drawn.append(f'<circle {style} cx="{x}" cy="{y}" r="2.5"/>')
            else:
                drawn.append(f'<polyline {style} points="{" ".join(place(*point) for point in part)}"/>')
    labels = []
    for share in (0.0, 0.5, 1.0):
        value = low + share * (high - low)
        up = _BOTTOM - (_BOTTOM - _TOP) * share
        word = number(10**value if log else value, 3)
        labels.append(f'<path class="rule" d="M{_LEFT} {up:.1f}H{_RIGHT}"/>')
        labels.append(f'<text x="{_LEFT - 6}" y="{up + 4:.1f}" text-anchor="end">{word}</text>')
    labels += [
        f'<text x="{_LEFT}" y="{_BOTTOM + 18}">epoch {epochs[0] + 1}</text>',
        f'<text x="{_RIGHT}" y="{_BOTTOM + 18}" text-anchor="end">{epochs[-1] + 1}</text>',
    ]
    legend = "".join(
        f'<li><svg class="key" viewBox="0 0 24 8" aria-hidden="true"><path class="line c{i % 8} d{i // 8 % 4}" '
        f'd="M0 4H24"/></svg> {escape(name)}</li>'
        for i, name in enumerate(lines)
    )
    scale = ", logarithmic scale" if log else ""
    return (
        f'<figure class="curves"><figcaption>{escape(title)}{scale}</figcaption>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)} over the epochs{scale}" '
        f'data-first="{epochs[0]}" data-span="{span}" data-left="{_LEFT}" data-right="{_RIGHT}">'
        f"{''.join(labels)}{''.join(drawn)}"
        f'<path class="marker" d="M{_LEFT} {_TOP}V{_BOTTOM}"/></svg><ul class="legend">{legend}</ul></figure>'
    )


def _unbroken(epochs: Sequence[int], values: Sequence[float]) -> list[list[tuple[int, float]]]:
    """The points, cut where a number is not finite."""
    parts: list[list[tuple[int, float]]] = [[]]
    for epoch, y in zip(epochs, values, strict=True):
        if math.isfinite(y):
            parts[-1].append((epoch, y))
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part]
