"""The worksheets of the tests: right derivations on topics of their own."""

from pathlib import Path

FOLDER = Path(__file__).parent / "sheets"
SHEETS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.txt"))}


def replaced(name, right, wrong):
    """Return a sheet in which one gradient line is another; the line must be there exactly once."""
    text = SHEETS[name]
    assert text.count(f"\n{right}\n") == 1, right
    return text.replace(f"\n{right}\n", f"\n{wrong}\n")
