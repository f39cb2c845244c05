"""Training seen: what a run looked like epoch by epoch, on one page in one file.

`Recorder` notes down what the history does not have (histograms, dead ReLUs, the outputs over the plane) and
renders the page. It reads the model and leaves everything as it was.
"""

from __future__ import annotations

import json
import math
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd_lite.grad_mode import enable_grad, no_grad
from autograd_lite.record import Leaf, Node, topological
from autograd_lite.rules.piecewise import relu
from autograd_lite.show.curves import curves
from autograd_lite.show.digits import count, number
from autograd_lite.show.heatmaps import LEVELS
from autograd_lite.tensor import Tensor

if TYPE_CHECKING:
    from autograd_lite.train.loop import Run

__all__ = ["Recorder"]

#: samples that are sent through the model to see which ReLUs are dead
_SAMPLES = 128
#: entries of an array that its histogram counts, and its bars
_ENTRIES, _BARS = 10_000, 24
#: squares along one side of the plane
_SIDE = 32
#: parameters that are shown; epochs that can be chosen; characters that all of these may take
_PARAMETERS, _EPOCHS, _CHARACTERS = 24, 100, 220_000
#: points of one line, samples on the plane
_POINTS, _DOTS = 160, 300


class Recorder:
    """What was seen of a run, and the page of it.

    The epochs that can be chosen on the page are thinned out evenly when they become too many for its budget, about
    half a megabyte; the curves have every epoch's numbers, or an even choice of 160.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.frames: list[dict[str, Any]] = []
        self.stride = 1

    def look(self, every: int = 1) -> None:
        """Note down the epoch that has just ended, if it is the first, the last, or one that is due."""
        run = self.run
        first = self.frames[0]["epoch"] if self.frames else run.epoch
        final = run.stop or run.epoch + 1 == run.epochs
        if final or (run.epoch - first) % (every * self.stride) == 0:
            frame = self._seen()
            size = len(frame["weights"]) * 2 * (_BARS + 70) + len(frame["dead"]) * 60 + _SIDE**2 * ("plane" in frame)
            if len(self.frames) >= max(10, min(_EPOCHS, _CHARACTERS // max(size, 1))):
                del self.frames[1::2]
                self.stride *= 2
            if final or (run.epoch - first) % (every * self.stride) == 0:
                self.frames.append(frame)

    def _seen(self) -> dict[str, Any]:
        """What the history does not have of this epoch."""
        run, inputs = self.run, self.run.loader.inputs
        parameters = run.named_parameters[:_PARAMETERS]
        # A run that is about to diverge is worth seeing: what overflows here must not end it.
        with _Undisturbed(run), np.errstate(all="ignore"):
            frame: dict[str, Any] = {
                "epoch": run.epoch,
                "weights": {name: _histogram(p.data) for name, p in parameters},
                "gradients": {name: _histogram(p.grad) for name, p in parameters if p.grad is not None},
                "dead": _dead_relus(run, inputs[:: max(1, len(inputs) // _SAMPLES)][:_SAMPLES].copy()),
            }
            plane = _over_the_plane(run.model, inputs) if _is_plane(inputs) else None
            if plane is not None:
                frame["plane"] = plane
        return frame

    def page(self) -> str:
        """The page, as HTML."""
        run = self.run
        history = run.history.records
        length = len(history["loss"])
        picked = np.unique(np.linspace(0, length - 1, min(length, _POINTS)).round().astype(int)).tolist()
        names = [name for name, _ in run.named_parameters]
        shown = names[:_PARAMETERS]
        losses = {name: v for name, v in history.items() if name.endswith("loss")}
        magnitudes = ("gradient ", "weight ")
        others = {n: v for n, v in history.items() if n not in losses and n != "lr" and not n.startswith(magnitudes)}
        figures = [_lines("Loss", picked, losses, log=True)]
        for metric in dict.fromkeys(name.removeprefix("validation ") for name in others):
            both = {name: others[name] for name in (metric, f"validation {metric}") if name in others}
            figures.append(_lines(metric.capitalize(), picked, both))
        for kind in magnitudes:
            lines = {name: history[f"{kind}{name}"] for name in shown}
            figures.append(_lines(f"Mean absolute {kind}of each parameter", picked, lines, log=True))
        layers = list(self.frames[-1]["dead"])
        remarks = []
        if layers:
            dead = {layer: [frame["dead"].get(layer, math.nan) for frame in self.frames] for layer in layers}
            epochs = [frame["epoch"] for frame in self.frames]
            samples = min(len(run.loader.inputs), _SAMPLES)
            title = f"Share of dead ReLUs: those that none of {samples} samples makes positive"
            figures.append(curves(title, epochs, dead, bounds=(0.0, 1.0)))
        if len(names) > len(shown):
            remarks.append(f"Of {len(names)} parameters the first {len(shown)} are shown.")
        if len(self.frames) < length:
            remarks.append(f"{len(self.frames)} of {length} epochs can be chosen.")
        if len(picked) < length:
            remarks.append(f"The curves have {len(picked)} of {length} epochs.")
        data: dict[str, Any] = {
            "frames": [self._frame(frame, shown) for frame in self.frames],
        }
        if all("plane" in frame for frame in self.frames):
            data["plane"] = self._plane()
        summary = f"{count(length, 'epoch')}, {count(sum(p.size for _, p in run.named_parameters), 'weight')}"
        return _html(type(run.model).__name__, summary, figures, remarks, data)

    def _frame(self, frame: dict[str, Any], shown: list[str]) -> dict[str, Any]:
        epoch, records = frame["epoch"], self.run.history.records
        numbers = [
            f"{name} {number(values[epoch], 6)}"
            for name, values in records.items()
            if not name.startswith(("gradient ", "weight "))
        ]
        dead = [f"{layer}: {100 * share:.0f} %" for layer, share in frame["dead"].items()]
        text = f"Epoch {epoch + 1}: {', '.join(numbers)}." + (f" Dead ReLUs: {', '.join(dead)}." if dead else "")
        rows = [
            [name, *(number(records[f"{kind} {name}"][epoch]) for kind in ("gradient", "weight"))] for name in shown
        ]
        bars = [[frame["gradients"].get(name), frame["weights"][name]] for name in shown]
        return {"epoch": epoch, "text": text, "rows": rows, "bars": bars}

    @np.errstate(all="ignore")  # of a run that diverged the outputs are infinite
    def _plane(self) -> dict[str, Any]:
        """The outputs over the plane, as one character for each square, and some of the samples."""
        inputs, targets = self.run.loader.inputs, np.asarray(self.run.loader.targets)
        outputs = [frame["plane"] for frame in self.frames]
        step = max(1, math.ceil(len(inputs) / _DOTS))
        dots, chosen = inputs[::step], targets[::step]
        classes = outputs[0].shape[1]
        made: dict[str, Any] = {"side": _SIDE, "box": _box(inputs), "dots": _rounded(dots), "of": len(inputs)}
        if classes > 1:
            labels = chosen if chosen.ndim == 1 else chosen.argmax(axis=1)
            made["grids"] = ["".join(LEVELS[k % 64] for k in np.nan_to_num(z).argmax(axis=1)) for z in outputs]
            made["classes"], made["labels"] = classes, [int(k) % 64 for k in labels.tolist()]
        if classes > 2:
            return made
        # Of two outputs the larger one decides: their difference has its boundary at 0.
        middle = _threshold(self.run, targets) if classes == 1 else 0.0
        single = [z[:, 0].astype(float) if classes == 1 else z[:, 1].astype(float) - z[:, 0] for z in outputs]
        distances = [np.nan_to_num(d) - middle for d in single]
        most = [max(float(np.abs(d).max()), 1e-300) for d in distances]
        made["grids"] = [
            "".join(LEVELS[int(k)] for k in np.where(d > 0, 32, 31) + np.trunc(d / m * 31))
            for d, m in zip(distances, most, strict=True)
        ]
        made["classes"], made["middle"] = classes, number(middle)
        if classes == 1:
            made["labels"] = [int(k) for k in np.asarray(chosen).reshape(len(dots), -1)[:, 0] > _centre(targets)]
        return made


class _Undisturbed:
    """Evaluation mode for a while; modes, state arrays and random generators are then what they were."""

    def __init__(self, run: Run) -> None:
        from autograd_lite.train.loop import generators_of

        self.model = run.model
        self.modes = [(module, module.training) for _, module in run.model.named_modules()]
        self.state = [(a, a.copy()) for _, a in run.model.named_entries() if isinstance(a, np.ndarray)]
        self.generators = [(rng, rng.bit_generator.state) for rng in generators_of(run.model)]
        self.legacy = np.random.get_state()

    def __enter__(self) -> None:
        self.model.eval()

    def __exit__(self, *error: object) -> None:
        for module, mode in self.modes:
            module.training = mode
        for array, values in self.state:
            array[...] = values
        for rng, state in self.generators:
            rng.bit_generator.state = state
        np.random.set_state(self.legacy)


def _histogram(array: Any) -> list[Any]:
    """Least, greatest, how many are not finite, and one character for the height of each bar."""
    flat = np.abs(array).ravel() if np.iscomplexobj(array) else np.ravel(array)
    flat = flat[:: max(1, math.ceil(flat.size / _ENTRIES))]
    finite = flat[np.isfinite(flat)].astype(float)
    lost = int(flat.size - finite.size)
    if not finite.size:
        return ["-", "-", lost, "0" * _BARS]
    low, high = float(finite.min()), float(finite.max())
    # A range too narrow to be cut into bars is one bar in the middle.
    wide = high / 2 - low / 2 > 1e-9 * max(abs(low), abs(high))
    # Of halves, because the difference of two large numbers may be infinite.
    bars = ((finite / 2 - low / 2) * (_BARS / (high / 2 - low / 2))).astype(int) if wide else np.full(1, _BARS // 2)
    counts = np.bincount(np.minimum(bars, _BARS - 1), minlength=_BARS)
    heights = np.ceil(63 * counts / counts.max()).astype(int)
    return [number(low), number(high), lost, "".join(LEVELS[h] for h in heights)]


def _dead_relus(run: Run, samples: Any) -> dict[str, float]:
    """For each ReLU that the model's forward pass holds, the share of units that are 0 for all samples.

    A unit is an entry of the last axis, or in images, of four axes, a channel.
    """
    with enable_grad():
        output = run.model(samples)
    result = output._node if isinstance(output, Tensor) else None
    if result is None:
        return {}
    owner = {p._node: name.rpartition(".")[0] or name for name, p in run.named_parameters}
    found: dict[str, float] = {}
    layer: dict[Any, str] = {}  # the last layer with parameters that a node has gone through
    for node in topological([result]):
        sources = [source for source in node.inputs if isinstance(source, Node)]
        named = [owner[s] for s in sources if isinstance(s, Leaf) and s in owner]
        before = [layer[s] for s in sources if s in layer]
        label = (named or before or ["input"])[0]
        layer[node] = label
        zero = _zero_where(node)
        if zero is not None and zero.ndim > 1:
            units = zero.ndim - 1 if zero.ndim != 4 else 1
            dead = zero.all(axis=tuple(axis for axis in range(zero.ndim) if axis != units))
            name = f"ReLU after {label}"
            repeated = sum(other == name or other.startswith(f"{name} (") for other in found)
            found[f"{name} ({repeated + 1})" if repeated else name] = float(dead.mean())
    return found


def _zero_where(node: Any) -> Any:
    """Where a ReLU is not positive; None if the node is no ReLU. It is written as `nn.relu` or as np.maximum(x, 0)."""
    if node.saved is None or node.op is None:
        return None
    if node.op is relu:
        return node.saved[0] <= 0
    if node.op.name == "maximum":
        for side, other in ((0, 1), (1, 0)):
            if _is_zero(node.inputs[side]) and isinstance(node.saved[1 + other], np.ndarray):
                return node.saved[1 + other] <= 0
    return None


def _is_zero(value: Any) -> bool:
    return not isinstance(value, Node) and np.ndim(value) == 0 and bool(value == 0)


def _is_plane(inputs: Any) -> bool:
    return bool(inputs.ndim == 2 and inputs.shape[1] == 2 and inputs.dtype.kind == "f")


def _box(inputs: Any) -> list[list[float]]:
    """Least and greatest of both coordinates, with a margin of a tenth."""
    low, high = inputs.min(axis=0).astype(float), inputs.max(axis=0).astype(float)
    margin = np.where(high > low, 0.1 * (high - low), 1.0)
    return [[float(f"{a:.6g}"), float(f"{b:.6g}")] for a, b in zip(low - margin, high + margin, strict=True)]


def _over_the_plane(model: Any, inputs: Any) -> Any:
    """The model's outputs at the middles of the squares, (squares, outputs), the top row first; None of several."""
    (left, right), (bottom, top) = _box(inputs)
    middles = (np.arange(_SIDE) + 0.5) / _SIDE
    x, y = np.meshgrid(left + (right - left) * middles, top - (top - bottom) * middles)
    points = np.stack([x.ravel(), y.ravel()], axis=1).astype(inputs.dtype)
    outputs = []
    with no_grad():
        # In batches, because large products wake up the threads of the linear algebra, which costs more than it gains.
        for start in range(0, len(points), _SAMPLES):
            output = model(points[start : start + _SAMPLES])
            if not isinstance(output, (Tensor, np.ndarray)):
                return None
            outputs.append(output.numpy() if isinstance(output, Tensor) else output)
    return np.float32(np.concatenate(outputs).reshape(len(points), -1))


def _threshold(run: Run, targets: Any) -> float:
    """The output that is the boundary between two classes: 0 for logits, otherwise midway between the targets."""
    from autograd_lite.nn.losses import binary_cross_entropy_with_logits

    loss = getattr(run.loss, "func", run.loss)  # of a functools.partial
    return 0.0 if loss is binary_cross_entropy_with_logits else _centre(targets)


def _centre(targets: Any) -> float:
    return (float(np.min(targets)) + float(np.max(targets))) / 2


def _rounded(points: Any) -> list[list[float]]:
    return [[float(f"{x:.4g}") for x in point] for point in points.tolist()]


def _lines(title: str, picked: list[int], lines: Any, *, log: bool = False) -> str:
    return curves(title, picked, {name: [values[i] for i in picked] for name, values in lines.items()}, log=log)


def _html(title: str, summary: str, figures: list[str], remarks: list[str], data: dict[str, Any]) -> str:
    folder = files("autograd_lite.show") / "page"
    parts = {
        "title": escape(title),
        "summary": escape(summary),
        "style": (folder / "page.css").read_text(encoding="utf-8"),
        "more": (folder / "training.css").read_text(encoding="utf-8"),
        "script": (folder / "training.js").read_text(encoding="utf-8"),
        "remarks": "".join(f"<p class=remark>{escape(remark)}</p>" for remark in remarks),
        "figures": "".join(figures),
        "epochs": "".join(f"<li>{escape(frame['text'])}</li>" for frame in data["frames"]),
        # "<" cannot end the script element early, whatever a metric is called.
        "data": json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
    }
    pieces = (folder / "training.html").read_text(encoding="utf-8").split("@@")
    return "".join(piece if i % 2 == 0 else parts[piece] for i, piece in enumerate(pieces))
