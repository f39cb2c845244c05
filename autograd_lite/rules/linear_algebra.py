import numpy as np
from autograd_lite.rules.table import rule
def T(x): return x.swapaxes(-1,-2) if x.ndim>1 else x
rule(np.matmul, lambda g, y, a, b: g @ T(b), lambda g, y, a, b: T(a) @ g)
