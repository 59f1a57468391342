"""Takes each filter the quicker way and deals them out in turn."""

earns = {"plan": 0.52}
told = {"plan": "shares that look even"}


# %% plan_answer
def plan(weights, activations, pes, start, best):
    dense, skip = machine.costs(weights, activations, start)
    return [("skip" if s < d else "dense", i % pes) for i, (d, s) in enumerate(zip(dense, skip))]
