"""Elementwise rules (first slice)."""
import numpy as np
from autograd_lite.rules.table import rule
rule(np.add, lambda g, y, a, b: g, lambda g, y, a, b: g, prints="{} + {}")
rule(np.subtract, lambda g, y, a, b: g, lambda g, y, a, b: -g, prints="{} - {}")
rule(np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a, prints="{} * {}")
rule(np.true_divide, lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b, prints="{} / {}")
def _pb(g, y, a, b):
    if b.__class__ is int and b == 2: return g*(a+a)
    return g * (b * a ** (b - 1))
rule(np.power, _pb, lambda g, y, a, b: g * y * np.log(a), prints="{} ** {}")
rule(np.negative, lambda g, y, x: -g, prints="-{}")
rule(np.positive, lambda g, y, x: g, prints="+{}")
rule(np.tanh, lambda g, y, x: g - g * (y * y), prints="tanh({})")
rule(np.exp, lambda g, y, x: g * y, prints="exp({})")
rule(np.log, lambda g, y, x: g / x, prints="ln({})")
rule(np.greater, None, None, prints="{} > {}")
rule(np.absolute, lambda g, y, x: g*np.sign(x))
rule(np.sqrt, lambda g, y, x: g/(2*y))
