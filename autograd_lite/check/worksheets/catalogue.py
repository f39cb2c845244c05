"""Worksheets that come with the package, and the page of typical mistakes that is made by checking them."""

from __future__ import annotations

from importlib.resources import files

from .checker import check

TYPICAL = (
    ("The 2 of the square", "regression", "de = 2 * e / e.size", "de = e / e.size"),
    ("The mean's 1/n", "regression", "de = 2 * e / e.size", "de = 2 * e"),
    ("The penalty", "regression", "dw = X.T @ de + 2 * lam * w", "dw = X.T @ de"),
    ("A transpose", "classifier", "da1 = dZ @ W2.T", "da1 = dZ @ W2"),
    ("The activation", "classifier", "dz1 = da1 * (1 - a1 ** 2)", "dz1 = da1"),
    ("The derivative of the pre-activation", "classifier", "dz1 = da1 * (1 - a1 ** 2)", "dz1 = da1 * (1 - z1 ** 2)"),
    ("The bias", "classifier", "db1 = dz1.sum(axis=0)", "db1 = dz1"),
    ("Softmax with cross-entropy", "classifier", "dZ = (P - np.eye(Z.shape[1])[t]) / len(t)",
     "dZ = (P - np.eye(Z.shape[1])[t]) * P / len(t)"),
    ("The path through the mean", "normalise", "dx = dc + dm / len(x)", "dx = dc"),
    ("Rows that are looked up twice", "embedding", "np.add.at(dC, i, dr)", "dC[i] += dr"),
)  # fmt: skip


def sheet(name: str) -> str:
    """Return the text of a worksheet that comes with the package.

    Args:
        name: ``xor``, ``loss_and_gradient``, ``regression``, ``classifier``, ``normalise`` or ``embedding``.

    Raises:
        FileNotFoundError: if there is no such sheet.

    >>> sheet("xor").splitlines()[3]
    'z1 = W1 @ x + b1'
    """
    return (files(__package__) / "sheets" / f"{name}.txt").read_text(encoding="utf-8")


def page() -> str:
    """Return the page of ten typical mistakes, each with the program's answer, as Markdown."""
    parts = [HEAD]
    for number, (title, name, right, wrong) in enumerate(TYPICAL, 1):
        text = sheet(name).replace(f"\n{right}\n", f"\n{wrong}\n")
        report = check(text, f"{name}.txt")
        line = next(line for line in report.lines if line.verdict == "wrong")
        forward = text.split("# --- gradients ---")[0].split("\n", 3)[3].strip()
        later = [other.name for other in report.lines if other.verdict == "follow-through"]
        credited = f"\nStill credited, given that mistake: {', '.join(later)}.\n" if later else ""
        parts.append(
            f"## {number}. {title}\n\n```text\n{forward}\n# --- gradients ---\n{wrong}\n```\n\n"
            f"**{line.mistake}** ({line.family}): {line.evidence}\n\n"
            f"Would be right: `{line.fix}`\n{credited}"
        )
    return "\n".join(parts)


HEAD = """# Ten typical mistakes

Each block is the forward part of a worksheet and one line that a student wrote. Below it is what
`autograd-lite check` says about that line; [Worksheets](worksheets.md) tells how one is written.
This page is made by running the program:
`python -m autograd_lite.check.worksheets.catalogue > docs/mistakes.md`.
"""


if __name__ == "__main__":
    print(page(), end="")
