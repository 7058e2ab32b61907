"""The benchmarks: what they say of right and of wrong results, of peers that are there and that are not."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import naive
import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent.parent))  # where `pytest` alone does not look

from benchmarks import __main__ as command
from benchmarks import agreement, headlines, machine, merging, reasons, reference, rows, running, table, timing

ROOT = Path(__file__).parent.parent
IMAGE = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
ROWS = [(group, row) for group in running.GROUPS for row in import_module(f"benchmarks.groups.{group}").rows()]


def doubling(error=0, **more):
    """Return a row whose work doubles numbers, and is wrong by so much."""
    return rows.Row(
        **{
            "work": "doubling",
            "shape": (400, 600, 3),
            "given": lambda shape: np.full(shape, 7.0),
            "ours": lambda x: lambda: 2 * x + error,
            "truth": lambda x: 2 * x,
            **more,
        }
    )


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Return a function that runs a group of rows as the command does, and gives exit code, Markdown and JSON."""
    monkeypatch.setattr(machine, "take_threads", lambda count: None)
    for module in (command, running):
        monkeypatch.setattr(module, "GROUPS", ("fake",))

    def run(*given, options=()):
        group = ModuleType("benchmarks.groups.fake")
        group.rows = lambda: iter(given)
        monkeypatch.setitem(sys.modules, "benchmarks.groups.fake", group)
        files = tmp_path / "out.md", tmp_path / "out.json"
        code = command.main(["fake", "--markdown", str(files[0]), "--json", str(files[1]), *options])
        return code, files[0].read_text(), json.loads(files[1].read_text())

    return run


def test_a_wrong_result_is_an_error(run, capsys):
    code, page, data = run(doubling(), doubling(1, work="doubling, wrong"))
    assert code == 1
    assert [row["correct"] for row in data["rows"]] == [True, False]
    assert "| 0 of 0.501 levels |" in page
    assert "| **wrong** 1.00 of 0.501 levels |" in page
    assert capsys.readouterr().err == "wrong results of poolcli: fake doubling, wrong\n"


def test_a_result_of_another_shape_is_wrong(run):
    assert run(doubling(ours=lambda x: lambda: 2 * x[1:]))[0] == 1


def test_what_is_missing_is_left_out_and_named(run, monkeypatch, capsys):
    monkeypatch.setitem(machine.LIBRARIES, "Nowhere", ("no_such_module", "no-such-package"))
    monkeypatch.setitem(machine.COMMANDS, "nothing", ("no-such-command", "--version"))
    peers = {
        "Nowhere pool": lambda x: lambda: 2 * x,
        "nothing": lambda x: lambda: 2 * x,
        "NumPy": lambda x: lambda: x + x,
    }
    code, page, data = run(doubling(peers=peers))
    assert code == 0
    assert "left out, because they are not installed: Nowhere, nothing\n" in capsys.readouterr().out
    assert "Left out, because they are not installed: Nowhere, nothing." in page
    assert data["left_out"] == ["Nowhere", "nothing"]
    assert [*data["rows"][0]["peers"]] == ["NumPy"]


def test_another_command_of_that_name_is_not_the_peer(monkeypatch, tmp_path):
    stranger = tmp_path / "convert"
    stranger.write_text("#!/bin/sh\necho converts money, version two\n")
    stranger.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    machine.version_of.cache_clear()
    assert not machine.has("ImageMagick")
    stranger.write_text("#!/bin/sh\necho Version: ImageMagick 6.9.11-60 Q16\n")
    machine.version_of.cache_clear()
    assert machine.version_of("ImageMagick") == "6.9.11-60"
    machine.version_of.cache_clear()


def test_a_peer_that_differs_is_shown_and_does_not_count(run):
    peers = {
        "NumPy near": lambda x: lambda: _slowly(2 * x + 1),
        "NumPy far": lambda x: lambda: 2 * x + 3,
    }
    _, page, data = run(doubling(peers=peers))
    row = data["rows"][0]
    assert {name: (peer["difference"], peer["counts"]) for name, peer in row["peers"].items()} == {
        "NumPy near": (1.0, True),
        "NumPy far": (3.0, False),
    }
    assert row["verdicts"][0]["ratio"] == row["poolcli"]["least"] / row["peers"]["NumPy near"]["least"]
    assert ", differs by 3.00 levels)" in page


def _slowly(result):
    import time

    time.sleep(0.02)
    return result


def test_a_peer_that_fails_is_no_error(run, capsys):
    def fail(x):
        raise RuntimeError("too large\nfor me")

    code, page, data = run(doubling(peers={"NumPy": fail}))
    assert code == 0
    assert "NumPy cannot do this: too large\n" in capsys.readouterr().err
    assert "| NumPy cannot |" in page
    assert data["rows"][0]["peers"]["NumPy"]["failure"] == "too large"


def test_targets(run):
    beside = {"itself": lambda x: lambda: _slowly(x)}
    targets = {"itself": 0.5, rows.LIMIT: 1e-9, rows.BEST: 1.0}
    _, page, data = run(doubling(beside=beside, targets=targets))
    assert [verdict["met"] for verdict in data["rows"][0]["verdicts"]] == [True, False, None]
    assert "| 0.5; 1e-09; 1.00 | yes; **no**; - |" in page
    assert page.endswith("## What is missed, and why\n\n- fake, doubling: not known yet.\n")
    _, page, data = run(doubling(beside=beside, targets=targets), options=["--quick"])
    assert [verdict["met"] for verdict in data["rows"][0]["verdicts"]] == [None, None, None]


def test_json_has_what_the_table_has(run):
    peers = {"NumPy": lambda x: lambda: x + x}
    _, page, data = run(doubling(peers=peers), doubling(truth=None, unit="kB", ours=lambda x: lambda: 5))
    lines = [line.split(" | ") for line in page.splitlines() if line.startswith("| doubling")]
    for cells, row in zip(lines, data["rows"], strict=True):
        assert cells[1] == " x ".join(map(str, row["input"]))
        unit = "" if row["unit"] == "ms" else " kB"
        assert cells[2] == table.number(row["poolcli"]["least"]) + unit
        assert cells[3] == f"{row['poolcli']['spread']:.0f} %"
        assert cells[6] == table.number(row["verdicts"][0]["ratio"])
    assert lines[0][5] == f"NumPy {table.number(data['rows'][0]['peers']['NumPy']['least'])}"
    assert (lines[1][2], lines[1][4]) == ("5.00 kB", "-")
    assert f"Made by `python -m benchmarks fake --markdown {page.split('--markdown ')[1].split(' ')[0]}" in page
    assert all(f"{name} {version}" in page for name, version in data["versions"].items())


def test_a_group_is_run_again(run, monkeypatch, tmp_path, capsys):
    """Its rows, its table and its reasons take the place of those in the files; the others stay."""
    monkeypatch.setattr(merging, "GROUPS", ("first", "fake", "last"))
    _, page, data = run(doubling(targets={rows.LIMIT: 0.0}))
    others = {
        name: page.split("## fake")[1].split("##")[0].strip().replace("doubling", name) for name in ("first", "last")
    }
    tables = "".join(
        f"## {name}\n\n{others.get(name, page.split('## fake')[1].split('##')[0].strip())}\n\n"
        for name in merging.GROUPS
    )
    missed = "## What is missed, and why\n\n- first, first: a.\n- fake, doubling: b.\n- last, last: c.\n"
    (tmp_path / "out.md").write_text(page.split("## fake")[0] + tables + missed)
    kept = [{**data["rows"][0], "group": name} for name in ("first", "last")]
    (tmp_path / "out.json").write_text(json.dumps({**data, "rows": [kept[0], data["rows"][0], kept[1]]}))
    for _ in range(2):
        _, page, data = run(doubling(work="tripling"), options=["--update"])
        assert [row["group"] for row in data["rows"]] == ["first", "fake", "last"]
        assert (data["rows"][0], data["rows"][2]) == tuple(kept)
        assert [line for line in page.splitlines() if line.startswith("## ")] == [
            "## first", "## fake", "## last", "## What is missed, and why",
        ]  # fmt: skip
        assert ("| tripling |" in page, "| doubling |" in page, "| first |" in page) == (True, False, True)
        assert page.endswith("## What is missed, and why\n\n- first, first: a.\n- last, last: c.\n")
        assert page.count("Again fake: made by `python -m benchmarks fake ") == 1
        assert page.count("Made by `python -m benchmarks fake ") == 1
    monkeypatch.setattr(machine, "described", lambda: {**data, "cores": 99})
    assert run(doubling(), options=["--update"])[0] == 2
    assert capsys.readouterr().err == "cores of this run are others than those of the file: run all groups\n"


def test_reasons_are_of_works_that_there_are():
    groups = {group for group, _ in ROWS}
    known = {(group, row.work) for group, row in ROWS} | {(group, "") for group in groups}
    assert {*reasons.REASONS} <= known


def test_readme_gets_its_rows(tmp_path):
    assert {*headlines.HEADLINES} <= {(group, row.work) for group, row in ROWS}
    assert headlines.BEGIN + headlines.HEAD in (ROOT / "README.md").read_text()
    page = tmp_path / "page.md"
    page.write_text(f"# before\n\n{headlines.BEGIN}{headlines.HEAD}| old | 1 | 2 | 3 |\n\nafter\n")
    peers = {
        "far": {"least": 1.0, "counts": False},
        "slow": {"least": 4000.0, "counts": True},
        "fast": {"least": 2000.0, "counts": True},
    }
    data = {"rows": [
        {"group": group, "work": work, "poolcli": {"least": 50.0}, "peers": peers if group != "start" else {}}
        for group, work in headlines.HEADLINES
    ]}  # fmt: skip
    for _ in range(2):
        headlines.write(data, page)
        text = page.read_text()
        assert text.startswith("# before\n\n")
        assert text.endswith(" |\n\nafter\n")
        assert "| `max`, 2 x 2, of 24 megapixels RGB | 50.0 ms | fast: 2.00 s | 0.025 |" in text
        assert "| the command on a PNG of 512 x 512 | 50.0 ms | - | - |" in text
        assert "old" not in text


def test_readme_is_not_written_from_a_part():
    with pytest.raises(SystemExit):
        command.parsed(["--readme", "README.md", "--quick"])


def test_calls_take_turns():
    order = []
    amounts = timing.in_turns([lambda: order.append("a"), lambda: order.append("b")], 3)
    assert order == [*"ababab"]
    assert [amount.turns for amount in amounts] == [3, 3]
    assert timing.in_turns([iter([4, 2, 3]).__next__], 3, "MB") == [timing.Amount(2.0, 50.0, 3)]
    assert timing.turns_for(0.1, 2, quick=False) == 20
    assert timing.turns_for(8, 2, quick=False) == 3
    assert timing.turns_for(8, 2, quick=True) == 1


def test_what_takes_very_long_is_done_once(run, monkeypatch):
    monkeypatch.setattr(timing, "PATIENCE", 0.01)
    calls = []
    peers = {"NumPy": lambda x: lambda: calls.append(x.shape) or _slowly(2 * x)}
    amount = run(doubling(peers=peers))[2]["rows"][0]["peers"]["NumPy"]
    assert calls == [(160, 240, 3), (400, 600, 3)]
    assert (amount["turns"], amount["spread"]) == (1, 0)
    assert amount["least"] > 20


def test_smaller_images_keep_their_proportions():
    assert rows.smaller((4000, 6000, 3), 240) == (240, 360, 3)
    assert rows.smaller((16, 112, 112, 64), 56) == (4, 56, 56, 64)
    assert rows.smaller((20, 30, 1), 240) == (20, 30, 1)


def test_labels_are_compared_exactly():
    labels = np.array([2**63, 2**63 + 1], np.uint64)
    assert agreement.LEVELS.of(labels, labels) == 0
    assert agreement.SHARE.of(labels[::-1], labels) == 100


@pytest.mark.parametrize("mode", ["max", "average", "median", "majority", "soft", "gem", "mixed"])
@pytest.mark.parametrize(("kernel_size", "stride"), [(2, 2), (3, 2), (5, 1)])
def test_pools_are_those_of_the_naive_twins(mode, kernel_size, stride):
    image = IMAGE % 7 / 4 if mode != "majority" else IMAGE % 7
    function = {"max": reference.maximum}.get(mode) or getattr(reference, mode)
    expected = naive.downsample(image, mode, kernel_size=kernel_size, stride=stride).astype(float)
    np.testing.assert_allclose(reference.pooled(function, kernel_size, stride)(image), expected, rtol=1e-12)


@pytest.mark.parametrize("size", [(32, 48), (27, 41), (5, 7)], ids=str)
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize(("mode", "given"), [
    ("bilinear", {}), ("bicubic", {"cubic_a": -0.75}), ("lanczos", {"lobes": 4}),
])  # fmt: skip
def test_resizing_is_that_of_the_naive_twin(mode, given, antialias, size):
    image = IMAGE[:, :, :1] / 255
    for border in ("edge", "exclude"):
        truth = reference.resized(lambda x: size, mode, antialias=antialias, exclude=border == "exclude", **given)
        expected = naive.resize(image, size, mode, antialias=antialias, border=border, **given)
        np.testing.assert_allclose(truth(image), expected, rtol=0, atol=1e-12)


def test_nearest_is_that_of_the_naive_twin():
    for size in ((32, 48), (27, 41), (5, 7)):
        np.testing.assert_array_equal(reference.resized(lambda x: size, "nearest")(IMAGE), naive.nearest(IMAGE, size))  # noqa: B023


def test_integers_saturate():
    edge = np.repeat(np.array([[0, 255]], np.uint8), 4, axis=1)[..., None]
    found = reference.resized(lambda x: (1, 32), "lanczos")(edge)
    assert (found.min(), found.max()) == (0, 255)


def test_groups_have_rows_that_can_be_told_apart():
    names = [(row.work, row.shape) for _, row in ROWS]
    assert len({*names}) == len(names)
    known = {*machine.LIBRARIES, *machine.COMMANDS}
    assert {name.split()[0] for _, row in ROWS for name in row.peers} <= known
    assert all({*row.targets} <= {rows.BEST, rows.LIMIT, *row.peers, *row.beside} for _, row in ROWS)


def test_every_mode_with_a_gradient_is_timed_backward():
    import poolcli

    timed = {row.work.split()[0] for _, row in ROWS if " backward, " in row.work}
    able = {name for name, mode in poolcli.MODES.items() if mode.has_gradient}
    assert timed == able | {*poolcli.UPSAMPLINGS} - {"unpool", "depth-to-space"}


def test_unknown_group_is_named():
    result = subprocess.run([sys.executable, "-m", "benchmarks", "shrink"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 2
    assert "there is no group shrink; there are downsample, upsample, resize," in result.stderr
