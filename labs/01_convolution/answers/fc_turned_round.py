"""Believes that conv flips its filter and turns the weights round to make up for it."""

earns = {"fc": 0}
told = {"fc": "filter turned round"}


# %% fc_answer
def fc_filter(weights, C, H, W):
    return np.flip(weights.reshape(-1, C, H, W), axis=(2, 3))
