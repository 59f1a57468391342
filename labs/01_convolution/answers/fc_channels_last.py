"""Works in a framework that keeps images as height, width, channel."""

earns = {"fc": 0}
told = {"fc": "channels counted fastest"}


# %% fc_answer
def fc_filter(weights, C, H, W):
    return weights.reshape(-1, H, W, C).transpose(0, 3, 1, 2)
