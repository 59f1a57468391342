"""The answers that lab 1 gives to its predictions follow from its references."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

LAB = Path(__file__).resolve().parents[2] / "labs" / "01_convolution"


def load(path):
    spec = importlib.util.spec_from_file_location(f"_predicted_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


checks, layers = load(LAB / "checks.py"), load(LAB / "given" / "layers.py")
ASKED = {q.name: q for q in checks.questions}


def layer(**sizes):
    return dict(N=1, G=1, M=1, C=1, H=1, W=1, P=1, Q=1, R=1, S=1, stride=1, pad=0, bias=True) | sizes


def dense_over_depthwise():
    one = layer(G=32, M=32, C=32, H=112, W=112, P=112, Q=112, R=3, S=3, pad=1)
    return checks.macs(one | {"G": 1}) / checks.macs(one)


def percent_touched():
    one = layer(H=56, W=56, P=28, Q=28, stride=2)
    return 100 * checks.footprint(one)["ifmap"] / (56 * 56)


COMPUTED = {
    "output_shape": lambda: checks.output_shape(227, 227, 11, 11, 4, 0)[0],
    "conv": lambda: np.prod(checks.output_shape(5, 5, 3, 3, 2, 0)) * 9,
    "fc": lambda: np.prod(checks.output_shape(6, 6, *checks.fc_filter(np.zeros((1, 9216)), 256, 6, 6).shape[2:], 1, 0)),
    "groups": lambda: checks.dense_filter(np.ones((32, 1, 1, 1)), 32).sum(),
    "macs": dense_over_depthwise,
    "params": lambda: round(checks.params(layer(M=4096, C=256, R=6, S=6)) / 1e6, 2),
    "footprint": percent_touched,
    "einsum": lambda: checks.macs(layers.conv2 | {"N": 4}) / checks.params(layers.conv2 | {"bias": False}),
}


@pytest.mark.parametrize("name", ASKED)
def test_the_answer_to_a_prediction_is_what_the_reference_computes(name):
    assert ASKED[name].answer == COMPUTED[name]()


@pytest.mark.parametrize("name", ASKED)
def test_each_answer_comes_with_its_reason_in_a_sentence(name):
    assert ASKED[name].because.endswith(".")
