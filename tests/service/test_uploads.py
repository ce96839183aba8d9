"""Files from outside: what is taken, what is refused and with which words, and that none of it fills the memory."""

import gzip
import io
import pickle
import random
import struct
import tarfile
import time
import tracemalloc
import zipfile
import zlib

import pytest

from matdisc import predictions
from matdisc.service.blobs import open_blobs
from matdisc.service.settings import Uploads
from matdisc.service.uploads import MEMBERS, SUFFIXES, Refused, Upload, suffix_of

pytestmark = pytest.mark.service

CSV = b"material_id,e_form_per_atom\n" + b"".join(b"mp-%d,%.6f\n" % (i, i * 1e-3) for i in range(500))
PARQUET = b"PAR1" + b"columns" * 9 + b"footer" + struct.pack("<I", 6) + b"PAR1"
SMALL = Uploads(mib=2, expanded_mib=8, ratio=200)


@pytest.fixture
def folder(tmp_path):
    return open_blobs(str(tmp_path / "folder"))


@pytest.fixture
def send(folder):
    """Send a file in pieces of some size: `send(".csv", data)` is its SHA-256 and its bytes."""

    def send(suffix, data, limits=SMALL, piece=65_536):
        with folder.writing() as writer:
            upload = Upload(limits, suffix, writer)
            for start in range(0, len(data), piece):
                upload.feed(data[start : start + piece])
            return upload.finish()

    return send


@pytest.fixture
def refused(send, folder):
    """Send a file that is refused; give the status and the words, after a look that nothing is left of it."""

    def refused(suffix, data, limits=SMALL, piece=65_536):
        before = _files(folder)
        with pytest.raises(Refused) as caught:
            send(suffix, data, limits, piece)
        assert _files(folder) == before
        return caught.value.status, str(caught.value)

    return refused


def _files(folder):
    return {path for path in folder.root.rglob("*") if path.is_file()}


def _rows(n_rows):
    dice = random.Random(0)
    return b"material_id,e_form_per_atom\n" + b"".join(
        b"wbm-%d-%d,%.6f\n" % (1 + i // 60_000, i % 60_000, dice.gauss(0, 1)) for i in range(n_rows)
    )


def _tar():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../etc/passwd"), io.BytesIO())
    return file.getvalue()


def _zip():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("predictions.csv", CSV)
    return file.getvalue()


@pytest.mark.parametrize("piece", [1, 7, 65_536])
@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        (".csv", CSV),
        (".csv.gz", gzip.compress(CSV, mtime=0)),
        (".jsonl", b'{"material_id": "mp-1", "error": "\xc3\xa5\xe2\x82\xac\xf0\x9f\x98\x80"}\n'),
        (".jsonl.gz", gzip.compress('{"material_id": "mp-1", "error": "åß€😀"}\n'.encode(), mtime=0)),
        (".parquet", PARQUET),
    ],
)
def test_each_format_is_kept_as_it_came_however_it_is_cut(send, folder, suffix, data, piece):
    sha256, n_bytes = send(suffix, data, piece=piece)
    assert (folder.read(sha256), n_bytes) == (data, len(data))


def test_the_formats_are_those_of_a_board():
    assert set(SUFFIXES) == set(predictions.SUFFIXES)


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("a.csv", ".csv"), ("A.CSV.GZ", ".csv.gz"), ("../../x/b.jsonl", ".jsonl"), ("\0;rm -rf.parquet", ".parquet")],
)
def test_only_the_suffix_of_a_name_is_used(name, suffix):
    assert suffix_of(name) == suffix


@pytest.mark.parametrize(
    "name", [None, "", "csv", "a.pkl", "a.zip", "a.tar.gz", "a.csv\n", "a.csv.exe", "a.gz", "a.h5"]
)
def test_other_names_are_refused_with_those_that_are_not(name):
    with pytest.raises(Refused, match=r"\.csv, \.csv\.gz, \.jsonl, \.jsonl\.gz, \.parquet") as caught:
        suffix_of(name)
    assert caught.value.status == 415


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (_zip(), "a zip archive"),
        (_tar(), "a tar archive"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(90), "a 7z archive"),
        (b"\xfd7zXZ\0", "xz"),
        (b"BZh91AY", "bzip2"),
        (b"\x28\xb5\x2f\xfd ", "zstd"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\xd0\xcf\x11\xe0", "workbook"),
        (b"\x93NUMPY\x01\0", "NumPy"),
        (gzip.compress(CSV, mtime=0), "gzip"),
        (PARQUET, "Parquet"),
        ("material_id\n".encode("utf-16"), "UTF-16"),
        *((pickle.dumps({"mp-1": 0.1}, protocol), "a pickle") for protocol in range(2, 6)),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_no_text_is_refused_by_its_kind_packed_or_not(refused, content, words, packed):
    sent = gzip.compress(content, mtime=0) if packed else content
    status, said = refused(".csv.gz" if packed else ".csv", sent)
    assert status == 415
    assert words in said


@pytest.mark.parametrize("suffix", [".csv.gz", ".jsonl.gz", ".parquet"])
def test_plain_text_under_another_name_is_refused(refused, suffix):
    assert refused(suffix, CSV)[0] == 415
    assert refused(suffix, CSV, piece=1)[0] == 415


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_file_is_refused(refused, suffix):
    assert refused(suffix, b"") == (422, refused(suffix, b"")[1])
    assert "empty" in refused(suffix, b"")[1]


@pytest.mark.parametrize(
    ("suffix", "data"), [(".csv", b" \n\n"), (".csv.gz", gzip.compress(b"", mtime=0)), (".jsonl", b"\t")]
)
def test_a_file_of_blanks_is_an_empty_one(refused, suffix, data):
    status, said = refused(suffix, data)
    assert status == 422
    assert "empty" in said


@pytest.mark.parametrize("piece", [1, 3, 65_536])
def test_text_in_another_encoding_is_refused_at_its_byte(refused, piece):
    text = "a,€ \n".encode() + "Å\n".encode("latin-1")
    status, said = refused(".csv", text, piece=piece)
    assert status == 422
    assert f"at byte {text.index(0xC5)} " in said


def test_a_letter_that_breaks_off_at_the_end_is_refused(refused):
    assert "at byte 4 " in refused(".csv", b"a,b\n\xe2\x82")[1]


def test_surrogates_and_overlong_letters_are_no_utf_8(refused):
    assert refused(".csv", b"a\xed\xa0\x80")[0] == 422
    assert refused(".csv", b"a\xc0\xaf")[0] == 422


@pytest.mark.parametrize("piece", [1, 65_536])
def test_nul_is_refused_at_its_byte(refused, piece):
    status, said = refused(".csv", CSV + b"mp-9\0,1\n", piece=piece)
    assert status == 422
    assert f"byte {len(CSV) + 4} is NUL" in said


def test_a_file_may_be_as_large_as_the_limit_and_no_larger(send, refused):
    line = b"0123456789abcde\n"
    exact = line * (2 * 2**20 // len(line))
    assert refused(".csv", exact + b"\n")[0] == 413
    assert send(".csv", exact)[1] == 2 * 2**20


def test_what_unpacks_to_more_than_the_limit_is_refused(refused):
    dice = random.Random(0)
    text = b"".join(b"%d\n" % dice.randrange(10**9) for _ in range(900_000))
    limits = Uploads(mib=8, expanded_mib=8, ratio=200)
    status, said = refused(".csv.gz", gzip.compress(text, 1, mtime=0), limits)
    assert status == 413
    assert "larger than 8 MiB" in said


def test_a_gzip_bomb_is_refused_by_its_ratio_before_it_unfolds(refused, folder):
    bomb = gzip.compress(b"0" * (200 * 2**20), mtime=0)
    tracemalloc.start()
    status, said = refused(".csv.gz", bomb, Uploads(mib=64, expanded_mib=512, ratio=200), piece=len(bomb))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert status == 413
    assert "200 times" in said
    assert peak < 2 * 2**20


def test_the_ratio_counts_beyond_the_first_mebibyte_only(send, refused):
    assert send(".csv.gz", gzip.compress(b"1\n" * 2**19, mtime=0))[1] < 2**20 / 200
    assert refused(".csv.gz", gzip.compress(b"1\n" * (2**19 + 1), mtime=0))[0] == 413


def test_a_gzip_of_several_parts_is_read_to_its_end(send, refused):
    parts = gzip.compress(CSV, mtime=0) + gzip.compress(b"") + gzip.compress(CSV)
    for piece in (1, 1000, len(parts)):
        assert send(".csv.gz", parts, piece=piece)[1] == len(parts)


def test_a_later_part_is_checked_as_the_first_is(refused):
    assert refused(".csv.gz", gzip.compress(CSV, mtime=0) + gzip.compress(b"\0"))[0] == 422
    assert refused(".csv.gz", gzip.compress(CSV, mtime=0) + gzip.compress(b"1\n" * 2**22))[0] == 413


@pytest.mark.parametrize("rubbish", [b"\0", b"\x1f", b"\x1f\x8b", b"<script>", b"PK\x03\x04", b"\0" * 512])
@pytest.mark.parametrize("piece", [1, 65_536])
def test_rubbish_after_gzip_is_refused(refused, rubbish, piece):
    assert refused(".csv.gz", gzip.compress(CSV, mtime=0) + rubbish, piece=piece)[0] == 422


def test_a_thousand_tiny_parts_cost_no_more_than_their_bytes(refused):
    many = gzip.compress(b"", mtime=0) * (MEMBERS + 1)
    before = time.process_time()
    assert refused(".csv.gz", many)[0] == 413
    assert time.process_time() - before < 5


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
def test_a_gzip_that_breaks_off_is_refused(refused, kept):
    packed = gzip.compress(CSV, mtime=0)
    status, said = refused(".csv.gz", packed[: int(len(packed) * kept)])
    assert status == 422
    assert "breaks off" in said


def test_a_damaged_gzip_is_refused(refused):
    packed = bytearray(gzip.compress(CSV, mtime=0))
    packed[-6] ^= 1  # its checksum
    assert "damaged" in refused(".csv.gz", bytes(packed))[1]


def test_deflate_without_the_frame_of_gzip_is_refused(refused):
    assert refused(".csv.gz", zlib.compress(CSV))[0] == 415


@pytest.mark.parametrize(
    "data", [b"PAR1", b"PAR1PAR1", PARQUET[:-1], b"PAR1" + struct.pack("<I", 99) + b"PAR1", PARQUET + b"\n"]
)
def test_a_parquet_that_breaks_off_is_refused(refused, data):
    status, said = refused(".parquet", data)
    assert status == 422
    assert "breaks off" in said


def test_a_real_parquet_file_is_taken(send, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"material_id": ["mp-1"], "e_form_per_atom": [0.5]}), tmp_path / "a.parquet")
    assert send(".parquet", (tmp_path / "a.parquet").read_bytes())


def test_every_row_of_a_packed_file_in_parts_reaches_the_reader(send, folder):
    half = CSV.index(b"\n", len(CSV) // 2) + 1
    sha256, _ = send(".csv.gz", gzip.compress(CSV[:half], mtime=0) + gzip.compress(CSV[half:]))
    with folder.local(sha256, ".csv.gz") as path:
        assert len(predictions.read(path, ["e_form_per_atom"])) == 500


def test_a_gzip_with_changed_bytes_is_refused_or_unpacks_to_the_same(send, folder):
    dice, packed, n_refused = random.Random(1), gzip.compress(CSV, mtime=0), 0
    for _ in range(300):
        data = bytearray(packed)
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        try:
            sha256, _ = send(".csv.gz", bytes(data), piece=dice.randrange(1, 4000))
        except Refused:
            n_refused += 1
            continue
        assert gzip.decompress(folder.read(sha256)) == CSV
    assert n_refused > 280


def test_a_file_of_real_size_passes_in_a_moment(send):
    packed = gzip.compress(_rows(257_000), 6, mtime=0)
    before = time.process_time()
    send(".csv.gz", packed, Uploads())
    assert time.process_time() - before < 0.3
