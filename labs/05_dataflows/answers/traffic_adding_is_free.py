"""Counts writes of sums and no reads: the GLB adds by itself."""

earns = {"traffic": 0}
told = {"traffic": "adding in the GLB is free"}


# %% traffic_answer
def traffic(schedule):
    words = {"filter": 0, "ifmap": 0, "writes": 0, "reads": 0}
    held = set()
    for _, _, op, operands in schedule:
        if op == "load":
            words[operands[0]] += 1
        if op == "store":
            word = tuple(operands)
            words["writes"] += 1
            held.add(word)
    return words
