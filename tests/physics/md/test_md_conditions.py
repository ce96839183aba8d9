"""Conditions that make no sense are named, and slips of units are told with the number that is meant."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matdisc.errors import RunError
from matdisc.physics.md import Conditions
from matdisc.physics.md.conditions import LIMITS


def npt(**values):
    return Conditions(**{"ensemble": "npt", "temperature": 300.0} | values)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"ensemble": "nvt"}, "nose-hoover"),
        ({"ensemble": "langevin"}, "needs a temperature"),
        ({"temperature": -3.0}, "positive and finite; -3 °C are 270.15 K"),
        ({"temperature": float("nan")}, "positive"),
        ({"timestep": 0.0}, "timestep .option '--timestep'. is 0 fs"),
        ({"thermostat_fs": float("nan")}, "thermostat_fs .option '--thermostat'. is nan fs"),
        ({"pressure_bar": float("inf")}, "pressure_bar .option '--pressure'."),
        ({"chain": 0}, "chain"),
    ],
)
def test_impossible_conditions_are_named(wrong, said):
    with pytest.raises(RunError, match=said):
        Conditions(**wrong)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"timestep": 1e-15}, "'--timestep' is 1e-15 fs, less than 0.0001 fs; if 1e-15 s is meant, give 1"),
        ({"timestep": 500}, "'--timestep' is 500 fs, more than 20 fs; if 500 as is meant, give 0.5"),
        ({"timestep": 30}, "if 30 a.u. is meant, give 0.725664"),
        ({"temperature": 1e6}, "'--temperatures' is 1e+06 K, more than 100000 K; give at most 100000"),
        ({"temperature": 0.0259}, "less than 1 K; if 0.0259 eV (kT) is meant, give 300.557"),
        ({"pressure_bar": 101325}, "'--pressure' is 101325 bar, but 101325 Pa are 1.01325 bar; give 1.01325"),
        ({"pressure_bar": 1013.25}, "but 1013.25 hPa are 1.01325 bar"),
        ({"pressure_bar": -5e7}, "if -5e+07 Pa is meant, give -500"),
        ({"barostat_fs": 0.5}, "'--barostat' is 0.5 fs, less than 10 steps of 1 fs; if 0.5 ps is meant, give 500"),
        ({"thermostat_fs": 0.1}, "'--thermostat' is 0.1 fs, less than 10 steps of 1 fs; if 0.1 ps is meant, give 100"),
        ({"thermostat_fs": 30, "timestep": 4}, "less than 10 steps of 4 fs; give at least 40"),
        ({"ensemble": "langevin", "friction": 1e13}, "'--friction' is 1e+13 1/fs, more than 10 1/fs; if 1e+13 1/s is"),
    ],
)
def test_slips_of_units_are_refused_with_the_number_that_is_meant(values, said):
    with pytest.raises(RunError, match=re.escape(said)):
        npt(**values).refuse_slips()


@pytest.mark.parametrize(
    "conditions",
    [
        npt(),
        npt(pressure_bar=3.6e6, temperature=6000),  # the core of the Earth
        npt(pressure_bar=-2e4),
        npt(pressure_bar=0.0),
        npt(temperature=4.2),
        npt(timestep=0.1, thermostat_fs=1.0, barostat_fs=10.0),
        Conditions(ensemble="nve", temperature=0.0),
        Conditions(ensemble="nve"),
        Conditions(ensemble="nve", barostat_fs=1e-3),  # counts for nothing
        Conditions(ensemble="langevin", temperature=3e4, timestep=0.02, friction=1.0),
    ],
)
def test_what_people_do_is_not_refused(conditions):
    conditions.refuse_slips()


@given(st.sampled_from(LIMITS), st.floats(-18, 18), st.sampled_from([0.25, 1.0, 16.0]))
def test_what_a_refusal_proposes_is_not_refused(limit, power, timestep):
    given_up = limit.slip(10.0**power, timestep)
    if proposal := re.search(r"give (?:at (?:least|most) )?([0-9.e+-]+)$", given_up):
        assert limit.slip(float(proposal[1]), timestep) == ""
    else:
        assert given_up == ""


@pytest.mark.parametrize(
    ("conditions", "symbols", "said"),
    [
        (Conditions(timestep=10), "Cu", "a time step of 10 fs is too long"),
        (Conditions(timestep=2), "CH", "hydrogen"),
        (Conditions(timestep=1e-3), "Cu", "very short (the unit is fs); if 0.001 ps is meant, give 1"),
        (Conditions(temperature=5e4), "Cu", "beyond what most potentials have seen"),
        (Conditions(ensemble="langevin", temperature=300, friction=10), "Cu", "1/fs); if 10 1/ps is meant, give 0.01"),
        (Conditions(ensemble="nose-hoover", temperature=300, thermostat_fs=2), "Cu", "too tight"),
        (npt(barostat_fs=50), "Cu", "slower"),
        (
            npt(pressure_bar=1e6),
            "Cu",
            "a pressure of 1e+06 bar is extreme (the unit is bar); if 1e+06 Pa is meant, give 10",
        ),
        (npt(barostat_fs=1e5), "Cu", "a run of 20000 fs is too short to show a barostat of 100000 fs at work"),
        (
            Conditions(ensemble="langevin", temperature=300, pressure_bar=100),
            "Cu",
            "option '--pressure' counts for npt only, not for langevin",
        ),
    ],
)
def test_values_that_look_like_a_slip_are_remarked(conditions, symbols, said):
    assert any(said in remark for remark in conditions.remarks(list(symbols), 20_000))


def test_usual_conditions_are_not_remarked():
    assert Conditions(timestep=0.5).remarks(["H", "O"], 10) == []
    assert npt(timestep=2.0).remarks(["Cu"], 500) == []


def test_a_time_scale_that_is_too_tight_is_told_with_a_safe_one():
    said = "barostat time 0.5 fs with a step of 0.5 fs; give a barostat time of at least 50 fs"
    assert npt(barostat_fs=0.5, timestep=0.5).tight() == said
    assert npt(thermostat_fs=15).tight().endswith("give a thermostat time of at least 150 fs")
    assert npt().tight() == Conditions(barostat_fs=0.5).tight() == ""
