"""Gives everything to the first PE."""

earns = {"plan": 0.52}
told = {"plan": "shares that look even"}


# %% plan_answer
def plan(weights, activations, pes, start, best):
    dense, skip = machine.costs(weights, activations, start)
    return [("skip" if s < d else "dense", 0) for d, s in zip(dense, skip)]
