"""Uses a library that stores the matrix as inputs x outputs and transposes out of habit."""

earns = {"fc": 0}
told = {"fc": "inputs and outputs swapped"}


# %% fc_answer
def fc_filter(weights, C, H, W):
    return weights.T.reshape(-1, C, H, W)
