"""Hidden checks of the tiny lab. SECRET-MARK-OF-CHECKS"""

import numpy as np

from autograder.questions import Case, Mistake, Question


def places(length, width, stride):
    return (length - width) // stride + 1


def slide(line, window):
    return np.array([float(np.dot(line[i : i + len(window)], window)) for i in range(len(line) - len(window) + 1)])


def hidden_places(rng):
    n = int(rng.integers(20, 40))
    return [Case((n, 3, 1), "stride one"), Case((n, 4, 1), "stride one"), Case((n, 3, 4), "stride above 1")]


def hidden_slide(rng):
    return [Case((rng.normal(size=9), rng.normal(size=n)), "a random line") for n in (2, 4)]


questions = (
    Question(
        name="places",
        function="places",
        reference=places,
        public=(Case((5, 3, 1), "stride one"), Case((4, 2, 1), "stride one")),
        hidden=hidden_places,
        mistakes=(
            Mistake("last place forgotten", lambda n, w, s: (n - w) // s, "The first place counts too.", "2.2 Windows"),
            Mistake("stride left out", lambda n, w, s: n - w + 1, "A window moves by its stride.", "2.3 Stride"),
        ),
        prediction="How many places has a window of 3 on a line of 5?",
        answer=3,
        because="it has 2 steps to go and starts somewhere.",
    ),
    Question(
        name="slide",
        function="slide",
        reference=slide,
        public=(Case((np.arange(5.0), np.array([1.0, 0.0, 2.0])), "a ramp"),),
        hidden=hidden_slide,
        mistakes=(
            Mistake(
                "kernel flipped", lambda a, w: slide(a, w[::-1]), "You convolved; networks correlate.", "2.1 Layers"
            ),
        ),
    ),
)
