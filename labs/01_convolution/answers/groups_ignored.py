"""Hands the weights back as they came, thinking that conv will find out."""

earns = {"groups": 0}
told = {"groups": "groups ignored"}


# %% groups_answer
def dense_filter(weights, groups):
    return weights
