"""What stays as it was when Ctrl-C or a lack of memory ends something anywhere within it."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor, backprop, record, transforms
from autograd_lite.check.worksheets import grade
from autograd_lite.saving import replace_file
from autograd_lite.show.files import write_whole

PACKAGE = os.path.dirname(ag.__file__) + os.sep


class _Fault:
    """Raises KeyboardInterrupt before the line numbered `at` that `module` (a file, or a folder of them) runs."""

    def __init__(self, module: str, at: int) -> None:
        self.module, self.left = module, at

    def __call__(self, frame: Any, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(self.module):
            return None
        if event == "line":
            self.left -= 1
            if not self.left:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self


def faults(prepare: Callable[[], Callable[[], Any]], module: Any = PACKAGE) -> Iterator[None]:
    """Run what `prepare` returns as often as it has lines in `module`, each time with a fault before another one."""
    file = module if isinstance(module, str) else module.__file__
    at = 0
    while True:
        at += 1
        run = prepare()
        fault = _Fault(file, at)
        before = sys.gettrace()
        sys.settrace(fault)
        try:
            run()
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        if fault.left > 0:
            assert at > 3  # it has lines
            return
        yield


def lock_is_free() -> bool:
    free: list[bool] = []

    def try_it() -> None:
        free.append(backprop._accumulating.acquire(timeout=1))
        if free[0]:
            backprop._accumulating.release()

    thread = threading.Thread(target=try_it)
    thread.start()
    thread.join()
    return free[0]


@pytest.mark.parametrize("create_graph", [False, True])
def test_backward_changes_all_gradients_or_none(create_graph: bool) -> None:
    parameters: list[Tensor] = []
    unchanged = 0

    def prepare() -> Callable[[], Any]:
        w, b, c = (Tensor(np.ones(shape), requires_grad=True) for shape in ((2, 3), (3,), ()))
        h = np.ones((4, 2)) @ w + b
        h.register_hook(lambda g: None)
        for p in (w, b):  # and none at c
            p.grad = np.full(p.shape, 7.0)
        loss = (h * c + w.sum()).sum()
        parameters[:] = w, b, c
        return lambda: loss.backward(create_graph=create_graph)

    for _ in faults(prepare, backprop):
        assert ag.is_grad_enabled()
        assert lock_is_free()
        w, b, c = (p.grad for p in parameters)
        changed = [bool((np.asarray(g.detach() if isinstance(g, Tensor) else g) != 7).all()) for g in (w, b)]
        assert changed == [c is not None] * 2
        unchanged += c is None
    assert unchanged > 10


def test_what_results_retain_changes_with_the_gradients_of_the_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    x = Tensor(np.ones(3), requires_grad=True)
    h = x * 2
    h.retain_grad()
    loss = h[::1].sum()  # the gradient of x is copied, since h has it too

    def fail(g: Any) -> Any:
        if len(calls) == 1:
            raise MemoryError
        calls.append(g)
        return np.array(g)

    calls: list[Any] = []
    monkeypatch.setattr(backprop, "_own", fail)
    x.grad = np.ones((3,))[::1]
    x.register_hook(lambda g: g)
    with pytest.raises(MemoryError):
        loss.backward()
    assert (x.grad == 1).all()
    assert h.grad is None


@pytest.mark.parametrize(
    "transform",
    [
        lambda f, x: ag.grad(f)(x),
        lambda f, x: ag.jvp(f, (x,), (x,)),
        lambda f, x: ag.hessian(f)(x),
        lambda f, x: ag.hvp(f, x, x),
        lambda f, x: ag.grad(lambda t: ag.checkpoint(f)(t))(x),
    ],
)
def test_transforms_leave_the_recording_as_it_was(transform: Callable[..., Any]) -> None:
    x = np.array([0.5, 1.0])
    for _ in faults(lambda: lambda: transform(lambda t: (np.sin(t) * t).sum(), x), backprop):
        assert ag.is_grad_enabled()
        assert not transforms._running.get()


@pytest.mark.parametrize("block", [ag.no_grad, ag.debug, ag.trace_nan])
def test_a_block_that_is_interrupted_while_it_begins_leaves_the_recording_as_it_was(
    block: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(list[Any]):
        def append(self, token: Any) -> None:
            raise KeyboardInterrupt

        def pop(self, index: Any = -1) -> Any:
            raise KeyboardInterrupt

    before = record.recording()
    made = block()
    made._tokens = Interrupted()
    with pytest.raises(KeyboardInterrupt), made:
        raise AssertionError
    assert record.recording() == before

    made = block()
    with pytest.raises(KeyboardInterrupt), made:  # while it ends
        made._tokens = Interrupted(made._tokens)
    assert record.recording() == before


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a file that a fault kept from its end
def test_files_are_old_or_new_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "file"
    writers: list[Callable[[], Any]] = [
        lambda: replace_file(path, lambda file: file.write(b"new")),
        lambda: write_whole(path, b"new"),
        lambda: grade.write(path, "new"),
    ]
    mask = os.umask(0o022)
    try:
        for write in writers:
            for _ in faults(lambda write=write: path.write_bytes(b"old") and write):  # type: ignore[misc]
                assert path.read_bytes() in (b"old", b"new")
                assert os.listdir(tmp_path) == ["file"]
                assert os.umask(0o022) == 0o022
            assert path.read_bytes() == b"new"
    finally:
        os.umask(mask)


_FIRST_CALL = """
import sys, numpy as np, scipy.special, autograd_lite as ag
x = ag.Tensor(np.eye(2) + 1, requires_grad=True)
calls = {"rules/special": lambda: scipy.special.gammaln(x) + scipy.special.entr(x), "rules/fft": lambda: np.fft.fft(x)}
name, left = sys.argv[1], int(sys.argv[2])

def trace(frame, event, argument):
    global left
    if not frame.f_code.co_filename.endswith(name + ".py"):
        return None
    left -= event == "line"
    if not left:
        sys.settrace(None)
        raise KeyboardInterrupt
    return trace

sys.settrace(trace)
try:
    calls[name]()
except KeyboardInterrupt:
    print("interrupted")
sys.settrace(None)
for call in calls.values():
    call().sum()
abs(np.fft.fft(x)).sum().backward()
"""


@pytest.mark.parametrize(("name", "line"), [("rules/special", 40), ("rules/fft", 60)])
def test_rules_that_are_loaded_later_can_be_loaded_after_an_interrupted_attempt(name: str, line: int) -> None:
    pytest.importorskip("scipy")
    command = [sys.executable, "-c", _FIRST_CALL, name, str(line)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # a process that has not loaded them
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted\n", "", 0)
