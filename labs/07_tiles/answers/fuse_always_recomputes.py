"""Computes the border again though it was kept."""

earns = {"fuse": 0}
told = {"fuse": "kept rows computed again"}


# %% fuse_answer
def fuse(first, second, rows, keep):
    plan, made, came = [], set(), set()
    (R1, u1), (R2, u2) = ((layer["R"], layer["stride"]) for layer in (first, second))
    for start in range(0, second["P"], rows):
        end = min(start + rows, second["P"])
        middle = range(u2 * start, u2 * (end - 1) + R2)
        make = [m for m in middle if m not in made]
        inputs = range(u1 * make[0], u1 * make[-1] + R1) if make else []
        read = [h for h in inputs if h not in came]
        plan.append({"read": read, "make": make, "out": list(range(start, end))})
    return plan
