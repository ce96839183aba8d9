"""From a card to something that can be asked: an ASE calculator, or a predictor function."""

from matdisc.models.load import Predictor, Question, installed, load_potential, load_predictor, one_thread

__all__ = ["Predictor", "Question", "installed", "load_potential", "load_predictor", "one_thread"]
