"""Counts each output once."""

earns = {"traffic": 0}
told = {"traffic": "outputs counted, not stores"}


# %% traffic_answer
def traffic(schedule):
    words = {"filter": 0, "ifmap": 0, "writes": 0, "reads": 0}
    held = set()
    for _, _, op, operands in schedule:
        if op == "load":
            words[operands[0]] += 1
        if op == "store":
            word = tuple(operands)
            words["writes"] += word not in held
            held.add(word)
    return words
