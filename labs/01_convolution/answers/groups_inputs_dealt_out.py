"""Deals the input channels to the groups in turn, like cards."""

earns = {"groups": 0}
told = {"groups": "input channels dealt out in turn"}


# %% groups_answer
def dense_filter(weights, groups):
    M, own, R, S = weights.shape
    filters = np.zeros((M, own * groups, R, S))
    for m in range(M):
        for c in range(own):
            filters[m, c * groups + m // (M // groups)] = weights[m, c]
    return filters
