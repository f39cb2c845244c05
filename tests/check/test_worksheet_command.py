"""The commands check, grade and blank: output, exit status, files, and strangers' sheets."""

import argparse
import csv
import json
import os
import tempfile
from pathlib import Path

import pytest
from derivations import SHEETS, replaced

from autograd_lite.check.worksheets.command import add_commands
from autograd_lite.check.worksheets.grade import blank
from autograd_lite.check.worksheets.read import read
from autograd_lite.check.worksheets.sandbox import guarded

NAME = "elastic_net"
RIGHT = SHEETS[NAME]
WRONG = replaced(NAME, "de = 2 * e / len(y)", "de = e / len(y)")
KEYS = {"name", "line", "verdict", "mistake", "family", "also", "evidence", "fix", "counterexample", "remark"}


def command(*arguments):
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers(required=True))
    parsed = parser.parse_args([str(argument) for argument in arguments])
    return parsed.run(parsed)


@pytest.fixture
def sheet(tmp_path):
    def write(text, name="sheet.py"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_check_prints_a_report_and_its_status_says_whether_all_is_right(sheet, capsys):
    assert command("check", sheet(RIGHT)) == 0
    assert "score 2 of 2" in capsys.readouterr().out
    assert command("check", sheet(WRONG)) == 1
    out = capsys.readouterr().out
    assert "WRONG" in out
    assert "missing_factor_2" in out
    assert "would be right: de = " in out
    assert "\x1b" not in out


def test_json_has_one_object_per_sheet_and_line(sheet, capsys):
    assert command("check", "--json", sheet(RIGHT, "a.py"), sheet(WRONG, "b.py"), sheet("a b", "c.py")) == 2
    first, second, third = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert set(first) == {"sheet", "lines", "wanted", "error", "score", "max_score"}
    assert first["error"] is None
    assert first["wanted"] == {"dw": "right", "db": "right"}
    assert all(set(line) == KEYS for line in second["lines"])
    assert second["lines"][0]["fix"]
    assert second["wanted"] == {"dw": "follow-through", "db": "follow-through"}
    assert set(third["error"]) == {"kind", "line", "name", "message"}
    assert third["error"]["kind"] == "syntax-error"


def test_the_level_of_hints_is_capped(sheet, capsys):
    command("check", "--json", "--hints", 1, sheet(WRONG))
    line = json.loads(capsys.readouterr().out)["lines"][0]
    assert line["verdict"] == "wrong"
    assert line["mistake"] is line["fix"] is line["evidence"] is None


def test_a_missing_or_unreadable_file_is_a_row_and_not_a_crash(tmp_path, capsys):
    bad = tmp_path / "bytes.py"
    bad.write_bytes(b"\xff\xfe\x00")
    assert command("check", "--json", tmp_path / "none.py", bad, tmp_path / "bytes.py" / "none.py") == 2
    kinds = [json.loads(line)["error"]["kind"] for line in capsys.readouterr().out.splitlines()]
    assert kinds == ["unsupported", "syntax-error", "unsupported"]


ERRORS = [
    ("# wanted: dw, db", "# wanted: dw, db, dX", "missing-gradient", "dX", 1),
    ("db = np.sum(de)", "dq = np.sum(de)", "unknown-target", "dq", 1),
    ("db = np.sum(de)", "db = np.sum(dq)", "undefined-name", "dq", 1),
    ("db = np.sum(de)", "db = de", "wrong-shape", "db", 1),
    ("db = np.sum(de)", "db = de @ X.T", "shape-error", "db", 1),
    ("db = np.sum(de)", "db = np.sum(de) / 0", "not-finite", "db", 1),
    ("db = np.sum(de)", "for k in X: db = k", "unsupported", None, 2),
    ("e = X @ w + b - y", "e = np.log(X @ w + b - y)", "not-finite", "e", 2),
    ("e = X @ w + b - y", "e = X.T @ w + b - y", "shape-error", "e", 2),
    ("y (n,)", "y (n, 1)", "silent-broadcast", "e", 1),
]


@pytest.mark.parametrize(("old", "new", "kind", "name", "status"), ERRORS)
def test_the_kinds_of_errors(old, new, kind, name, status, sheet, capsys):
    assert RIGHT.count(old) == 1
    found = command("check", "--json", sheet(RIGHT.replace(old, new)))
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["kind"], error["name"]) == (kind, name)
    assert found == status


def test_an_outer_difference_on_purpose_is_no_silent_broadcast(sheet, capsys):
    text = """# inputs: x (n,)
# wanted: dx
c = x[:, None]
D = c - x
E = x[:, None] - x[None]
L = np.sum(D ** 2) + np.sum(np.abs(E))
# --- gradients ---
dx = 4 * D.sum(axis=1) + 2 * np.sign(E).sum(axis=1)
"""
    assert command("check", "--json", sheet(text)) == 0
    assert json.loads(capsys.readouterr().out)["error"] is None


def test_a_loss_that_is_not_a_number_is_an_error(sheet, capsys):
    text = RIGHT.replace("L = np.mean(e ** 2) + l1", "L = e ** 2 + l1")
    command("check", "--json", sheet(text))
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "loss-not-scalar"


@pytest.mark.parametrize("helper", ["delta", "diff", "d2", "denom", "dtanh", "active", "H"])
def test_a_helper_that_begins_with_d_is_no_unknown_target(helper, sheet, capsys):
    text = RIGHT.replace("db = np.sum(de)", f"{helper} = np.sum(de)\ndb = {helper}")
    assert command("check", "--json", sheet(text)) == 0
    assert json.loads(capsys.readouterr().out)["error"] is None


HOSTILE = [
    "de = ().__class__.__bases__[0].__subclasses__()",
    "de = __import__('os').system('touch {canary}')",
    "de = open('{canary}', 'w')",
    "import os; os.system('touch {canary}')",
    "de = np.fromfile('{canary}')",
    "de = np.load('{canary}')",
    "X.tofile('{canary}')",
    "de = X.dump('{canary}')",
    "de = eval('1')",
    "de = np.ones((10 ** 8, 10 ** 8))",
    "k = 9 ** 9 ** 9 ** 9",
    "de = 'x' * 10 ** 11",
    "de = (np := X)",
    "np = X",
    "de = " + "-" * 4000 + "e",
    "de = " + "(" * 4000 + "e" + ")" * 4000,
    "de = " + "[" * 150 + "e" + "]" * 150,
    "de = " + "+".join(["e"] * 4000),
    "de = f'{{e}}'",
    "de = np.einsum('" + "a" * 5000 + "', e)",
    "async def f(): pass",
    "class A: pass",
    "while True: pass",
    "with X as de: pass",
    "de = lambda: de",
    "del np",
    "global np",
    "X.flags.writeable = True",
    "de = e.ctypes",
    "de = np.lib.format.open_memmap('{canary}')",
    "k = 10 ** 18 * 10 ** 18",
    "de = e.reshape(-1, 1, 1, 1, 1, 1, 1, 1, 1)[..., None]",
    "a = np.ones(90000)\n" + "\n".join(f"a{k} = a + {k}" for k in range(200)),
    "a = np.eye(300)\n" + "\n".join(f"a = a @ np.eye(300)[:, :{k + 1}] @ np.eye(300)[:{k + 1}]" for k in range(300)),
    "\x00",
]


@pytest.mark.parametrize("line", HOSTILE)
def test_strangers_sheets_are_refused_and_nothing_is_run(line, sheet, tmp_path, capsys):
    canary = tmp_path / "canary"
    before = set(Path(tempfile.gettempdir()).iterdir())
    text = RIGHT.replace("db = np.sum(de)", line.replace("{canary}", str(canary)) + "\ndb = np.sum(de)")
    command("check", "--json", sheet(text))
    data = json.loads(capsys.readouterr().out)
    assert data["error"] is not None
    assert not canary.exists()
    assert not [p for p in set(Path(tempfile.gettempdir()).iterdir()) - before if "canary" in p.name]


def test_blank_keeps_everything_but_the_answers(sheet, tmp_path, capsys):
    assert command("blank", sheet(RIGHT)) == 0
    out = capsys.readouterr().out
    assert out == blank(RIGHT)
    assert "np.sign(w)" not in out
    assert read(out).wanted == ["dw", "db"]
    assert read(out).gradient == []
    assert command("blank", sheet(RIGHT), "-o", tmp_path / "blank.py") == 0
    assert (tmp_path / "blank.py").read_text(encoding="utf-8") == out
    assert command("blank", sheet("no worksheet")) == 2


def test_grade_makes_a_table_of_the_class(sheet, tmp_path, capsys):
    assignment = sheet(blank(RIGHT), "assignment.py")
    table = tmp_path / "class.csv"
    cheat = RIGHT.replace("y (n,)", "y (n,) positive").replace("e = X @ w + b - y", "e = 0 * X @ w")
    status = command(
        "grade", assignment, sheet(RIGHT, "ada.py"), sheet(WRONG, "bob.py"), sheet("x = (", "cy.py"),
        sheet(cheat, "dan.py"), tmp_path / "eve.py", "--csv", table, "--follow-through", 0.5,
    )  # fmt: skip
    assert status == 2
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert [Path(row["submission"]).stem for row in rows] == ["ada", "bob", "cy", "dan", "eve"]
    assert [row["score"] for row in rows] == ["2", "1", "0", "2", "0"]
    assert [row["error"] for row in rows] == ["", "", "syntax-error", "", "unsupported"]
    assert rows[1]["dw"] == "follow-through"
    assert "ada" in capsys.readouterr().out


def test_the_first_wrong_line_is_in_the_table_even_where_it_costs_nothing(sheet, tmp_path, capsys):
    """A slip in a line that is not wanted earned every point and was to be seen nowhere."""
    table = tmp_path / "class.csv"
    rest = sheet(replaced(NAME, "db = np.sum(de)", "db = np.sum(de) + X[0, 0]"), "rest.py")
    lost = sheet(replaced(NAME, "db = np.sum(de)", "db = np.sum(dq)"), "lost.py")
    command(
        "grade", sheet(RIGHT, "assignment.py"), sheet(RIGHT, "a.py"), sheet(WRONG, "b.py"), rest, lost, "--csv", table
    )
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert [row["score"] for row in rows] == ["2", "2", "1", "1"]
    firsts = [row["first mistake"] for row in rows]
    assert firsts[:2] == ["", "de: missing_factor_2"]
    assert firsts[2].startswith("db: ")
    assert firsts[3] == "db: undefined-name"
    head, _, second, *_ = capsys.readouterr().out.splitlines()
    assert head.split() == ["submission", "dw", "db", "score", "of", "first", "mistake", "error"]
    assert second.index("de: missing_factor_2") == head.index("first mistake")


def test_an_assignment_that_asks_for_nothing_is_named(sheet, capsys):
    command("grade", sheet(RIGHT.replace("# wanted: dw, db\n", ""), "assignment.py"), sheet(RIGHT, "a.py"))
    assert "no '# wanted:' line, so that no gradient earns points" in capsys.readouterr().err


def test_a_folder_is_all_the_worksheets_in_it(sheet, tmp_path, capsys):
    for name in ("b.py", "a.txt", ".hidden.py", "notes.md"):
        sheet(RIGHT, name)
    deeper = tmp_path / "deeper"
    deeper.mkdir()
    (deeper / "c.py").write_text(WRONG, encoding="utf-8")
    assert command("check", "--json", tmp_path) == 0
    names = [json.loads(line)["sheet"] for line in capsys.readouterr().out.splitlines()]
    assert names == [str(tmp_path / "a.txt"), str(tmp_path / "b.py")]
    assert command("grade", tmp_path / "b.py", tmp_path, deeper) == 1
    rows = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows == [str(tmp_path / "a.txt"), str(deeper / "c.py")]


def test_a_folder_without_a_worksheet_is_said(sheet, tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert command("check", "--json", empty, sheet(RIGHT)) == 2
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert "there is no worksheet in this folder" in first["error"]["message"]
    assert second["error"] is None
    assert command("grade", sheet(RIGHT), empty) == 2
    assert "empty" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "words"), [
    ("check", ("folder", "np.tanh", "default: 3", "docs/worksheets.md")),
    ("grade", ("CSV", "default: 1", "default: 0", "default: 2")),
    ("blank", ("without the gradients", "default: standard output")),
])  # fmt: skip
def test_the_help_describes_each_command_and_has_the_defaults(name, words, capsys):
    with pytest.raises(SystemExit):
        command(name, "--help")
    out = " ".join(capsys.readouterr().out.split())
    assert [word for word in words if word not in out] == []


def test_a_sheet_whose_gradients_have_other_names_is_not_called_right(sheet, capsys):
    text = "# inputs: X (n, d)\nL = np.sum(X)\n# --- gradients ---\ngX = np.ones(X.shape)\n"
    assert command("check", sheet(text)) != 0
    out = capsys.readouterr().out
    assert "missing-gradient: line 4: no gradient was found among gX;" in out
    assert "the derivative of the loss by X is called dX" in out
    assert "gX" in out
    assert command("check", sheet(text.replace("gX", "dX"))) == 0


def test_marks_for_a_constant_factor_are_configurable(sheet, capsys):
    assignment = sheet(RIGHT, "assignment.py")
    slip = sheet(replaced(NAME, "db = np.sum(de)", "db = 3 * np.sum(de)"), "slip.py")
    command("grade", assignment, slip, "--points", 4, "--constant", 0.5)
    assert "6  8" in " ".join(capsys.readouterr().out.splitlines()[1].split()).replace(" ", "  ")


def test_gradescopes_results(sheet, tmp_path, capsys):
    target = tmp_path / "results.json"
    assert command("grade", sheet(RIGHT, "a.py"), sheet(WRONG, "b.py"), "--gradescope", target) == 1
    results = json.loads(target.read_text(encoding="utf-8"))
    assert results["score"] == 2.0
    assert [test["name"] for test in results["tests"]] == ["dw", "db"]
    assert all(test["max_score"] == 1.0 for test in results["tests"])
    assert "would be right" not in json.dumps(results)
    assert command("grade", sheet(RIGHT, "a.py"), sheet(WRONG, "b.py"), sheet(RIGHT, "c.py"), "--gradescope", "x") == 2
    capsys.readouterr()


def test_gradescope_tells_the_repair_at_the_third_level_alone(sheet, tmp_path, capsys):
    slip = sheet(replaced(NAME, "de = 2 * e / len(y)", "de = 2 * e"), "b.py")
    said = []
    for level in ("2", "3"):
        command("grade", sheet(RIGHT, "a.py"), slip, "--gradescope", tmp_path / "results.json", "--hints", level)
        said.append(json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["output"])
    capsys.readouterr()
    kind, fix = said
    assert "missing_1_over_n" in kind and "The largest difference" in kind
    assert "should be '" in fix and "should be '" not in kind


def test_a_worker_that_dies_or_runs_out_of_memory_leaves_a_report(capfd):
    def out_of_memory():
        return {"held": [bytearray(2**28) for _ in range(40)]}

    def broken():
        raise KeyError("a bug of the checker's own")

    for job in (out_of_memory, broken, lambda: os._exit(3)):
        assert guarded(job, "sheet.py")["error"]["kind"] == "unsupported"
    assert "a bug of the checker's own" in capfd.readouterr().err
    assert guarded(lambda: {"held": 1}, "sheet.py") == {"held": 1}
