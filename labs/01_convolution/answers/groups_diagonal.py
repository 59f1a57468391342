"""Has depthwise layers in mind, where a group is a single channel."""

earns = {"groups": 0}
told = {"groups": "one channel per group kept"}


# %% groups_answer
def dense_filter(weights, groups):
    M, own, R, S = weights.shape
    filters = np.zeros((M, own * groups, R, S))
    for m in range(M):
        filters[m, m // (M // groups) * own] = weights[m, 0]
    return filters
