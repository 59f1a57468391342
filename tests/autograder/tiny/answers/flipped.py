"""Somebody from signal processing: flips the window."""

earns = {"slide": 0}
told = {"slide": "kernel flipped"}


# %% slide_answer
def slide(line, window):
    return np.convolve(line, window, "valid")
