"""Counts the steps between places instead of the places; the next question suffers with it."""

earns = {"places": 0, "slide": 0}
told = {"places": "last place forgotten"}


# %% places_answer
def places(length, width, stride):
    return (length - width) // stride
