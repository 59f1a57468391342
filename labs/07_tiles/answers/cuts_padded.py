"""Makes every tile full."""

earns = {"cuts": 0}
told = {"cuts": "the last tile padded"}


# %% cuts_answer
def cuts(size, part):
    return [part] * -(-size // part)
