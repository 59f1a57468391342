"""Counts PEs from 1."""

earns = {"plan": 0}


# %% plan_answer
def plan(weights, activations, pes, start, best):
    dense, skip = machine.costs(weights, activations, start)
    return [("skip" if s < d else "dense", 1 + i % pes) for i, (d, s) in enumerate(zip(dense, skip))]
