"""Comes from a framework whose pooling has ceil_mode on: a window that sticks out is kept."""

earns = {"output_shape": 0}
told = {"output_shape": "a last window that sticks out"}

# %% output_shape_answer
import math


def output_shape(H, W, R, S, stride, pad):
    P = math.ceil((H + 2 * pad - R) / stride) + 1
    Q = math.ceil((W + 2 * pad - S) / stride) + 1
    return P, Q
