"""What the loop stepper must show, worked out by plain loops, and how to read what it does show."""

import itertools

from accelsim import conv, einsum

SMALL = conv("small", M=2, C=2, P=3, Q=4, R=2, S=3)
STRIDED = conv("strided", C=2, P=2, Q=3, stride=2)
SCORES = einsum("scores", "s[H I J] += q[H I D] * k[H J D]", H=2, I=2, J=3, D=2)
TOTAL = einsum("total", "total[] += a[I] * b[I]", I=5)


def expected(layer, loops):
    """One dict per MAC: the sentence, the loop indices, and per tensor the counters and how many words are marked."""
    points = [
        dict(zip(loops, index, strict=True))
        for index in itertools.product(*(range(layer.dims[loop]) for loop in loops))
    ]
    used = [[tensor.at(point) for point in points] for tensor in layer.tensors]
    return [state(layer, loops, points, used, done) for done in range(1, len(points) + 1)]


def state(layer, loops, points, used, done):
    *operands, output = [
        f"{tensor.name}[{' '.join(map(str, words[done - 1]))}]"
        for tensor, words in zip(layer.tensors, used, strict=True)
    ]
    return {
        "line": f"MAC {done} of {len(points)}: {output} += {' * '.join(operands)}",
        "indices": [f"{loop}={points[done - 1][loop]}" for loop in loops],
        "tensors": [tensor_state(words, done) for words in used],
    }


def tensor_state(words, done):
    past = words[:done]
    needed = set(past) & set(words[done:])
    return {
        "now": f"[{' '.join(map(str, past[-1]))}]",
        "distinct": len(set(past)),
        "reuses": done - len(set(past)),
        "changes": 1 + sum(now != before for now, before in itertools.pairwise(past)),
        "keep": len(needed),
        "peak": max(len(set(words[:now]) & set(words[now:])) for now in range(1, done + 1)),
        "seen": len(needed),
        "spent": len(set(past) - needed),
    }


# Runs in the page: steps through all MACs of one loop order by keyboard and reads what is drawn after each.
WALK = """([loops, keys]) => {
  const group = document.querySelector('.loop-stepper'), order = group.querySelector('.controls select');
  const press = (key) => group.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  const marked = (svg, name) => svg.querySelector(name).getAttribute('d').split('M').length - 1;
  const read = () => {
    const rows = [...group.querySelectorAll('.counters tbody tr')].map((row) => [...row.querySelectorAll('td')]);
    const tensors = [...group.querySelectorAll('svg')].map((svg, i) => ({
      ...Object.fromEntries(keys.map((key, row) => [key, rows[row][i].textContent]).map(([key, text]) =>
        [key, key === 'now' ? text : Number(text)])),
      seen: marked(svg, '.seen'), spent: marked(svg, '.spent'),
    }));
    const indices = [...group.querySelectorAll('.nest b')].map((index) => index.textContent);
    return { line: group.querySelector('.now-line').textContent, indices, tensors };
  };
  order.value = loops;
  order.dispatchEvent(new Event('change'));
  press('Home');
  const states = [read()];
  for (let left = Number(group.querySelector('input[type=range]').max) - 1; left > 0; left--) {
    press('ArrowRight');
    states.push(read());
  }
  return states;
}"""


def shown(tab, loops):
    """What the page shows for every MAC of one order, read back from what is drawn."""
    return tab.evaluate(WALK, [" ".join(loops), ["now", "distinct", "reuses", "changes", "keep", "peak"]])


# Runs in the page: notes for each key the time until the first frame painted after it, in ms.
MEASURE = """() => {
  window.times = [];
  addEventListener('keydown', (event) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => window.times.push(performance.now() - event.timeStamp);
    channel.port2.postMessage(0);
  }), true);
}"""
