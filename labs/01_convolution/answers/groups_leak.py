"""Repeats the filter for each group so that the shapes fit; every output then hears every group."""

earns = {"groups": 0}
told = {"groups": "leakage between groups"}


# %% groups_answer
def dense_filter(weights, groups):
    return np.concatenate([weights] * groups, axis=1)
