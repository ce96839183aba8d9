"""Rules of thumb answer with what they were worth in training, and say where they cannot speak."""

import pytest

from matdisc.models import Question
from matdisc.models.alloy_rules import miedema_hull, mixing_enthalpy_of, simple_rule, size_misfit
from matdisc.models.load import load_predictor
from matdisc.schema import Sample, Unsupported
from matdisc.testing import check_predictor

QUESTION = Question("alloys", 0.0)


def alloy(text, high=None):
    elements = tuple(sorted(text.split()))
    return Sample("|".join(elements), {"elements": elements}, {} if high is None else {"high": float(high)}, text)


TRAIN = [alloy("Mo Nb Ta W", 1), alloy("Co Cr Fe Ni", 1), alloy("Al Hf Ni Zr", 0), alloy("Al Pd Zr Ti", 0)]


@pytest.mark.parametrize("key", ["miedema-hull", "omega-rule", "enthalpy-rule"])
def test_a_rule_keeps_the_contract_of_predictors(board, key):
    predictor = load_predictor(board.model(f"alloys-{key}"))
    check_predictor(predictor, TRAIN, [alloy("Co Fe Ni Mn"), alloy("Al Ni Zr Hf"), alloy("Nb Ta Ti V")], QUESTION)


def test_what_a_rule_answers_is_the_share_it_was_right_in_training():
    for predictor in (miedema_hull(), simple_rule("enthalpy")):
        yes, no = predictor(TRAIN, [alloy("Nb Ta V W"), alloy("Al Hf Pt Zr")], QUESTION)
        assert yes["p_high"] == pytest.approx(3 / 4)  # two of two right, by the rule of succession
        assert no["p_high"] == pytest.approx(1 / 4)


def test_without_training_a_rule_knows_nothing_of_its_worth():
    (answer,) = simple_rule("omega")([], [alloy("Co Fe Ni Mn")], QUESTION)
    assert answer["p_high"] == 0.5


def test_an_element_without_parameters_is_a_declared_refusal():
    (answer,) = miedema_hull()(TRAIN, [alloy("Fe Ni U Co")], QUESTION)
    assert isinstance(answer, Unsupported)
    assert "U" in answer.reason


def test_atoms_of_one_size_do_not_misfit_and_an_element_does_not_mix_with_itself_alone():
    assert size_misfit(("Fe",)) == 0
    assert mixing_enthalpy_of(("Fe",)) == 0
    assert size_misfit(("Al", "Zr")) > size_misfit(("Nb", "Ta"))


def test_a_rule_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="omega, enthalpy"):
        simple_rule("guess")
