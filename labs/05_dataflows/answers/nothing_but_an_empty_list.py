"""Returns the list it began with."""

earns = {"ws": 0, "os": 0, "is": 0, "multicast": 0, "reduction": 0, "best": 0}
told = {}


# %% ws_answer
def weight_stationary(M, C, P, rows, columns):
    return []


# %% os_answer
def output_stationary(M, C, P, rows, columns):
    return []


# %% is_answer
def input_stationary(M, C, P, rows, columns):
    return []


# %% multicast_answer
def multicast(schedule):
    return []


# %% reduction_answer
def reduction(M, C, P, rows, columns):
    return []


# %% best_answer
def best(M, C, P, rows, columns, known):
    return []
