"""What the documents say is run: every Python block, every link inside the project, every set-up command.

The Python blocks of one document are one program: a block sees the names of those above it. A block with
`>>>` prompts is held against the output printed in it; any other must run without an error or a warning.
"""

import doctest
import re
import tomllib
import traceback
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
DOCUMENTS = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]

FENCE = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!\w+:|#)(?P<target>[^)#\s]+)")


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
            options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
            doctest.DebugRunner(optionflags=options).run(example, clear_globs=False)
            names = example.globs
        else:
            # Empty lines above, so that a traceback names the line of the document.
            exec(compile("\n" * line + code, filename, "exec"), names)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_python_block_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    run_python_blocks(read(path), str(path))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_link_inside_the_project_leads_to_a_file(path):
    targets = [match["target"] for match in LINK.finditer(read(path))]
    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_fence_is_seen(path):
    """An indented or unclosed block would escape the tests above in silence."""
    text = read(path)
    assert text.count("```") == 2 * len(FENCE.findall(text))


def test_the_readme_has_an_example():
    assert blocks(read(ROOT / "README.md"), "python")


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
