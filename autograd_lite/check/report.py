"""What a comparison with finite differences found, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["INCONCLUSIVE", "RIGHT", "WRONG", "Entry", "GradcheckReport", "InputReport"]

Array = np.ndarray[Any, Any]
RIGHT, WRONG, INCONCLUSIVE = "right", "wrong", "inconclusive"


@dataclass(frozen=True)
class Entry:
    """One entry of a gradient that was compared.

    Attributes:
        input: what the input is called.
        index: where in the input.
        part: "real" or "imaginary" where the input is complex, otherwise empty.
        output: which entry of the result, for a Jacobian; otherwise None.
        gradient: the value under test.
        difference: the slope by finite differences.
        error: the estimate of the error of `difference`.
        verdict: "right", "wrong" or "inconclusive".
        reason: what is special here, such as a kink with the slopes on both sides; otherwise empty.
        distance: how far off it is, in units of what is tolerated.

    >>> from autograd_lite import gradcheck
    >>> gradcheck(lambda x: x**2, np.array([3.0]), grads=np.array([3.0])).worst.gradient
    3.0
    """

    input: str
    index: tuple[int, ...]
    part: str
    output: int | None
    gradient: float
    difference: float
    error: float
    verdict: str
    reason: str
    distance: float

    def __str__(self) -> str:
        at = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        part = f", {self.part} part" if self.part else ""
        output = f", entry {self.output} of the result" if self.output is not None else ""
        text = f"{self.input}{at}{part}{output}: gradient {self.gradient:.9g}"
        if self.reason:
            return f"{text}; {self.reason}" if np.isfinite(self.difference) else f"{self.input}{at}: {self.reason}"
        ratio = self.gradient / self.difference if self.difference else 0.0
        times = f", ratio {ratio:.6g}" if ratio and np.isfinite(ratio) else ""
        return f"{text}, finite difference {self.difference:.9g} (estimated error {self.error:.0e}){times}"


@dataclass(frozen=True)
class InputReport:
    """One input: its gradient under test, the one by finite differences, and how they compare.

    `difference` and its estimated `error` are NaN at entries that were not checked. For a Jacobian all three arrays
    have a leading axis along the entries of the result. `name`, `verdict`, `worst` and `pattern` are those of
    `GradcheckReport`, for this input alone.

    >>> from autograd_lite import gradcheck
    >>> gradcheck(lambda x: x**2, np.array([3.0])).inputs[0].difference.round(6)
    array([6.])
    """

    name: str
    verdict: str
    gradient: Array
    difference: Array
    error: Array
    worst: Entry | None
    pattern: str | None


@dataclass(frozen=True)
class GradcheckReport:
    """What `gradcheck` found; true in a condition if the verdict is "right".

    Attributes:
        check: "gradcheck" or "gradgradcheck".
        verdict: "right", "wrong", or "inconclusive" where finite differences cannot tell: at a kink, a jump, the
            edge of the domain, in noise.
        worst: the entry of that verdict which is furthest off.
        pattern: how the wrong gradient is related to the right one, if in one of the usual ways.
        remarks: what else is worth knowing, such as inputs that were converted or left out.
        inputs: an `InputReport` for each input that was checked.
        checked, wrong, inconclusive: numbers of entries.

    >>> from autograd_lite import gradcheck
    >>> report = gradcheck(lambda x: x**2, np.array([3.0]), grads=np.array([3.0]))
    >>> report.verdict, report.wrong, report.pattern
    ('wrong', 1, 'every entry is 1/2 of what it should be')
    """

    check: str
    verdict: str
    worst: Entry | None = None
    pattern: str | None = None
    remarks: tuple[str, ...] = ()
    inputs: tuple[InputReport, ...] = ()
    checked: int = 0
    wrong: int = 0
    inconclusive: int = 0

    def __bool__(self) -> bool:
        return self.verdict == RIGHT

    def __str__(self) -> str:
        one = self.checked == 1
        of = f"of {self.checked} entr{'y' if one else 'ies'}"
        found = {
            RIGHT: f"{self.checked} entr{'y agrees' if one else 'ies agree'} with finite differences",
            WRONG: f"{self.wrong} {of} differ{'s' if self.wrong == 1 else ''} from finite differences",
            INCONCLUSIVE: f"{self.inconclusive} {of} cannot be judged by finite differences",
        }[self.verdict]
        lines = [f"{self.check}: {self.verdict} ({found if self.checked else 'nothing to compare'})"]
        if self.worst is not None and self.verdict != RIGHT:
            lines.append(f"  worst: {self.worst}")
        if self.pattern:
            lines.append(f"  pattern: {self.pattern}")
        lines += [f"  note: {remark}" for remark in self.remarks]
        return "\n".join(lines)

    __repr__ = __str__
