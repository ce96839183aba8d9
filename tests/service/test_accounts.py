"""Tokens open what they should and nothing else; teams, names, ORCIDs and the audit log. On both databases."""

import hmac
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from sqlalchemy import update

from matdisc.errors import ServiceError
from matdisc.service.store import accounts, tables
from matdisc.service.store.accounts import (
    any_token,
    audit_log,
    authenticate,
    checked_name,
    checked_orcid,
    create_token,
    get_token,
    record,
    revoke_token,
    tokens,
)

pytestmark = pytest.mark.service


def _make(store, team="Lab A", person="Ada", **options):
    return create_token(store, team=team, person=person, **options)


def _set(store, token, **values):
    with store.begin() as connection:
        connection.execute(update(tables.tokens).where(tables.tokens.c.id == token.id).values(**values))


def test_a_token_opens_with_its_text(store):
    token, text = _make(store, orcid="0000-0002-1825-0097")
    assert text.startswith(f"mdt_{token.id}_")
    assert authenticate(store, text) == token
    assert (token.team, token.person, token.orcid, token.role) == ("Lab A", "Ada", "0000-0002-1825-0097", "submitter")


def test_the_database_holds_no_secret(store):
    _, text = _make(store)
    secret = text.split("_", 2)[2]
    with store.read() as connection:
        held = [str(row) for table in tables.metadata.sorted_tables for row in connection.execute(table.select())]
    assert len(held) == 3  # team, token, audit
    assert not [row for row in held if secret in row]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: text + "A",
        lambda text: text[:-1],
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: text.upper(),
        lambda text: text.replace("mdt_", "mdt-"),
        lambda text: "mdt_aaaaaaaaaaaa_" + text.split("_", 2)[2],
        lambda text: text.split("_", 2)[2],
        lambda text: "mdt_' OR 1=1 --_x",
        lambda text: "mdt_\0_\0",
        lambda text: "\ud800",
        lambda text: "",
        lambda text: text * 10_000,
    ],
)
def test_any_other_text_opens_nothing(store, change):
    _, text = _make(store)
    assert authenticate(store, change(text)) is None


def test_the_secret_of_one_token_does_not_open_another(store):
    first, text = _make(store)
    second, _ = _make(store, team="Lab B")
    assert authenticate(store, text.replace(first.id, second.id)) is None


@pytest.mark.parametrize("text", ["known", "unknown", "malformed"])
def test_a_secret_is_compared_once_and_in_constant_time_for_any_text(sqlite_store, monkeypatch, text):
    _, known = _make(sqlite_store)
    compared = []

    def compare(a, b):
        compared.append((len(a), len(b)))
        return hmac.compare_digest(a, b)

    monkeypatch.setattr(accounts, "hmac", SimpleNamespace(compare_digest=compare))
    texts = {"known": known[:-3] + "xyz", "unknown": f"mdt_{'a' * 12}_{'b' * 43}", "malformed": "hello"}
    assert authenticate(sqlite_store, texts[text]) is None
    assert compared == [(64, 64)]


def test_the_digest_of_nobody_is_opened_by_no_secret(store):
    assert authenticate(store, "mdt_aaaaaaaaaaaa_") is None
    assert authenticate(store, "") is None


def test_a_token_ends_when_its_days_are_over(store):
    token, text = _make(store, days=1)
    assert token.expires == pytest.approx(token.created + 86400)
    assert any_token(store)
    _set(store, token, expires=token.created)
    assert authenticate(store, text) is None
    assert not any_token(store)


def test_a_token_without_days_has_no_end(store):
    token, text = _make(store, days=None)
    assert token.expires is None
    assert authenticate(store, text)


def test_a_revoked_token_opens_nothing_and_stays_in_the_list(store):
    token, text = _make(store)
    other, _ = _make(store)
    revoked = revoke_token(store, token.id, "command line")
    assert revoked.revoked is not None
    assert authenticate(store, text) is None
    assert [one.id for one in tokens(store)] == [token.id, other.id]
    assert any_token(store)
    assert revoke_token(store, token.id, "somebody else") == revoked
    assert [action.who for action in audit_log(store, 10) if action.action == "token revoke"] == ["command line"]


def test_an_unknown_token_cannot_be_revoked(store):
    with pytest.raises(ServiceError, match=r"no token 'abc'; `matdisc token list`"):
        revoke_token(store, "abc", "me")
    assert audit_log(store, 10) == []


def test_use_is_noted_at_most_once_a_minute(store):
    token, text = _make(store)
    assert get_token(store, token.id).used is None
    authenticate(store, text)
    first = get_token(store, token.id).used
    authenticate(store, text)
    assert get_token(store, token.id).used == first > 0
    _set(store, token, used=first - 61)
    authenticate(store, text)
    assert get_token(store, token.id).used >= first


def test_a_wrong_secret_is_no_use(store):
    token, text = _make(store)
    authenticate(store, text[:-3] + "xyz")
    assert get_token(store, token.id).used is None


def test_a_busy_database_shuts_nobody_out(sqlite_store):
    from sqlalchemy import event

    token, text = _make(sqlite_store)
    event.listen(sqlite_store.engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=50"))
    sqlite_store.engine.dispose()
    with sqlite_store.begin():
        assert authenticate(sqlite_store, text) == token
    assert get_token(sqlite_store, token.id).used is None


def test_tokens_of_one_name_are_of_one_team(store):
    first, _ = _make(store, team="Lab  É")
    second, _ = _make(store, team="Lab  E\u0301", person="Bob")
    third, _ = _make(store, team="Lab B")
    assert first.team_id == second.team_id != third.team_id


def test_a_team_made_twice_at_once_is_one_team(store):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda i: _make(store, team="New", person=f"P{i}")[0], range(16)))
    assert len({token.team_id for token in made}) == 1
    assert len({token.id for token in made}) == 16


def test_roles_bring_their_scopes(store):
    assert _make(store)[0].scopes == {"submit", "read"}
    assert _make(store, role="maintainer")[0].scopes == {"submit", "read", "publish", "admin"}
    assert _make(store, scopes=["read"])[0].scopes == {"read"}
    assert _make(store, role="maintainer", scopes={"publish", "read"})[0].scopes == {"publish", "read"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"role": "root"}, "role 'root' does not exist; choose from submitter, maintainer"),
        ({"scopes": ["admin"]}, "scope 'admin': a submitter may have submit, read"),
        ({"scopes": ["read", "all"]}, "scope 'all'"),
        ({"scopes": []}, "needs one"),
        ({"days": 0}, "days 0"),
        ({"days": -1}, "days -1"),
        ({"days": float("nan")}, "days nan"),
        ({"days": float("inf")}, "days inf"),
        ({"person": ""}, "person ''"),
        ({"team": "<b>"}, "team '<b>'"),
        ({"orcid": "1234"}, "orcid '1234'"),
    ],
)
def test_what_makes_no_token_is_refused_in_words_and_leaves_nothing(store, options, words):
    with pytest.raises(ServiceError) as caught:
        _make(store, **options)
    assert words in str(caught.value)
    assert tokens(store) == []
    assert audit_log(store, 10) == []


@pytest.mark.parametrize(
    "name", ["Ada", "Lab A (Zürich)", "O'Neil & Sons", "C++ / A_1.2-x", "材料", "Ångström", "x" * 80]
)
def test_names_of_people_and_teams_pass(name):
    assert checked_name(name, "person") == name


@pytest.mark.parametrize(
    "name",
    [
        "", " ", "...", "x" * 81, "<img onerror=1>", "</script>", "a\nb", "a\0b", "a\x1bb", "a\u202eb", "a\u200bb",
        "=1+1;", '"', "a\u2028b", "a\u2066b", "\ud800", "a\tb",
    ],
)  # fmt: skip
def test_names_with_other_letters_are_refused_and_shown_harmlessly(name):
    with pytest.raises(ServiceError) as caught:
        checked_name(name, "team")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "orcid", ["0000-0002-1825-0097", "0000-0001-5109-3700", "0000-0002-1694-233X", "0000-0002-1694-233x"]
)
def test_an_orcid_is_taken_plain_and_as_the_url_of_its_page(orcid):
    assert checked_orcid(orcid) == orcid.upper()
    assert checked_orcid(f"https://orcid.org/{orcid}") == orcid.upper()


@pytest.mark.parametrize("place", [0, 3, 7, 11, 16, 18])
def test_one_wrong_digit_of_an_orcid_is_found(place):
    right = "0000-0002-1825-0097"
    for digit in "0123456789":
        changed = right[:place] + digit + right[place + 1 :]
        if changed != right:
            with pytest.raises(ServiceError, match="check digit"):
                checked_orcid(changed)


@pytest.mark.parametrize(
    "orcid", ["", "0000000218250097", "0000-0002-1825-00977", "٠٠٠٠-0002-1825-0097", "X000-0002-1825-0097"]
)
def test_another_form_of_an_orcid_is_refused(orcid):
    with pytest.raises(ServiceError, match="it has the form"):
        checked_orcid(orcid)


def test_the_audit_log_tells_who_did_what_newest_first(store):
    token, _ = _make(store, role="maintainer")
    with store.begin() as connection:
        record(connection, token.id, "review", "s1", "approved")
    newest, oldest = audit_log(store, 10)
    assert (newest.who, newest.action, newest.subject, newest.detail) == (token.id, "review", "s1", "approved")
    assert (oldest.who, oldest.action, oldest.subject) == ("command line", "token create", token.id)
    assert abs(newest.at - time.time()) < 60
    assert audit_log(store, 1) == [newest]


def test_what_is_rolled_back_is_not_in_the_audit_log(store):
    with store.engine.connect() as connection, connection.begin() as transaction:
        record(connection, "me", "review", "s1")
        transaction.rollback()
    assert audit_log(store, 10) == []
