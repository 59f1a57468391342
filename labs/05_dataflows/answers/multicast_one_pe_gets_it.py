"""Reads each word once per cycle, and keeps the last PE only, because a dictionary overwrites."""

earns = {"multicast": 0}
told = {"multicast": "one PE gets the word"}


# %% multicast_answer
def multicast(schedule):
    others, shared = [], {}
    for cycle, pe, op, operands in schedule:
        if op == "load":
            shared[cycle, tuple(operands)] = pe
        else:
            others.append((cycle, pe, op, operands))
    return others + [(cycle, pe, "load", word) for (cycle, word), pe in shared.items()]
