"""Has read that fully connected layers are 1x1 convolutions, which is true of a flattened ifmap."""

earns = {"fc": 0}
told = {"fc": "1x1 filters on one long column"}


# %% fc_answer
def fc_filter(weights, C, H, W):
    return weights[:, :, None, None]
