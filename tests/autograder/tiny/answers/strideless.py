"""Right for stride one only: the general part is lost."""

earns = {"places": 0.8}
told = {"places": "stride left out"}


# %% places_answer
def places(length, width, stride):
    return length - width + 1
