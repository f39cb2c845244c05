"""What names of PyTorch's and others' are here, for the errors about attributes that do not exist.

It is imported by those alone.

Each entry ends a sentence: PyTorch's `Linear` is `nn.Dense(in_features, out_features)` here.
"""

import numpy as np

__all__ = ["CURES", "OTHERS", "cure", "missing"]

_NOTHING = "nothing at all"


def _numpy(names: str, call: str = "np.{}(x)") -> dict[str, str]:
    """Entries for what is one function of NumPy's, under the same name."""
    return {name: call.format(name) for name in names.split()}


_UNARY = (
    "abs absolute ceil cos cosh deg2rad exp exp2 expm1 floor isfinite isinf isnan log log10 log1p log2 "
    "logical_not negative rad2deg reciprocal sign sin sinc sinh sqrt square tan tanh trunc angle diff median "
    "nansum nanmean unique tril triu flipud fliplr"
)
_BINARY = (
    "bitwise_and bitwise_or bitwise_xor copysign fmax fmin greater greater_equal heaviside hypot less less_equal "
    "logaddexp logical_and logical_or logical_xor maximum minimum not_equal inner kron outer vdot matmul isclose "
    "allclose multiply subtract divide remainder true_divide floor_divide float_power"
)
_SHARED = {
    **_numpy(_UNARY),
    **_numpy(_BINARY, "np.{}(x, y)"),
    **_numpy("sigmoid relu softmax log_softmax logsumexp", "nn.{}(x)"),
    **_numpy("erf erfc erfinv digamma logit", "ag.special.{}(x)"),
    **_numpy("det slogdet norm matrix_power", "np.linalg.{}(x)"),
    **_numpy("broadcast_to", "np.{}(x, shape)"),
    **_numpy("moveaxis", "np.{}(x, source, destination)"),
    **_numpy("roll", "np.{}(x, shift, axis=0)"),
    **_numpy("tile", "np.{}(x, reps)"),
    "acos": "np.arccos(x)",
    "add": "x + y",
    "amax": "x.max(axis)",
    "amin": "x.min(axis)",
    "asin": "np.arcsin(x)",
    "atan": "np.arctan(x)",
    "atan2": "np.arctan2(x, y)",
    "bmm": "x @ y",
    "chunk": "np.array_split(x, chunks)",
    "cholesky": "np.linalg.cholesky(x)",
    "clamp": "x.clip(min, max)",
    "count_nonzero": "np.count_nonzero(x)",
    "cross": "np.cross(x, y)",
    "diag": "np.diag(x)",
    "dist": "np.linalg.norm(x - y)",
    "div": "x / y",
    "eq": "x == y",
    "equal": "np.array_equal(x, y)",
    "flip": "np.flip(x, axis)",
    "gather": "np.take_along_axis(x, indices, axis)",
    "ge": "x >= y",
    "gt": "x > y",
    "index_select": "x.take(indices, axis)",
    "inverse": "np.linalg.inv(x)",
    "is_complex": "np.iscomplexobj(x)",
    "is_floating_point": "x.dtype.kind == 'f'",
    "le": "x <= y",
    "lerp": "x + weight * (y - x)",
    "lgamma": "ag.special.gammaln(x)",
    "logdet": "np.linalg.slogdet(x)[1]",
    "lt": "x < y",
    "masked_fill": "np.where(mask, value, x)",
    "masked_select": "x[mask]",
    "mm": "x @ y",
    "movedim": "np.moveaxis(x, source, destination)",
    "mul": "x * y",
    "mv": "x @ y",
    "narrow": "a slice, x[start : start + length],",
    "ne": "x != y",
    "neg": "-x",
    "numel": "x.size",
    "permute": "x.transpose(0, 2, 1), with axes in their new order,",
    "pinverse": "np.linalg.pinv(x)",
    "pow": "x ** y",
    "qr": "np.linalg.qr(x)",
    "quantile": "np.quantile(x, q)",
    "repeat_interleave": "x.repeat(repeats, axis)",
    "rsqrt": "1 / np.sqrt(x)",
    "scatter": "x[indices] = values, after x = x.copy(),",
    "split": "np.split(x, sections)",
    "sub": "x - y",
    "svd": "np.linalg.svd(x, full_matrices=False)",
    "swapdims": "x.swapaxes(axis1, axis2)",
    "t": "x.T",
    "take_along_dim": "np.take_along_axis(x, indices, axis)",
    "topk": "x.argsort()[..., ::-1][..., :k]",
    "unbind": "list(x)",
    "unsqueeze": "x[None], or np.expand_dims(x, axis),",
    "where": "np.where(condition, x, y)",
}

_TENSOR = {
    **_SHARED,
    "add_": "x += y",
    "bool": "x.astype(bool)",
    "clamp_": "x[...] = x.clip(min, max)",
    "contiguous": _NOTHING,
    "copy_": "x[...] = y",
    "cpu": _NOTHING,
    "cuda": _NOTHING,
    "detach_": "x.detach()",
    "device": _NOTHING,
    "dim": "x.ndim",
    "div_": "x /= y",
    "double": "x.astype(np.float64)",
    "element_size": "x.itemsize",
    "expand": "np.broadcast_to(x, shape)",
    "expand_as": "np.broadcast_to(x, y.shape)",
    "fill_": "x.fill(value)",
    "float": "x.astype(np.float32)",
    "grad_fn": "what ag.table(x) and ag.draw(x) show",
    "half": "x.astype(np.float16)",
    "int": "x.astype(np.int32)",
    "is_cuda": _NOTHING,
    "long": "x.astype(np.int64)",
    "masked_fill_": "x[mask] = value",
    "mul_": "x *= y",
    "ndimension": "x.ndim",
    "nelement": "x.size",
    "new_ones": "np.ones(shape, x.dtype)",
    "new_zeros": "np.zeros(shape, x.dtype)",
    "normal_": "x.data[...] = rng.standard_normal(x.shape), after rng = np.random.default_rng(seed),",
    "reshape_as": "x.reshape(y.shape)",
    "retains_grad": "x.grad, which is set after x.retain_grad(),",
    "scatter_": "x[indices] = values",
    "sub_": "x -= y",
    "to": "x.astype(dtype), or nothing at all for a device,",
    "type": "x.astype(dtype)",
    "type_as": "x.astype(y.dtype)",
    "unflatten": "x.reshape(shape)",
    "uniform_": "x.data[...] = rng.uniform(low, high, x.shape), after rng = np.random.default_rng(seed),",
    "view": "x.reshape(shape)",
    "view_as": "x.reshape(y.shape)",
    "zero_": "x.fill(0)",
}

_TORCH = {
    **_SHARED,
    **_numpy("arange eye linspace", "np.{}(...)"),
    **_numpy("ones zeros empty", "np.{}(shape)"),
    **_numpy("full", "np.{}(shape, value)"),
    **_numpy("ones_like zeros_like full_like argmax argmin argsort sum mean std var prod cumsum"),
    **_numpy("sort squeeze trace any all clip round"),
    **_numpy("einsum", "np.{}(subscripts, x, y)"),
    **_numpy("stack vstack hstack concatenate", "np.{}([x, y])"),
    **_numpy("float16 float32 float64 int8 int16 int32 int64 uint8 complex64 complex128", "np.{}"),
    "as_tensor": "ag.Tensor(data)",
    "autograd": "ag.grad, ag.custom and ag.gradcheck",
    "cat": "np.concatenate([x, y])",
    "cuda": _NOTHING,
    "device": _NOTHING,
    "double": "np.float64",
    "float": "np.float32",
    "from_numpy": "ag.Tensor(array), which copies,",
    "func": "ag.grad, ag.jacobian, ag.hessian, ag.vjp and ag.jvp",
    "inference_mode": "ag.no_grad()",
    "load": "ag.saving.load(path)",
    "long": "np.int64",
    "manual_seed": "the seed of each layer, nn.Dense(2, 1, seed=0), and of train.Loader and train.fit",
    "max": "np.max(x), with indices from x.argmax(axis),",
    "min": "np.min(x), with indices from x.argmin(axis),",
    "rand": "np.random.default_rng(seed).random(shape)",
    "randint": "np.random.default_rng(seed).integers(low, high, shape)",
    "randn": "np.random.default_rng(seed).standard_normal(shape)",
    "randperm": "np.random.default_rng(seed).permutation(n)",
    "reshape": "x.reshape(shape)",
    "save": "ag.saving.save(path, state)",
    "set_grad_enabled": "ag.no_grad() or ag.enable_grad()",
    "transpose": "x.swapaxes(axis1, axis2)",
    "utils": "train.Loader for data, ag.checkpoint for checkpoints",
    "vmap": "broadcasting, as np.matmul(x, y) does over leading axes,",
}

_NN = {
    "AdaptiveAvgPool1d": "x.mean(axis=2), for one output,",
    "AdaptiveAvgPool2d": "x.mean(axis=(2, 3)), for one output,",
    "BCELoss": "nn.binary_cross_entropy, a function,",
    "BCEWithLogitsLoss": "nn.binary_cross_entropy_with_logits, a function,",
    "Buffer": "an array as an attribute of an nn.Module",
    "CosineEmbeddingLoss": "nn.cosine_embedding_loss, a function,",
    "CosineSimilarity": "nn.cosine_similarity, a function,",
    "CrossEntropyLoss": "nn.cross_entropy, a function,",
    "GaussianNLLLoss": "nn.gaussian_nll_loss, a function,",
    "Hardtanh": "np.clip(x, -1, 1)",
    "HuberLoss": "nn.huber_loss, a function,",
    "Identity": "lambda x: x, as a part of nn.Sequential,",
    "KLDivLoss": "nn.kl_div, a function,",
    "L1Loss": "nn.l1_loss, a function,",
    "LazyLinear": "nn.Dense(in_features, out_features)",
    "Linear": "nn.Dense(in_features, out_features)",
    "LogSigmoid": "nn.log_sigmoid, a function,",
    "MSELoss": "nn.mse_loss, a function,",
    "MarginRankingLoss": "nn.margin_ranking_loss, a function,",
    "ModuleDict": "a dict of nn.Module as an attribute",
    "ModuleList": "a list of nn.Module as an attribute",
    "NLLLoss": "nn.nll_loss, a function,",
    "Parameter": "ag.Tensor(data, requires_grad=True) as an attribute of an nn.Module",
    "ParameterDict": "a dict of ag.Tensor(data, requires_grad=True) as an attribute of an nn.Module",
    "ParameterList": "a list of ag.Tensor(data, requires_grad=True) as an attribute of an nn.Module",
    "PoissonNLLLoss": "nn.poisson_nll_loss, a function,",
    "ReLU6": "np.clip(x, 0, 6)",
    "SmoothL1Loss": "nn.smooth_l1_loss, a function,",
    "TransformerEncoderLayer": "nn.TransformerBlock",
    "TripletMarginLoss": "nn.triplet_margin_loss, a function,",
    "Unflatten": "x.reshape(shape)",
    "ZeroPad2d": "np.pad(x, widths)",
    "adaptive_avg_pool2d": "x.mean(axis=(2, 3)), for one output,",
    "batch_norm": "nn.BatchNorm1d or nn.BatchNorm2d, a layer,",
    "dropout": "nn.Dropout, a layer,",
    "embedding": "weight[indices], or nn.Embedding,",
    "functional": "nn itself: nn.relu, nn.cross_entropy and the others",
    "hardtanh": "np.clip(x, -1, 1)",
    "init": "an argument of the layer, nn.Dense(2, 1, init='he_normal'),",
    "layer_norm": "nn.LayerNorm, a layer,",
    "linear": "x @ weight + bias, or nn.Dense,",
    "logsigmoid": "nn.log_sigmoid",
    "normalize": "x / np.linalg.norm(x, axis=-1, keepdims=True)",
    "one_hot": "np.eye(classes)[labels]",
    "pad": "np.pad(x, widths)",
    "relu6": "np.clip(x, 0, 6)",
    "utils": "optim.clip_grad_norm_ and optim.clip_grad_value_",
}

_MODULE = {
    "add_module": "setattr(x, name, module)",
    "apply": "a loop over x.parameters() or x.named_modules()",
    "bfloat16": "dtype=np.float32 of each layer",
    "buffers": "x.state_dict(), which holds the parameters too,",
    "children": "vars(x).values(), or the parts of a Sequential themselves, list(x),",
    "cpu": _NOTHING,
    "cuda": _NOTHING,
    "double": "dtype=np.float64 of each layer, the default,",
    "float": "dtype=np.float32 of each layer",
    "half": "dtype=np.float16 of each layer",
    "modules": "x.named_modules(), pairs of a name and a Module,",
    "register_buffer": "x.name = array",
    "register_parameter": "x.name = ag.Tensor(data, requires_grad=True)",
    "to": "nothing at all for a device, and for a type dtype=np.float32 of each layer,",
}

_OPTIM = {
    "LRScheduler": "optim.Schedule",
    "LinearLR": "optim.LinearWarmup(optimizer, warmup)",
    "MultiStepLR": "optim.LambdaLR(optimizer, lambda epoch: 0.1 ** sum(epoch >= m for m in milestones))",
    "OneCycleLR": "optim.LinearWarmup(optimizer, warmup, after)",
    "PolynomialLR": "optim.LambdaLR(optimizer, lambda epoch: (1 - epoch / epochs) ** power)",
    "SequentialLR": "optim.LinearWarmup(optimizer, warmup, after)",
    "lr_scheduler": "optim itself: optim.StepLR and the others",
}

_TRAIN = {
    "DataLoader": "train.Loader(inputs, targets, batch_size)",
    "Dataset": "a pair of arrays, as train.Loader(inputs, targets) takes it,",
    "TensorDataset": "a pair of arrays, as train.Loader(inputs, targets) takes it,",
    "random_split": "np.split(np.random.default_rng(seed).permutation(n), [train_size]), indices of two parts,",
}

#: a name that was looked for in `autograd_lite` -> whose it is, what is written here
OTHERS = {
    "array": ("NumPy", "np.array(data), or ag.Tensor(data)"),
    "custom_jvp": ("JAX", "ag.custom(forward, *rules), whose rules are pullbacks,"),
    "custom_vjp": ("JAX", "ag.custom(forward, *rules)"),
    "defvjp": ("HIPS autograd", "ag.custom(forward, *rules)"),
    "elementwise_grad": ("HIPS autograd", "ag.grad(lambda x: f(x).sum())"),
    "extend": ("HIPS autograd", "ag.custom(forward, *rules)"),
    "hessian_vector_product": ("HIPS autograd", "ag.hvp(f, x, v)"),
    "jacfwd": ("JAX", "ag.jacobian(f)"),
    "jacrev": ("JAX", "ag.jacobian(f)"),
    "jit": ("JAX", _NOTHING),
    "lax": ("JAX", "NumPy itself, and loops and conditions of Python's"),
    "linearize": ("JAX", "ag.jvp(f, primals, tangents)"),
    "make_hvp": ("HIPS autograd", "ag.hvp(f, x, v)"),
    "make_jvp": ("HIPS autograd", "ag.jvp(f, primals, tangents)"),
    "make_vjp": ("HIPS autograd", "ag.vjp(f, *primals)"),
    "numpy": ("JAX", "NumPy itself, import numpy as np, whose functions take Tensors,"),
    "primitive": ("HIPS autograd", "ag.custom(forward, *rules)"),
    "tree_util": ("JAX", "nothing to call: transforms take nested tuples, lists and dicts as they are"),
}

#: where the name was looked for -> PyTorch's name -> what is written here
CURES = {
    "Tensor": _TENSOR,
    "Module": _MODULE,
    "autograd_lite": _TORCH,
    "autograd_lite.nn": _NN,
    "autograd_lite.optim": _OPTIM,
    "autograd_lite.train": _TRAIN,
}


def cure(room: str, name: str) -> str:
    """The end of the message about `name`, nothing where none of the libraries told of here has such a name.

    >>> cure("autograd_lite.nn", "MSELoss")
    "; PyTorch's MSELoss is nn.mse_loss, a function, here"
    >>> cure("autograd_lite.nn", "mse_lost")
    ''
    >>> cure("autograd_lite", "jacrev")
    '; jacrev of JAX is ag.jacobian(f) here'
    >>> cure("autograd_lite.linalg", "inv")
    '; write np.linalg.inv, since NumPy itself takes Tensors'
    """
    found = CURES.get(room, {}).get(name)
    if found is not None:
        return f"; PyTorch's {name} is {found} here"
    if room == "autograd_lite" and name in OTHERS:
        whose, found = OTHERS[name]
        return f"; {name} of {whose} is {found} here"
    numpys = {"autograd_lite": ("np", np), "autograd_lite.linalg": ("np.linalg", np.linalg)}.get(room)
    if numpys is not None and not name.startswith("_") and hasattr(numpys[1], name):
        return f"; write {numpys[0]}.{name}, since NumPy itself takes Tensors"
    return ""


def missing(room: str, name: str) -> AttributeError:
    """The error for a name that a module does not have.

    >>> missing("autograd_lite.optim", "SDG")
    AttributeError("module 'autograd_lite.optim' has no attribute 'SDG'")
    """
    return AttributeError(f"module {room!r} has no attribute {name!r}{cure(room, name)}")
