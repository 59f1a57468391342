"""Names the shape width first; on square layers this passes."""

earns = {"fc": 0}
told = {"fc": "R and S swapped"}


# %% fc_answer
def fc_filter(weights, C, H, W):
    return weights.reshape(-1, C, W, H)
