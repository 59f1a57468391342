"""Somebody who knows NumPy well."""

earns = {}
told = {}


# %% places_answer
def places(length, width, stride):
    return len(range(0, length - width + 1, stride))


# %% slide_answer
def slide(line, window):
    return np.correlate(line, window, "valid")
