"""What the documents say is run: Python blocks, consoles, links inside the project, set-up commands.

The Python blocks of one document are one program: a block sees the names of those above it. A block with
`>>>` prompts is held against the output printed in it; any other must run without an error or a warning.
A block whose fence names a file is that file, for the blocks of its document; a `console` block is the command
line after `$` and what it prints.
"""

import doctest
import importlib
import math
import re
import shlex
import tomllib
import traceback
from pathlib import Path

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.check.worksheets.functions import FUNCTIONS
from autograd_lite.cli import main

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
DOCUMENTS = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]

PICTURES = (ROOT / "docs" / "loss.svg", Path("loss.svg"))

FENCE = re.compile(r"^```(?P<language>\w*) ?(?P<file>[^\n]*)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!\w+:)(?P<target>[^)#\s]*)#?(?P<anchor>[^)\s]*)\)")
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(text: str, *languages: str) -> list[tuple[int, str]]:
    """The fenced blocks in these languages, each with the number of lines above its first."""
    return [
        (text.count("\n", 0, match.start("code")), match["code"])
        for match in FENCE.finditer(text)
        if match["language"] in languages
    ]


def run_python_blocks(text: str, filename: str) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    for line, code in blocks(text, "python", "pycon"):
        if re.search(r"^ *>>> ", code, re.MULTILINE):
            example = doctest.DocTestParser().get_doctest(code, names, filename, filename, line)
            doctest.DebugRunner(optionflags=OPTIONS).run(example, clear_globs=False)
            names = example.globs
        else:
            # Empty lines above, so that a traceback names the line of the document.
            exec(compile("\n" * line + code, filename, "exec"), names)


def write_files(text: str) -> None:
    for match in FENCE.finditer(text):
        if match["file"]:
            Path(match["file"]).write_text(match["code"], encoding="utf-8")


def anchors(text: str) -> set[str]:
    """What GitHub calls the headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("empty_folder")
@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_python_block_runs(path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    write_files(read(path))
    run_python_blocks(read(path), str(path))


@pytest.mark.usefixtures("empty_folder")
@pytest.mark.parametrize("path", [path for path in PAGES if blocks(read(path), "console")], ids=name_of)
def test_every_console_prints_what_stands_under_the_command(path, capsys):
    write_files(read(path))
    for _, code in blocks(read(path), "console"):
        line, _, printed = code.partition("\n")
        prompt, program, *arguments = shlex.split(line)
        assert (prompt, program.removeprefix(".venv/bin/")) == ("$", "autograd-lite")
        main(arguments)
        assert doctest.OutputChecker().check_output(printed, capsys.readouterr().out, OPTIONS)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_link_inside_the_project_leads_to_a_file_and_a_heading(path):
    for match in LINK.finditer(read(path)):
        target = path.parent / match["target"] if match["target"] else path
        assert target.exists(), match[0]
        assert not match["anchor"] or match["anchor"] in anchors(read(target)), match[0]


def test_the_readme_leads_to_every_page():
    targets = {match["target"] for match in LINK.finditer(read(ROOT / "README.md"))}
    assert {path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md")} <= targets


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_name_of_the_project_in_the_prose_exists(path):
    """Of a table only the last column: the first of one of them holds PyTorch's names."""
    prose = re.sub(r"^\|.*\|(?=[^|]*\|$)", "", FENCE.sub("", read(path)), flags=re.MULTILINE)
    rooms = {"ag": ag, **{room: getattr(ag, room) for room in ("nn", "optim", "train", "saving")}}
    names = re.findall(r"(?<![\w.])(ag|nn|optim|train|saving)\.(\w+)", " ".join(re.findall("`([^`]+)`", prose)))
    assert [f"{room}.{name}" for room, name in names if not hasattr(rooms[room], name)] == []


def rows_of(path: Path, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, as the first code that stands in each."""
    lines = read(path).split(f"## {heading}\n")[1].split("\n## ")[0].splitlines()
    return [re.findall(r"\| `([^`]+)`", line) for line in lines if line.startswith("| `")]


@pytest.mark.parametrize(("refused", "cure"), rows_of(ROOT / "docs" / "numpy.md", "What has to be written otherwise"))
def test_what_numpy_code_has_to_write_otherwise_is_refused_and_its_cure_works(refused, cure):
    names = {"np": np, "ag": ag, "math": math, "scipy": pytest.importorskip("scipy")}
    importlib.import_module("scipy.stats"), importlib.import_module("scipy.linalg")

    def run(code):
        x, t = ag.Tensor([1.0, 2.0, 3.0], requires_grad=True), ag.Tensor(0.5, requires_grad=True)
        exec(code, names | {"x": x, "t": t, "a": np.ones(3), "rng": np.random.default_rng(0)})

    with pytest.raises((ag.AutogradError, ValueError)) as caught:
        run(refused)
    assert isinstance(caught.value, ag.AutogradError) or isinstance(caught.value.__cause__, ag.AutogradError)
    run(cure)


def test_the_page_on_worksheets_lists_every_function_that_they_know():
    assert FUNCTIONS.keys() <= set(re.findall(r"`([\w.]+)`", read(ROOT / "docs" / "worksheets.md")))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_fence_is_seen(path):
    """An indented or unclosed block would escape the tests above in silence."""
    text = read(path)
    assert text.count("```") == 2 * len(FENCE.findall(text))


@pytest.mark.usefixtures("empty_folder")
def test_the_readme_shows_the_picture_that_its_blocks_draw():
    """The boxes and arrows; where they stand depends on the version of Graphviz."""
    run_python_blocks(read(ROOT / "README.md"), "README.md")
    shown, drawn = (sorted(re.findall("<title>.*?</title>|>[^<]*</text>", read(p))) for p in PICTURES)
    assert shown == drawn
    assert len(drawn) > 20


def test_a_document_with_a_failing_block_does_not_pass():
    with pytest.raises(ZeroDivisionError) as caught:
        run_python_blocks("words\n\n```python\nn = 0\n```\n\n```python\n1 / n\n```\n", "wrong.md")
    innermost = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (innermost.filename, innermost.lineno) == ("wrong.md", 8)


def test_a_document_with_a_false_output_does_not_pass():
    right = "```python\nn = 1\n```\n\n```python\n>>> n + 1\n2\n```\n"
    run_python_blocks(right, "right.md")
    with pytest.raises(doctest.DocTestFailure):
        run_python_blocks(right.replace("2\n", "3\n"), "wrong.md")


@pytest.mark.parametrize("purpose", ["autograd-lite tour", "python -m pytest"])
def test_one_command_in_the_readme_sets_up_and_runs(purpose):
    """It makes the environment, installs, and runs; the extra and the script in it are declared."""
    lines = "".join(code for _, code in blocks(read(ROOT / "README.md"), "sh")).splitlines()
    (command,) = [line for line in lines if line.startswith("python3 -m venv") and purpose in line]
    make, install, run = command.split(" && ")
    (extra,) = re.findall(r"'\.\[(\w+)\]'", install)
    project = tomllib.loads(read(ROOT / "pyproject.toml"))["project"]
    assert extra in project["optional-dependencies"]
    assert run.removeprefix(make.split()[-1] + "/bin/").split()[0] in {"python", *project["scripts"]}


def test_continuous_integration_runs_the_test_command_of_the_readme():
    pattern = re.search(r"grep -m1 '(.+)' README\.md", read(ROOT / ".ci" / "run"))
    assert pattern is not None
    (command,) = re.findall(pattern[1] + ".*", read(ROOT / "README.md"), re.MULTILINE)
    assert command.endswith("-m pytest -q -n 2")
