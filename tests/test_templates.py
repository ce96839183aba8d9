"""Templates are compiled once, and anew when they change."""

from jinja2 import DictLoader, Environment

from matdisc.templates import CompiledOnce


def test_a_template_is_compiled_once_for_all_environments_and_anew_when_its_text_changes(monkeypatch):
    compiled = []
    compile_text = Environment.compile
    monkeypatch.setattr(
        Environment, "compile", lambda *given, **more: compiled.append(given[1]) or compile_text(*given, **more)
    )
    kept = CompiledOnce()

    def printed(text, **values):
        return Environment(loader=DictLoader({"a": text}), bytecode_cache=kept).get_template("a").render(values)

    assert [printed("{{ n }} atoms", n=1), printed("{{ n }} atoms", n=2), printed("{{ n }} cells", n=2)] == [
        "1 atoms", "2 atoms", "2 cells"
    ]  # fmt: skip
    assert compiled == ["{{ n }} atoms", "{{ n }} cells"]
