"""Entry by entry: a gradient under test, the finite difference, and the verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_lite.check.differences import Sides, sides, slope
from autograd_lite.check.patterns import pattern
from autograd_lite.check.report import INCONCLUSIVE, RIGHT, WRONG, Entry, GradcheckReport, InputReport

__all__ = ["Options", "Weights", "compare", "losses", "random_weights", "unit_weights"]

Array = np.ndarray[Any, Any]
Weights = list[Array]  # one for each output of the function
Losses = Callable[[Sequence[Array]], Array]

# A kink nearer than this is one at the point itself.
_NEAR = 2e-5


@dataclass(frozen=True)
class Options:
    """The options of `gradcheck` by the same names."""

    eps: float | None
    atol: float
    rtol: float
    max_entries: int | None
    seed: int


# --- from the outputs of a function to the losses that are compared -----------------------------------------------


def losses(outputs: Sequence[Array], rows: Sequence[Weights]) -> Array:
    """For each row of weights the loss `sum(Re(conj(w) * y))`, in double precision."""
    return np.array(
        [sum(float(np.sum((np.conj(w) * y).real)) for w, y in zip(weights, outputs, strict=True)) for weights in rows]
    )


def random_weights(outputs: Sequence[Array], rng: np.random.Generator) -> list[Weights]:
    """One loss of all outputs: a real scalar as it is, anything else with random weights."""
    if len(outputs) == 1 and outputs[0].size == 1 and outputs[0].dtype.kind == "f":
        return [[np.ones(outputs[0].shape)]]
    weights: Weights = []
    for y in outputs:
        w = np.asarray(rng.uniform(0.5, 1.5, y.shape) * rng.choice([-1.0, 1.0], y.shape))
        if y.dtype.kind == "c":
            w = w + 1j * rng.uniform(-1, 1, y.shape)
        weights.append(w if y.dtype.kind in "fc" else np.zeros(y.shape))
    return [weights]


def unit_weights(outputs: Sequence[Array]) -> list[Weights]:
    """A loss for each entry of each output; for each part of it if it is complex."""
    rows: list[Weights] = []
    for place, y in enumerate(outputs):
        units: list[complex] = [1.0, 1j] if y.dtype.kind == "c" else [1.0] if y.dtype.kind == "f" else []
        for flat in range(y.size):
            for unit in units:
                row = [np.zeros(other.shape, np.result_type(other.dtype, float)) for other in outputs]
                row[place].flat[flat] = unit
                rows.append(row)
    return rows


# --- comparing -----------------------------------------------------------------------------------------------


def compare(
    check: str,
    names: Sequence[str],
    base: Sequence[Array],
    gradients: Sequence[Array | None],
    f: Losses,
    outputs: Sequence[Array],
    options: Options,
    *,
    sizes: Mapping[int, str],
    remarks: Sequence[str],
) -> GradcheckReport:
    """Compare `gradients`, each with a leading axis along the losses, with finite differences of `f` at `base`."""
    remarks = list(remarks)
    dtypes = [y.dtype for y in outputs if y.dtype.kind in "fc"]
    precision = max((float(np.finfo(dtype).eps) for dtype in dtypes), default=float(np.finfo(float).eps))
    if precision > 1e-10:
        remarks.append("f returns single precision, so only gross errors can be seen; let it compute in float64")
    rng = np.random.default_rng(options.seed)
    inputs: list[InputReport] = []
    entries: list[Entry] = []
    for place, (name, gradient) in enumerate(zip(names, gradients, strict=True)):
        if gradient is None:
            continue
        differences = _Differences(f, base, place, precision, options)
        chosen = np.arange(base[place].size)
        if options.max_entries is not None and options.max_entries < chosen.size:
            chosen = np.sort(rng.choice(chosen, options.max_entries, replace=False))
            remarks.append(f"{name}: {chosen.size} of {base[place].size} entries were checked, chosen at random")
        for flat in chosen:
            differences.take(int(flat))
        report, found = _judge(name, gradient, differences, chosen, sizes)
        inputs.append(report)
        entries += found
        noise = 100 * differences.noise()
        if 0 < max(np.max(np.abs(gradient), initial=0.0), np.nanmax(np.abs(differences.value), initial=0.0)) < noise:
            remarks.append(
                f"{name}: its gradient is below {noise:.0e}, where rounding errors of f leave little to compare"
            )
    return _report(check, inputs, entries, remarks)


class _Differences:
    """Finite differences of `f` by the entries of one input."""

    def __init__(self, f: Losses, base: Sequence[Array], place: int, precision: float, options: Options) -> None:
        self.f = f
        self.base = base
        self.place = place
        self.precision = precision
        self.options = options
        self.x = base[place]
        self.middle = f(base)
        self.parts: list[tuple[str, complex]] = (
            [("", 1.0)] if self.x.dtype.kind == "f" else [("real", 1.0), ("imaginary", 1j)]
        )
        shape = (len(self.middle), self.x.size)
        self.value = np.full(shape, np.nan, self.x.dtype)
        self.error = np.full(shape, np.nan)
        #: by (flat index, part): slope, and whether it looks bent
        self.slopes: dict[tuple[int, str], Any] = {}

    def line(self, flat: int, unit: complex) -> Callable[[float], Array]:
        def at(step: float) -> Array:
            moved = self.x.copy()
            moved.flat[flat] += step * unit
            arrays = list(self.base)
            arrays[self.place] = moved
            return self.f(arrays)

        return at

    def size(self, flat: int) -> float:
        return abs(complex(self.x.flat[flat]))

    def take(self, flat: int) -> None:
        start = self.options.eps or 0.02 * max(self.size(flat), 0.1) * (5 if self.precision > 1e-10 else 1)
        value: Array = np.zeros(len(self.middle), self.x.dtype)
        error = np.zeros(len(self.middle))
        for part, unit in self.parts:
            found = slope(self.line(flat, unit), self.middle, start, self.precision, self.small)
            self.slopes[flat, part] = found
            value = value + found.value * unit
            error = error + found.error
        self.value[:, flat] = value
        self.error[:, flat] = error

    def nearby(self, flat: int, unit: complex, output: int, distance: float, count: int) -> Array:
        """The slope at points that are off by `distance` in every entry of every input, chosen at random."""
        rng = np.random.default_rng(0)
        slopes = []
        for _ in range(count):
            moved = [x + distance * np.maximum(1.0, np.abs(x)) * rng.uniform(-1, 1, x.shape) for x in self.base]
            step = 0.01 * distance * max(1.0, self.size(flat))
            ends = []
            for t in (step, -step):
                moved[self.place] = moved[self.place].copy()
                moved[self.place].flat[flat] += t * unit
                ends.append(float(self.f(moved)[output]))
                moved[self.place].flat[flat] -= t * unit
            slopes.append((ends[0] - ends[1]) / (2 * step))
        return np.array(slopes)

    def noise(self) -> float:
        """What rounding leaves uncertain of any slope."""
        return max((float(np.max(found.rounding)) for found in self.slopes.values()), default=0.0)

    def small(self, value: Array) -> Array:
        return 0.01 * self.options.rtol * np.abs(value)


def _judge(
    name: str, gradient: Array, differences: _Differences, chosen: Array, sizes: Mapping[int, str]
) -> tuple[InputReport, list[Entry]]:
    x, count = differences.x, len(differences.middle)
    full = (count, *x.shape)
    value, error = differences.value.reshape(full), differences.error.reshape(full)
    whole = chosen.size == x.size
    if gradient.shape != full:
        found = pattern(gradient[0], value[0], sizes) if whole else f"its shape is {gradient.shape[1:]}, not {x.shape}"
        return InputReport(name, WRONG, gradient[0], value[0], error[0], None, found), [
            _unfit(name, index) for index in np.ndindex(x.shape)
        ]
    flat = gradient.reshape(count, x.size)
    entries = []
    doubtful = np.zeros((count, x.size), bool)
    for output in range(count):
        scale = float(np.nanmax(np.abs(differences.value[output, chosen]), initial=0.0))
        for k in chosen:
            for part, unit in differences.parts:
                entry = _entry(name, complex(flat[output, k]), differences, output, int(k), part, unit, scale)
                entries.append(entry)
                doubtful[output, k] |= entry.verdict == INCONCLUSIVE
    verdict = _verdict(entries)
    found = None
    if verdict == WRONG:
        sure = ~doubtful[:, chosen]
        got, want = (np.where(sure, part[:, chosen], 0) for part in (flat, differences.value))
        if whole:
            got, want = got.reshape(full), want.reshape(full)
        found = pattern(got[0], want[0], sizes) if count == 1 else pattern(got, want, sizes)
    if count == 1:
        gradient, value, error = gradient[0], value[0], error[0]
    return InputReport(name, verdict, gradient, value, error, _worst(entries, verdict), found), entries


def _unfit(name: str, index: tuple[int, ...]) -> Entry:
    return Entry(name, index, "", None, np.nan, np.nan, np.nan, WRONG, "the shape of the gradient does not fit", np.inf)


def _entry(
    name: str, g: complex, differences: _Differences, output: int, flat: int, part: str, unit: complex, scale: float
) -> Entry:
    options, found = differences.options, differences.slopes[flat, part]
    gradient = g.real if unit == 1 else g.imag
    value, error, rounding = (float(array[output]) for array in (found.value, found.error, found.rounding))
    allowed = options.rtol * abs(value) + options.atol * scale + rounding
    gap = abs(gradient - value)
    verdict, reason = RIGHT, ""
    if found.bent or not gap <= allowed:
        line = differences.line(flat, unit)
        step = _NEAR * max(1.0, differences.size(flat))
        look = sides(
            lambda t: float(line(t)[output]), float(differences.middle[output]), step, differences.precision, allowed
        )
        verdict, reason = _at(look, gradient, value, error, allowed)
        if verdict == WRONG and (found_around := _around(differences, flat, unit, output, gradient, gap)):
            low, high = found_around
            verdict = INCONCLUSIVE
            reason = f"f has a kink here, in several directions at once: nearby slopes are from {low:.6g} to {high:.6g}"
    index = tuple(int(i) for i in np.unravel_index(flat, differences.x.shape))
    distance = gap / allowed if allowed else (np.inf if gap else 0.0)
    return Entry(
        name, index, part, output if len(differences.middle) > 1 else None, gradient, value, error, verdict, reason,
        float(np.nan_to_num(distance, nan=np.inf, posinf=np.inf)),
    )  # fmt: skip


def _at(look: Sides, gradient: float, value: float, error: float, allowed: float) -> tuple[str, str]:
    """Verdict and reason where the finite difference `value` is not the gradient, or looks like that of a kink."""
    gap = abs(gradient - value)
    if look.kind == "jump":
        return INCONCLUSIVE, "f jumps here, or its slope is infinite"
    if look.kind == "edge":
        return INCONCLUSIVE, "the edge of the domain: f is not finite on one side"
    if look.kind == "kink":
        kink = f"kink: slope {look.left:.6g} on the left, {look.right:.6g} on the right"
        slack = 10 * allowed + 1e-6 * abs(look.right - look.left)
        if min(look.left, look.right) - slack <= gradient <= max(look.left, look.right) + slack:
            return INCONCLUSIVE, kink
        slopes, reason = [(look.left + look.right) / 2], f"{kink}, and the gradient is not between them"
    elif gap <= allowed:
        return RIGHT, ""
    else:
        slopes, reason = [look.left, look.right], ""
    # In noise the slopes at tiny steps contradict the extrapolated one by as much as is in question.
    noisy = max(abs(slope - value) for slope in slopes) > 0.1 * gap + look.rounding
    if noisy or gap <= 3 * error:
        return INCONCLUSIVE, f"finite differences are too rough here: {value:.6g}, estimated error {error:.0e}"
    return WRONG, reason


def _around(
    differences: _Differences, flat: int, unit: complex, output: int, gradient: float, gap: float
) -> tuple[float, float] | None:
    """The range of slopes around a point where they do not come together, if the gradient lies in it; else None.

    Where several kinks meet, as at a tie of three in a sort, a generalised gradient (Clarke, "Optimization and
    Nonsmooth Analysis", 1983, section 2.1) need not lie between the slopes on either side of the point.
    """
    far, near = 1e-3, 1e-4
    noise = 32 * differences.precision * abs(float(differences.middle[output])) / (0.01 * near)
    if not np.ptp(differences.nearby(flat, unit, output, far, 12)) > 0.01 * gap + noise:
        return None
    wide, narrow = (differences.nearby(flat, unit, output, distance, 96) for distance in (far, near))
    low, high = float(np.min(narrow)), float(np.max(narrow))
    come_together = not high - low > 0.5 * np.ptp(wide) + noise
    return None if come_together or not low <= gradient <= high else (low, high)


def _verdict(entries: Sequence[Entry]) -> str:
    found = {entry.verdict for entry in entries}
    return next((verdict for verdict in (WRONG, INCONCLUSIVE) if verdict in found), RIGHT)


def _worst(entries: Sequence[Entry], verdict: str) -> Entry | None:
    """The furthest of the entries with this verdict; those whose value is off before those of another shape."""
    return max((entry for entry in entries if entry.verdict == verdict), key=lambda entry: entry.distance, default=None)


def _report(check: str, inputs: Sequence[InputReport], entries: Sequence[Entry], remarks: list[str]) -> GradcheckReport:
    verdict = _verdict(entries)
    if any(input.verdict == WRONG for input in inputs):
        verdict = WRONG
    found = [(input.name, input.pattern) for input in inputs if input.pattern]
    phrases = {phrase for _, phrase in found}
    wrong = [input for input in inputs if input.verdict == WRONG]
    if len(phrases) == 1 and len(found) == len(wrong):
        where = "" if len(inputs) == 1 else f"in {'all inputs' if len(wrong) == len(inputs) > 1 else found[0][0]}, "
        if 1 < len(wrong) < len(inputs):
            where = f"in {', '.join(name for name, _ in found)}, "
        text = where + next(iter(phrases))
    else:
        text = "; ".join(f"in {name}, {phrase}" for name, phrase in found)
    return GradcheckReport(
        check,
        verdict,
        _worst(entries, verdict),
        text or None,
        tuple(remarks),
        tuple(inputs),
        checked=len(entries),
        wrong=sum(entry.verdict == WRONG for entry in entries),
        inconclusive=sum(entry.verdict == INCONCLUSIVE for entry in entries),
    )
