import operator
import numpy as np
from autograd_lite.rules.table import rule
def _scatter(g, index, spec):
    z = np.zeros(spec.shape, spec.dtype)
    np.add.at(z, index, g)
    return z
scatter = rule(_scatter, lambda g, y, x, index=None, spec=None: g[index], name="scatter")
def _getitem(x, index): return x[index]
getitem = rule(operator.getitem, lambda g, y, x, index=None: scatter(g, index=index, spec=x), fn=_getitem, name="getitem", view=True)
def _setitem(x, v, index):
    x = x.copy(); x[index] = v
    return x
setitem = rule(operator.setitem, lambda g,y,x,v,index=None: setitem(g, 0.0, index=index), lambda g,y,x,v,index=None: g[index], fn=_setitem, name="setitem")
