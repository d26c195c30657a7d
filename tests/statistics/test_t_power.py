import math

import pytest
import scipy.integrate
import scipy.stats
from statsmodels.stats.power import TTestPower

from landscape.statistics.t_power import detectable_log_ratio, t_test_power


@pytest.mark.parametrize("n", [4, 6, 10, 40])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize("power", [0.5, 0.8, 0.9])
def test_detectable_effect_has_the_power_that_statsmodels_finds(n, alpha, power):
    effect = detectable_log_ratio(stderr=0.3 / math.sqrt(n), dof=n - 1, alpha=alpha, power=power)
    found = TTestPower().power(effect / 0.3, nobs=n, alpha=alpha)
    assert found == pytest.approx(power, abs=1e-6)


@pytest.mark.parametrize("n", [2, 3, 40])
@pytest.mark.parametrize("alpha", [0.05, 1e-4])
def test_power_is_normal_power_averaged_over_the_chi_distributed_scatter(n, alpha):
    effect = detectable_log_ratio(stderr=1, dof=n - 1, alpha=alpha, power=0.8)
    critical = scipy.stats.t.isf(alpha / 2, n - 1) / math.sqrt(n - 1)

    def integrand(chi):
        tails = scipy.stats.norm.sf(critical * chi - effect)
        tails += scipy.stats.norm.cdf(-critical * chi - effect)
        return tails * scipy.stats.chi.pdf(chi, n - 1)

    edge = effect / critical  # where the first factor drops from 1 to 0
    power = sum(
        scipy.integrate.quad(integrand, *limits)[0]
        for limits in [(0, 0.9 * edge), (0.9 * edge, 1.1 * edge), (1.1 * edge, 40)]
    )
    assert power == pytest.approx(0.8, abs=1e-6)


def test_power_at_no_effect_is_alpha():
    assert t_test_power(0.0, stderr=1.0, dof=7, alpha=0.05) == pytest.approx(0.05)
