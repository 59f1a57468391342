"""Copies the weights channel by channel and forgets where the group begins."""

earns = {"groups": 0}
told = {"groups": "every group reads the first channels"}


# %% groups_answer
def dense_filter(weights, groups):
    M, own, R, S = weights.shape
    filters = np.zeros((M, own * groups, R, S))
    for m in range(M):
        for c in range(own):
            filters[m, c] = weights[m, c]
    return filters
