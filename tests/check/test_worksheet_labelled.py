"""The labelled worksheets that lie beside the repository, where they do: verdicts, repairs, tags, error kinds."""

import json
from pathlib import Path

import pytest

from autograd_lite.check.worksheets.checker import check
from autograd_lite.check.worksheets.diagnose import FAMILY

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "derivations"
CASES = sorted((FOLDER / "cases").glob("*.py"))
HOSTILE = sorted((FOLDER / "hostile").glob("*.py"))

pytestmark = pytest.mark.skipif(not CASES, reason="the labelled worksheets are not beside this repository")


def label_of(path):
    return json.loads((path.parent.parent / "labels" / f"{path.stem}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def results():
    return {path: (check(path.read_text(encoding="utf-8"), path.name), label_of(path)) for path in CASES}


def test_every_verdict_is_the_labels(results):
    for path, (report, label) in results.items():
        found = {line.name: line.verdict for line in report.lines}
        # A line that cannot be evaluated, or has another shape, is labelled wrong in some sheets and error in others.
        same = {"error": {"error", "wrong"}}
        assert set(found) == set(label["lines"]), path.name
        for name, line in label["lines"].items():
            assert found[name] in same.get(line["verdict"], {line["verdict"]}), (path.name, name)


def test_no_right_sheet_has_an_error(results):
    for path, (report, label) in results.items():
        if label["kind"] in ("correct", "kink", "delicate"):
            assert report.error is None, path.name
            assert report.status == 0, path.name


def test_malformed_sheets_get_their_kind_and_line(results):
    for path, (report, label) in results.items():
        if label["kind"] == "malformed":
            assert report.error is not None, path.name
            assert report.error.kind == label["error"]["kind"], path.name
            assert label["error"].get("line") in (None, report.error.line), path.name
            assert label["error"].get("name") in (None, report.error.name), path.name


def test_repairs_and_tags_meet_their_targets(results):
    faults = repaired = named = kindred = 0
    for path, (report, label) in results.items():
        lines = {line.name: line for line in report.lines}
        for name, wanted in label["lines"].items():
            if not wanted.get("mistake"):
                continue
            line = lines[name]
            faults += 1
            named += line.mistake == wanted["mistake"]
            kindred += line.family == FAMILY[wanted["mistake"]]
            if line.fix is not None:
                text = path.read_text(encoding="utf-8").splitlines()
                text[line.line - 1] = line.fix
                again = {other.name: other.verdict for other in check("\n".join(text)).lines}
                repaired += again[name] in ("right", "follow-through")
    assert faults > 0
    assert repaired >= 0.95 * faults
    assert named >= 0.9 * faults
    assert kindred >= 0.9 * faults


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path.stem)
def test_hostile_sheets_are_rejected(path):
    report = check(path.read_text(encoding="utf-8"), path.name)
    assert report.error is not None
    assert report.status == 2
