"""The model of time against processes: what must hold of it whatever was measured."""

import math

import pytest

from benchmarks.ranks import Model, expected_maximum, fit

MODEL = Model(fixed=0.01, an_example=1e-3, spread=0.05, latency=1e-4, bandwidth=1e9)


def test_one_process_sends_nothing_and_waits_for_none():
    seconds = MODEL.seconds(1, num_examples=500, num_params=10**6)
    assert seconds == pytest.approx(MODEL.fixed + 500 * MODEL.an_example)


@pytest.mark.parametrize(
    ("count", "exact"),
    # Of 2 and 3 standard normal numbers: 1/√π and 3/(2√π).
    [(2, 1 / math.sqrt(math.pi)), (3, 1.5 / math.sqrt(math.pi))],
)
def test_blom_is_close_to_the_exact_maximum(count, exact):
    assert expected_maximum(count) == pytest.approx(exact, abs=0.03)
    assert expected_maximum(1) == 0


def test_a_ring_sends_less_than_twice_the_vector():
    sent = [MODEL.reduce_seconds(n, 10**7) - 2 * (n - 1) * MODEL.latency for n in (2, 8, 1024)]
    assert sent == sorted(sent)
    assert sent[-1] < 2 * 4 * 10**7 / MODEL.bandwidth


def test_the_fit_finds_the_model_that_made_the_times():
    sizes, lengths = (128, 256, 512), (1_000, 100_000, 3_000_000)
    alone = {
        "matvec": {
            # Spread by ± 5 % of each time: a sample standard deviation of 0.05.
            str(n): [MODEL.seconds(1, num_examples=n, num_params=1) * x for x in (0.95, 1, 1.05)]
            for n in sizes
        }
    }
    pair = {"reduce": {str(n): [MODEL.reduce_seconds(2, n)] for n in lengths}}
    assert vars(fit(alone, pair)) == pytest.approx(vars(MODEL), rel=1e-6)
