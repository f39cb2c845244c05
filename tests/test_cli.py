import os
import subprocess
import sys

import pytest

import autograd_lite
from autograd_lite import cli, tour
from autograd_lite.check.worksheets import catalogue
from autograd_lite.errors import OperandError


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "autograd_lite", *arguments], capture_output=True, text=True, check=False, **options
    )


def test_the_module_is_the_command():
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"autograd-lite {autograd_lite.__version__}\n")


def test_without_a_command_it_says_which_there_are(capsys):
    assert cli.main([]) == 2
    assert "tour" in capsys.readouterr().out


def test_an_unknown_command_is_refused(capsys):
    assert cli.main(["dance"]) == 2
    assert "invalid choice: 'dance'" in capsys.readouterr().err


def test_help_is_no_failure(capsys):
    assert cli.main(["tour", "--help"]) == 0
    assert "--out DIR" in capsys.readouterr().out


def test_an_error_is_one_sentence_and_status_1(monkeypatch, capsys):
    def fail(options):
        raise OperandError("tour: this failed; do that")

    monkeypatch.setattr(cli, "_tour", fail)
    assert cli.main(["tour"]) == 1
    assert capsys.readouterr().err == "autograd-lite: tour: this failed; do that\n"


def test_an_interruption_is_status_130(monkeypatch, capsys):
    def interrupt(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_tour", interrupt)
    assert cli.main(["tour"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_room_that_fails_to_load_is_not_passed_over(monkeypatch):
    """Only a room that is absent is; one that misses a package of its own is an error."""
    monkeypatch.setattr(cli, "_ROOMS", ("autograd_lite.no_such_room.command",))
    assert cli.main(["--version"]) == 0

    def load(name):
        raise ModuleNotFoundError("No module named 'numpyy'", name="numpyy")

    monkeypatch.setattr(cli.importlib, "import_module", load)
    with pytest.raises(ModuleNotFoundError, match="numpyy"):
        cli.main(["--version"])


@pytest.mark.skipif(os.name == "nt", reason="pipes close differently on Windows")
def test_a_reader_that_has_seen_enough_is_no_traceback():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "autograd_lite", "--version"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    assert done.returncode == 1


def test_importing_the_package_loads_no_reader_of_graphs():
    code = (
        "import sys, autograd_lite; print([n for n in sys.modules if {'show', 'graphviz', 'rich'} & set(n.split('.'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


SHEET = '''"""A regression."""
# inputs: X (n, d), w (d,), y (n,)
# wanted: dw
z = X @ w
L = np.mean((z - y) ** 2)
# --- gradients ---
dz = 2 * (z - y) / y.size
dw = X.T @ dz
'''


def test_a_worksheet_becomes_a_page(tmp_path, capsys):
    sheet, page = tmp_path / "sheet.py", tmp_path / "page.html"
    sheet.write_text(SHEET)
    assert cli.main(["explain", str(sheet), "-o", str(page)]) == 0
    assert capsys.readouterr().out == f"{page}\n"
    text = page.read_text(encoding="utf-8")
    assert "Forward: matmul makes z" in text and "Done: the gradient of w is complete" in text
    assert "the gradient of X" not in text


def test_a_file_that_is_no_worksheet_makes_no_page(tmp_path, capsys):
    sheet, page = tmp_path / "sheet.py", tmp_path / "page.html"
    sheet.write_text(SHEET.replace("X @ w", "__import__('os').system('true')"))
    assert cli.main(["explain", str(sheet), "-o", str(page)]) == 2
    assert cli.main(["explain", str(tmp_path / "missing.py"), "-o", str(page)]) == 2
    assert "cannot be opened" in capsys.readouterr().err
    assert not page.exists()


def test_a_page_that_cannot_be_written_is_status_1(tmp_path, capsys):
    sheet = tmp_path / "sheet.py"
    sheet.write_text(SHEET)
    assert cli.main(["explain", str(sheet), "-o", str(tmp_path / "missing" / "page.html")]) == 1
    assert "cannot write" in capsys.readouterr().err


def test_the_last_words_of_the_tour_and_the_page_of_mistakes_name_the_page_on_worksheets():
    said = []
    tour._next_step(True, 1.0, said.append)
    assert "docs/worksheets.md" in " ".join(said)
    assert "](worksheets.md)" in catalogue.HEAD
