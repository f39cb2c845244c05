"""The report on one worksheet: as an object, as JSON, as text for a terminal, as HTML for a notebook."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, field
from typing import Any

from .errors import SheetError

MEANING = {
    "missing_factor_2": "the 2 from differentiating a square is missing",
    "wrong_constant": "a numeric factor is wrong",
    "sign_flipped": "a sign is wrong",
    "missing_1_over_n": "the division by the number of averaged items is missing",
    "extra_1_over_n": "there is a division by a count that does not belong here",
    "wrong_count": "it divides by the wrong count",
    "transposed": "a matrix is transposed wrongly, or a product is in the wrong order",
    "elementwise_for_matmul": "an elementwise product and a matrix product are confused",
    "activation_derivative_missing": "the derivative of the activation is forgotten",
    "activation_derivative_extra": "there is an activation derivative that does not belong here",
    "activation_derivative_twice": "the derivative formula is applied to the value that is already activated",
    "derivative_at_preactivation": "a formula for the activated value is given the pre-activation",
    "wrong_local_derivative": "the local derivative is that of another function",
    "power_rule": "an exponent is wrong after differentiating a power, root or quotient",
    "inner_derivative_missing": "chain rule: an inner derivative is left out",
    "upstream_missing": "chain rule: the incoming gradient is not multiplied in",
    "wrong_variable": "another variable stands where the right one belongs",
    "relu_mask_wrong_tensor": "the mask is taken from the wrong variable",
    "wrong_branch": "a condition is inverted or picks the wrong branch",
    "not_summed": "the gradient of a broadcast variable is not summed over the broadcast axes",
    "wrong_axis": "it sums or averages along the wrong axis",
    "mean_for_sum": "it averages where it should sum",
    "keepdims_missing": "the numbers are right, but an axis of length 1 is lost",
    "softmax_offdiagonal_missing": "the off-diagonal part of the softmax Jacobian is forgotten",
    "norm_mean_term_missing": "the path through the mean is forgotten",
    "norm_var_term_missing": "the path through the variance is forgotten",
    "not_accumulated": "the variable is used in several places, and a contribution is missing",
    "duplicate_index_lost": "repeated indices do not add up in a fancy assignment; np.add.at does that",
    "mask_missing": "the mask of the forward pass is not applied",
    "scale_missing": "a fixed scale of the forward pass is missing",
    "regulariser_missing": "the gradient of the penalty term is missing",
    "wrong_slice": "an index or slice is wrong",
}


@dataclass
class LineReport:
    """What is said about one gradient.

    Attributes:
        name: of the gradient, such as "dW".
        line: of the file, from 1; of the statement that it was last changed by.
        verdict: "right", "wrong", "follow-through" (right given an earlier error), or "error" (it has no value).
        mistake: the tag of what is wrong, a key of `MEANING`; or None.
        family: the group that the mistake belongs to, such as "constant" or "layout".
        also: further mistakes in the same line.
        evidence: where and by how much it differs.
        fix: the corrected statement.
        counterexample: small sizes and inputs at which it differs, with the value and the truth.
        remark: what else is worth knowing.

    >>> from autograd_lite.check import worksheet
    >>> text = "# inputs: x (n,)\\nL = np.sum(x ** 2)\\n# --- gradients ---\\ndx = x\\n"
    >>> worksheet(text).lines[0].fix
    'dx = 2 * x'
    """

    name: str
    line: int
    verdict: str
    mistake: str | None = None
    family: str | None = None
    also: list[str] = field(default_factory=list)
    evidence: str | None = None
    fix: str | None = None
    counterexample: dict[str, Any] | None = None
    remark: str | None = None
    change: str | None = None
    """What the repair replaces; part of the evidence when the fix is shown."""

    def shown(self, hints: int) -> dict[str, Any]:
        """Return the fields that a level of `hints` allows: 1 where, 2 what kind, 3 the corrected line."""
        evidence = self.evidence
        if hints >= 3 and self.change:
            evidence = f"{self.change}. {evidence or ''}".strip()
        return {
            "name": self.name,
            "line": self.line,
            "verdict": self.verdict,
            "mistake": self.mistake if hints >= 2 else None,
            "family": self.family if hints >= 2 else None,
            "also": list(self.also) if hints >= 2 else [],
            "evidence": evidence if hints >= 2 else None,
            "fix": self.fix if hints >= 3 else None,
            "counterexample": self.counterexample if hints >= 2 else None,
            "remark": self.remark,
        }


@dataclass
class Report:
    """The result of checking one worksheet; it prints as text, and shows as a table in a notebook.

    Attributes:
        sheet: what it is called, a path for instance.
        text: the worksheet itself.
        title: its first line, if that is a string.
        lines: a `LineReport` for each gradient.
        wanted: the verdict of each gradient that is asked for; "missing" if there is none.
        error: why the sheet, or a statement of it, could not be read; or None.
        score: wanted gradients that are right, or right given an earlier error.
        max_score: how many are wanted.
        hints: the level that is shown if none is asked for.

    >>> from autograd_lite.check import worksheet
    >>> text = "# inputs: x (n,)\\n# wanted: dx\\nL = np.sum(x ** 2)\\n# --- gradients ---\\ndx = 2 * x\\n"
    >>> report = worksheet(text)
    >>> report.right, report.status, report.score
    (True, 0, 1.0)
    """

    sheet: str
    text: str = ""
    title: str = ""
    lines: list[LineReport] = field(default_factory=list)
    wanted: dict[str, str] = field(default_factory=dict)
    error: SheetError | None = None
    score: float = 0.0
    max_score: float = 0.0
    hints: int = 3

    @property
    def rejected(self) -> bool:
        """Whether the sheet, or a statement of it, was refused."""
        return self.error is not None and (
            not self.lines or self.error.kind in ("unsupported", "syntax-error", "bad-header", "no-separator")
        )

    @property
    def right(self) -> bool:
        """Whether every line is right and nothing is missing."""
        return self.error is None and all(line.verdict == "right" for line in self.lines)

    @property
    def status(self) -> int:
        """The exit status: 0 all right, 1 something wrong, 2 unreadable or rejected."""
        return 2 if self.rejected else 0 if self.right else 1

    def as_dict(self, hints: int | None = None) -> dict[str, Any]:
        """Return the report as plain data, as far as `hints` allow: by default the level of the report."""
        level = self.hints if hints is None else hints
        error = self.error
        return {
            "sheet": self.sheet,
            "lines": [line.shown(level) for line in self.lines],
            "wanted": dict(self.wanted),
            "error": None
            if error is None
            else {"kind": error.kind, "line": error.line, "name": error.name, "message": error.message},
            "score": self.score,
            "max_score": self.max_score,
        }

    def as_json(self, hints: int | None = None) -> str:
        """Return the report as one line of JSON; `hints` as in `as_dict`."""
        return json.dumps(self.as_dict(hints), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_dict(cls, data: dict[str, Any], text: str = "", title: str = "", hints: int = 3) -> Report:
        """Return a report from `data` that :meth:`as_dict` gave, and what that leaves out: `text`, `title`, `hints`."""
        error = data["error"]
        return cls(
            sheet=data["sheet"],
            text=text,
            title=title,
            lines=[LineReport(**line) for line in data["lines"]],
            wanted=data["wanted"],
            error=SheetError(error["kind"], error["message"], error["line"], error["name"]) if error else None,
            score=data["score"],
            max_score=data["max_score"],
            hints=hints,
        )

    def render(self, hints: int | None = None, colour: bool = False) -> str:
        """Return the report as text for a terminal or a pipe; `hints` as in `as_dict`, `colour` for a terminal."""
        level = self.hints if hints is None else hints
        paint = _painter(colour)
        out = [paint(self.sheet, "bold") + (f": {self.title}" if self.title else "")]
        source = self.text.splitlines()
        for line in self.lines:
            text = source[line.line - 1].strip() if 0 < line.line <= len(source) else ""
            mark = {"right": "ok   ", "wrong": "WRONG", "follow-through": "carry", "error": "ERROR"}[line.verdict]
            tone = {"right": "green", "wrong": "red", "follow-through": "yellow", "error": "red"}[line.verdict]
            out.append(f"  {paint(mark, tone)} {line.line:>4}  {text}")
            out += [f"              {note}" for note in self._notes(line, level)]
        if self.error is not None:
            place = f"line {self.error.line}: " if self.error.line else ""
            out.append(f"  {paint(self.error.kind, 'red')}: {place}{self.error.message}")
        out.append(f"  score {self.score:g} of {self.max_score:g}")
        return "\n".join(out)

    def _notes(self, line: LineReport, hints: int) -> list[str]:
        notes = []
        shown = line.shown(hints)
        if line.verdict == "follow-through":
            notes.append("right given the earlier error")
        if shown["mistake"]:
            kind = MEANING[shown["mistake"]]
            notes.append(f"{shown['mistake']}: {kind}" + (f" (also {', '.join(line.also)})" if line.also else ""))
        if shown["evidence"]:
            notes.append(shown["evidence"])
        if shown["counterexample"]:
            example = shown["counterexample"]
            inputs = ", ".join(f"{name} = {value}" for name, value in example["inputs"].items())
            if len(inputs) < 160:
                value = "no value" if example["value"] is None else example["value"]
                notes.append(f"by hand: {inputs} gives {value}, right is {example['truth']}")
        if shown["fix"]:
            notes.append(f"would be right: {shown['fix']}")
        if shown["remark"]:
            notes.append(shown["remark"])
        return notes

    def __str__(self) -> str:
        return self.render()

    def _repr_html_(self) -> str:
        rows = []
        source = self.text.splitlines()
        tones = {"right": "#1a7f37", "wrong": "#cf222e", "follow-through": "#9a6700", "error": "#cf222e"}
        for line in self.lines:
            text = source[line.line - 1].strip() if 0 < line.line <= len(source) else ""
            notes = "<br>".join(html.escape(note) for note in self._notes(line, self.hints))
            rows.append(
                f"<tr><td>{line.line}</td><td style='color:{tones[line.verdict]}'>{line.verdict}</td>"
                f"<td style='text-align:left'><code>{html.escape(text)}</code></td>"
                f"<td style='text-align:left'>{notes}</td></tr>"
            )
        error = f"<p>{html.escape(self.error.kind)}: {html.escape(self.error.message)}</p>" if self.error else ""
        head = html.escape(self.title or self.sheet)
        return (
            f"<div><b>{head}</b><table><tr><th>line</th><th>verdict</th><th>derivation</th><th></th></tr>"
            f"{''.join(rows)}</table>{error}<p>score {self.score:g} of {self.max_score:g}</p></div>"
        )


def _painter(colour: bool) -> Any:
    codes = {"bold": "1", "red": "31", "green": "32", "yellow": "33"}
    return (lambda text, tone: f"\x1b[{codes[tone]}m{text}\x1b[0m") if colour else (lambda text, _tone: text)
