"""Takes each filter the quicker way and gives each PE its share of neighbours."""

earns = {"plan": 0.84}
told = {"plan": "shares that look even"}


# %% plan_answer
def plan(weights, activations, pes, start, best):
    dense, skip = machine.costs(weights, activations, start)
    share = -(-len(dense) // pes)
    return [("skip" if s < d else "dense", i // share) for i, (d, s) in enumerate(zip(dense, skip))]
