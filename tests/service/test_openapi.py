"""The OpenAPI document describes the API, and nothing that fits it, or nearly, makes the service fail."""

import pytest
from service_http import CARD, CSV, serving

pytestmark = pytest.mark.service
PUBLIC = {"/healthz", "/readyz", "/metrics", "/v1/leaderboard", "/v1/datasets"}


@pytest.fixture
def api(scene, settings, sqlite_store, blobs):
    with serving(settings, sqlite_store, blobs, scene.secrets["Referees"]) as api:
        yield api


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_the_document_names_every_route_and_how_each_refuses(api):
    document = api.client("").get("/openapi.json").json()
    named = {(method.upper(), path) for path, method, _ in operations(document)}
    assert {
        ("POST", "/v1/submissions"), ("GET", "/v1/submissions"), ("GET", "/v1/submissions/{id}"),
        ("GET", "/v1/submissions/{id}/events"), ("POST", "/v1/submissions/{id}/cancel"),
        ("POST", "/v1/submissions/{id}/withdraw"), ("PUT", "/v1/submissions/{id}/embargo"),
        ("POST", "/v1/submissions/{id}/review"), ("GET", "/v1/submissions/{id}/result"),
        ("GET", "/v1/submissions/{id}/details"), ("GET", "/v1/submissions/{id}/report"),
        ("GET", "/v1/submissions/{id}/attempts"), ("GET", "/v1/leaderboard"), ("GET", "/v1/datasets"),
        ("GET", "/v1/me"), ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"),
    } == named  # fmt: skip
    for path, _, operation in operations(document):
        assert "application/problem+json" in operation["responses"]["default"]["content"], path
        assert operation.get("security") or path in PUBLIC, path
    assert "HTTPValidationError" not in str(document)


def test_the_document_says_what_a_submission_may_hold(api):
    body = api.get("/openapi.json").json()["paths"]["/v1/submissions"]["post"]["requestBody"]
    form = body["content"]["multipart/form-data"]["schema"]
    assert set(form["required"]) <= set(form["properties"])
    assert set(form["properties"]) == {
        "task", "dataset", "card", "predictions", "model", "private", "embargo_until", "webhook",
    }  # fmt: skip


def test_there_are_no_pages_that_load_scripts_from_elsewhere(api):
    assert [api.get(path).status_code for path in ("/docs", "/redoc")] == [404, 404]


@pytest.mark.parametrize("role", ["Referees", "Lab A"])
def test_answers_keep_the_forms_that_the_document_gives_them(api, scene, role):
    jsonschema = pytest.importorskip("jsonschema")
    document = api.get("/openapi.json").json()
    client = api.client(scene.secrets[role])
    for id in [id for name, id in scene.ids.items() if name != "other team"]:
        for path in ("/v1/submissions/{id}", "/v1/submissions/{id}/attempts"):
            check(jsonschema, document, path, client.get(path.format(id=id)))
    for path in ("/v1/submissions", "/v1/me", "/v1/datasets"):
        check(jsonschema, document, path, client.get(path))
    ask = {"task": "discovery", "dataset": "wbm-sample"}
    check(jsonschema, document, "/v1/leaderboard", client.get("/v1/leaderboard", params=ask))


def check(jsonschema, document, path, answer):
    assert answer.status_code == 200, answer.text
    schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json(), schema | {"components": document["components"]})


def thought_up(cases, do, n=25):
    """Do something with so many cases of a strategy, always the same ones."""
    from hypothesis import HealthCheck, Phase, given, settings

    options = {"deadline": None, "database": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}

    @settings(max_examples=n, phases=[Phase.generate], **options)
    @given(case=cases)
    def run(case):
        do(case)

    run()


@pytest.mark.slow
def test_no_request_that_a_machine_thinks_up_makes_the_service_fail(api, scene):
    schemathesis = pytest.importorskip("schemathesis")
    from schemathesis import GenerationMode

    schema = schemathesis.openapi.from_dict(api.get("/openapi.json").json())
    seen, failed, ids = {}, [], [*scene.ids.values(), "sub_none"]

    def ask(operation, case):
        if "id" in (case.path_parameters or {}):
            place = len(str(case.path_parameters)) + len(str(case.body))
            if place % 3:
                case.path_parameters["id"] = ids[place % len(ids)]
        answer = case.call(base_url=api.url, headers={"Authorization": f"Bearer {api.secret}"}, timeout=20)
        seen.setdefault((operation.method, operation.path), set()).add(answer.status_code)
        if answer.status_code >= 500 and operation.path != "/readyz":
            failed.append((operation.method, operation.path, answer.status_code, answer.text[:300]))
        if 400 <= answer.status_code < 500:
            assert "application/problem+json" in str(answer.headers["content-type"]), answer.text

    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path.endswith("/events"):
            continue  # a stream of what waits has no end
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            cases = operation.as_strategy(generation_mode=mode)
            try:
                thought_up(cases, lambda case, operation=operation: ask(operation, case))
            except Exception as err:
                if type(err).__name__ != "Unsatisfiable":  # nothing about this request can be wrong
                    raise
    assert not failed
    assert len(seen) >= 15
    assert any(status == 200 for statuses in seen.values() for status in statuses)


@pytest.mark.slow
def test_no_form_of_random_fields_makes_the_service_fail(api):
    from hypothesis import strategies as st

    names = ("task", "dataset", "card", "model", "private", "embargo_until", "webhook", "predictions", "other")
    known = {"task": "discovery", "dataset": "emt-alloys", "card": CARD.format(key="mine")}
    texts = st.one_of(
        st.text(max_size=50), st.sampled_from([*known.values(), "true", "2030-01-01", "https://x.example"])
    )
    parts = st.lists(st.tuples(st.sampled_from(names), texts, st.booleans()), max_size=8)

    def ask(case):
        parts, whole = case
        form = [
            (name, ("a.csv" if as_file else None, text.encode("utf-8", "replace"))) for name, text, as_file in parts
        ]
        if whole:
            form += [(name, (None, text)) for name, text in known.items()] + [("predictions", ("a.csv", CSV))]
        answer = api.post("/v1/submissions", files=form or None)
        assert answer.status_code in (202, 400, 411, 413, 415, 422, 429), answer.text

    thought_up(st.tuples(parts, st.booleans()), ask, 150)
