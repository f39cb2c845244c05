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
from autograd_lite import Tensor, backprop, grad_mode, nn, optim, transforms
from autograd_lite.check.worksheets import grade
from autograd_lite.nn import normalization
from autograd_lite.optim import flat
from autograd_lite.optim import optimizer as optimizer_module
from autograd_lite.saving import replace_file
from autograd_lite.show.files import write_whole
from autograd_lite.train import EarlyStopping, History, Loader, loop
from autograd_lite.train import history as history_module
from autograd_lite.train.progress import ProgressBar

PACKAGE = os.path.dirname(ag.__file__) + os.sep


class _Fault:
    """Raises `error` before the line numbered `at` that `module` (a file, or a folder of them) runs."""

    def __init__(self, module: str, at: int, error: type[BaseException]) -> None:
        self.module, self.left, self.error = module, at, error

    def __call__(self, frame: Any, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(self.module):
            return None
        if event == "line":
            self.left -= 1
            if not self.left:
                sys.settrace(None)
                raise self.error
        return self


def faults(
    prepare: Callable[[], Callable[[], Any]], module: Any = PACKAGE, error: type[BaseException] = KeyboardInterrupt
) -> Iterator[None]:
    """Run what `prepare` returns as often as it has lines in `module`, each time with a fault before another one."""
    file = module if isinstance(module, str) else module.__file__
    at = 0
    while True:
        at += 1
        run = prepare()
        fault = _Fault(file, at, error)
        before = sys.gettrace()
        sys.settrace(fault)
        try:
            run()
        except error:
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
@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeoutError])  # the second as from a signal's handler
def test_backward_changes_all_gradients_or_none(create_graph: bool, error: type[BaseException]) -> None:
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

    for _ in faults(prepare, backprop, error):
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

        def remove(self, token: Any) -> None:
            raise KeyboardInterrupt

    before = grad_mode.recording()
    made = block()
    made._tokens = Interrupted()
    with pytest.raises(KeyboardInterrupt), made:
        raise AssertionError
    assert grad_mode.recording() == before

    made = block()
    with pytest.raises(KeyboardInterrupt), made:  # while it ends
        made._tokens = Interrupted(made._tokens)
    assert grad_mode.recording() == before


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


# --- training --------------------------------------------------------------------------------------------------


def same(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(np.array_equal(a, b))


def trained(kind: Callable[..., optim.Optimizer]) -> tuple[optim.Optimizer, list[Tensor]]:
    """An optimiser of two groups and two dtypes, after one step."""
    parameters = [Tensor(np.ones(size, dtype), requires_grad=True) for size, dtype in ((3, "f8"), (2, "f4"), (4, "f8"))]
    optimizer = kind([{"params": parameters[:2]}, {"params": parameters[2:]}], lr=0.1)
    for p in parameters:
        p.grad = np.ones(p.shape, p.dtype)
    optimizer.step()
    return optimizer, parameters


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad])
def test_a_step_for_which_there_is_no_memory_changes_nothing(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (other, expected), side_by_side = trained(kind), flat._side_by_side
    other.step()
    for at in range(3):
        optimizer, parameters = trained(kind)
        left = [True] * at

        def fail(arrays: Any, dtype: Any, left: list[bool] = left) -> Any:
            if not left:
                raise MemoryError
            left.pop()
            return side_by_side(arrays, dtype)

        before = optimizer.state_dict(), [p.numpy() for p in parameters]
        with monkeypatch.context() as patch:
            patch.setattr(flat, "_side_by_side", fail)
            with pytest.raises(MemoryError):
                optimizer.step()
        assert same(before, (optimizer.state_dict(), [p.numpy() for p in parameters]))
        optimizer.step()
        assert same([p.numpy() for p in parameters], [p.numpy() for p in expected])
        assert same(optimizer.state_dict(), other.state_dict())


def test_a_group_for_which_there_is_no_memory_is_not_added(monkeypatch: pytest.MonkeyPatch) -> None:
    optimizer, parameters = trained(optim.SGD)

    def fail(*_: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(flat.Flat, "_move_to", fail)
        with pytest.raises(MemoryError):
            optimizer.add_param_group({"params": [Tensor([1.0], requires_grad=True)]})
    optimizer.step()
    assert len(optimizer.param_groups) == 2
    assert np.allclose(parameters[0].numpy(), 0.8)


def test_a_state_that_does_not_fit_the_dtype_changes_no_optimiser() -> None:
    w = Tensor(np.ones(2, np.float16), requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1, momentum=0.9)
    w.grad = np.ones(2, np.float16)
    optimizer.step()
    before, state = optimizer.state_dict(), optimizer.state_dict()
    state["state"][0] |= {"momentum_buffer": np.array([1e300, 1.0]), "step": 7}
    state["param_groups"][0]["lr"] = 0.7
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        optimizer.load_state_dict(state)
    assert same(before, optimizer.state_dict())


def test_a_schedule_whose_function_fails_stays_in_its_epoch() -> None:
    fails = True

    def multiplier(epoch: int) -> float:
        if fails and epoch:
            raise ValueError(epoch)
        return float(0.5**epoch)

    schedule = optim.LambdaLR(optim.SGD([Tensor([1.0], requires_grad=True)], lr=1.0), multiplier)
    with pytest.raises(ValueError, match="1"):
        schedule.step()
    with pytest.raises(ValueError, match="5"):
        schedule.load_state_dict({"epoch": 5, "base_lrs": [2.0]})
    assert schedule.state_dict() == {"epoch": 0, "base_lrs": [1.0]}
    fails = False
    schedule.step()
    assert schedule.get_last_lr() == [0.5]


@pytest.mark.parametrize(
    "clip", [lambda ps: optim.clip_grad_norm_(ps, 1e-3), lambda ps: optim.clip_grad_value_(ps, 0.5)]
)
def test_clipping_that_fails_changes_no_gradient(clip: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = [Tensor(np.ones(2, np.float32), requires_grad=True) for _ in range(2)]
    for p, value in zip(parameters, (1.0, 1e-37), strict=True):  # the second is too small to be scaled
        p.grad = np.full(2, value, np.float32)
    np_clip = np.clip

    def failing(x: Any, *limits: Any) -> Any:
        if x[0] < 1:
            raise MemoryError
        return np_clip(x, *limits)

    monkeypatch.setattr(np, "clip", failing)
    with np.errstate(under="raise"), pytest.raises((FloatingPointError, MemoryError)):
        clip(parameters)
    assert [p.grad[0] for p in parameters] == [1.0, np.float32(1e-37)]


def test_a_parameter_that_is_a_view_is_refused_before_any_is_loaded() -> None:
    model = nn.Module()
    model.first = Tensor(np.ones(2), requires_grad=True)
    base = Tensor(np.ones(4))
    view = base[:2]
    view.requires_grad = True
    model.second = view
    with pytest.raises(ag.AutogradError, match="the array second is read-only; give the module a copy"):
        model.load_state_dict({"first": np.zeros(2), "second": np.zeros(2)})
    assert (model.first.numpy() == 1).all()


def test_an_epoch_is_in_the_history_whole_or_not_at_all() -> None:
    history = History()
    history.add({"loss": 1.0, "accuracy": 0.5})
    with pytest.raises(ValueError, match="none"):
        history.add({"loss": 1.0, "accuracy": "none"})  # type: ignore[dict-item]
    assert history.records == {"loss": [1.0], "accuracy": [0.5]}

    def prepare() -> Callable[[], Any]:
        del history.records["loss"][1:], history.records["accuracy"][1:]
        return lambda: history.add({"loss": 2.0, "accuracy": 0.7})

    for _ in faults(prepare, history_module):
        assert len(history.to_csv().splitlines()) in (2, 3)

    before = {"loss": [1.0], "late": []}
    after = {"loss": [1.0, 2.0], "late": [3.0], "new": [4.0]}

    def prepare_uneven() -> Callable[[], Any]:
        history.records = {name: list(column) for name, column in before.items()}
        return lambda: history.add({"loss": 2.0, "late": 3.0, "new": 4.0})

    for _ in faults(prepare_uneven, history_module):
        assert history.records in (before, after)


def test_batch_normalisation_that_fails_leaves_its_running_statistics() -> None:
    x = np.random.default_rng(0).normal(size=(5, 2))
    layer = nn.BatchNorm1d(2)
    layer(x)
    after = layer.running_mean.copy(), layer.running_var.copy()

    def prepare() -> Callable[[], Any]:
        layer.running_mean[:], layer.running_var[:] = 0, 1
        return lambda: layer(x)

    torn = 0
    for _ in faults(prepare, normalization):
        now = layer.running_mean, layer.running_var
        torn += not (same(now, after) or same(now, (np.zeros(2), np.ones(2))))
    assert torn == 1  # between the two assignments, where only Ctrl-C can come


def test_a_checkpoint_is_taken_over_whole_or_not_at_all() -> None:
    def run() -> loop.Run:
        model = nn.Sequential(nn.Dense(2, 2, seed=0), nn.BatchNorm1d(2), nn.Dropout(seed=0), nn.Dense(2, 1, seed=0))
        optimizer = optim.Adam(model.parameters(), lr=0.1)
        data = Loader(np.ones((4, 2)), np.ones((4, 1)), 2, seed=0)
        schedule = optim.StepLR(optimizer, 1)
        return loop.Run(model, optimizer, schedule, data, (EarlyStopping(),), "loss", nn.mse_loss, 3)

    ahead, made = run(), run()
    for _ in range(2):
        loop._epoch(ahead, nn.mse_loss, None, {}, None, ProgressBar(3, False))
    before, after = made.state_dict(), ahead.state_dict()

    def prepare() -> Callable[[], Any]:
        made.load_state_dict(before)
        return lambda: made.load_state_dict(after)

    for _ in faults(prepare, optimizer_module):
        now = made.state_dict()
        assert same(now, before)
    assert same(made.state_dict(), after)


def test_a_summary_that_is_interrupted_at_its_start_leaves_no_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential(nn.Dense(2, 3), nn.Dense(3, 1))

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(model[1], "register_forward_hook", interrupted, raising=False)
        with pytest.raises(KeyboardInterrupt):
            model.summary(np.ones((1, 2)))
    assert not any(vars(module).get("_hooks") for _, module in model.named_modules())
    assert all(module.training for _, module in model.named_modules())
