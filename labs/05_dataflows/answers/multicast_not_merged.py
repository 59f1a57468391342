"""Writes lists of PEs, one PE in each: still a read for every PE."""

earns = {"multicast": 0}
told = {"multicast": "a multicast counted as N reads"}


# %% multicast_answer
def multicast(schedule):
    return [(cycle, [pe], op, word) if op == "load" else (cycle, pe, op, word) for cycle, pe, op, word in schedule]
