"""Comes from MATLAB or Fortran, where the first index moves fastest."""

earns = {"fc": 0}
told = {"fc": "read column by column"}


# %% fc_answer
def fc_filter(weights, C, H, W):
    filters = np.zeros((len(weights), C, H, W))
    for m in range(len(weights)):
        for c in range(C):
            channel = weights[m, c * H * W : (c + 1) * H * W]
            filters[m, c] = channel.reshape((H, W), order="F")
    return filters
