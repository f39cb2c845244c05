import numpy as np
from autograd_lite.rules.table import rule
rule(np.reshape, lambda g,y,x,shape=None,order="C",copy=None: g.reshape(x.shape,order=order), view=True)
rule(np.transpose, lambda g,y,x,axes=None: g.transpose() if axes is None else g.transpose(np.argsort(axes)), view=True)
rule(np.broadcast_to, lambda g,y,x,shape=None,subok=False: g, view=True)
