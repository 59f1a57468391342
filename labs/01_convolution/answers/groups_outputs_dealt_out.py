"""Takes m % G for the group of output m."""

earns = {"groups": 0}
told = {"groups": "output channels dealt out in turn"}


# %% groups_answer
def dense_filter(weights, groups):
    M, own, R, S = weights.shape
    filters = np.zeros((M, own * groups, R, S))
    for m in range(M):
        for c in range(own):
            filters[m, m % groups * own + c] = weights[m, c]
    return filters
