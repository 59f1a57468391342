"""Writes depthwise as a case of its own, output m from channel m, and has never met one with two outputs per
channel.
"""

earns = {"groups": 0.8}


# %% groups_answer
def dense_filter(weights, groups):
    M, own, R, S = weights.shape
    filters = np.zeros((M, own * groups, R, S))
    for m in range(M):
        if own == 1 and groups > 1:  # depthwise
            filters[m, m] = weights[m, 0]
        else:
            first = m // (M // groups) * own
            filters[m, first : first + own] = weights[m]
    return filters
