"""Skips every filter, for skipping is what sparse machines do; shares them out with care."""

earns = {"plan": 0.52}
told = {"plan": "sparse is never worse"}


# %% plan_answer
def plan(weights, activations, pes, start, best):
    dense, skip = machine.costs(weights, activations, start)
    busy, choices = [0] * pes, [None] * len(dense)
    for i in sorted(range(len(dense)), key=lambda i: -skip[i]):
        pe = busy.index(min(busy))
        busy[pe] += skip[i]
        choices[i] = ("skip", pe)
    return choices
