"""The closed form against the slow machine, and the laws both obey."""

import os

import pytest
from hypothesis import HealthCheck, example, given, settings

from accelsim import Arch, Level, conv, count, einsum, nest, trace
from accelsim import trace as slow_machine
from tests.accelsim.cases import cases

CASES = int(os.environ.get("ACCELSIM_CASES", 1500))
slowly = settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))


@slowly
@given(cases())
def test_the_closed_form_counts_what_the_slow_machine_counts(case):
    layer, arch, mapping = case
    assert trace(*case).counts == count(*case), f"{layer}\n{mapping}\n{arch}"
