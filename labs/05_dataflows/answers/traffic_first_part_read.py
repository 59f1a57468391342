"""Counts every store as a read and a write."""

earns = {"traffic": 0}
told = {"traffic": "the first part read back too"}


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
            words["reads"] += 1
            held.add(word)
    return words
