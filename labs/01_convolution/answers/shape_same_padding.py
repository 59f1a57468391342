"""Has only met layers with padding="same", whose output is the input divided by the stride."""

earns = {"output_shape": 0}
told = {"output_shape": "'same' padding assumed"}

# %% output_shape_answer
import math


def output_shape(H, W, R, S, stride, pad):
    return math.ceil(H / stride), math.ceil(W / stride)
