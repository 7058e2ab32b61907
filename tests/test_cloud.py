"""Files that URLs name: in memory, in a store like S3 on this machine, behind a page."""

import errno
import re
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import fsspec
import numpy as np
import pytest
import s3fs
import zarr
from commands import process, said
from effort import JIT
from fsspec.implementations.memory import MemoryFileSystem

import poolcli
from poolcli import files, remote
from poolcli.engine import cache
from poolcli.images import ImageError

pytestmark = pytest.mark.skipif(not JIT, reason="files are read and written alike, compiled or not")
MAX = ("downsample", "-m", "max")
ACCESS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
DENIAL = """{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
"Resource": "arn:aws:s3:::bucket/in/secret.png"}]}"""


def noise(seed=0, shape=(8, 6, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def halved(image):
    """Return the maximum of every 2 x 2 pixels."""
    return np.max([image[i::2, j::2] for i in (0, 1) for j in (0, 1)], axis=0)


@pytest.fixture
def memory():
    system = fsspec.filesystem("memory")
    yield system
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


@pytest.fixture(scope="module")
def endpoint():
    """Start a server that stores objects as S3 does, and return its address."""
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as server:
        address = next(found[0] for line in server.stderr if (found := re.search(r"http://127\.\S+", line)))
        threading.Thread(target=server.stderr.read, daemon=True).start()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {"AWS_ENDPOINT_URL": address, **ACCESS}.items():
                patch.setenv(name, value)
            yield address
        server.kill()


@pytest.fixture
def bucket(endpoint):
    """Return the store that the environment names, with an empty bucket."""
    system = fsspec.filesystem("s3")
    system.invalidate_cache()
    system.mkdir("bucket")
    yield system
    system.rm("bucket", recursive=True)


@pytest.fixture
def elsewhere(endpoint, monkeypatch):
    """Return a function that lets the environment name another store."""

    def name(address):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        s3fs.S3FileSystem.clear_instance_cache()

    yield name
    s3fs.S3FileSystem.clear_instance_cache()


class Page(BaseHTTPRequestHandler):
    """Answers as the path says: what is stored, or a number of an error."""

    stored: ClassVar[dict[str, bytes]] = {}

    def do_GET(self):
        name = self.path.partition("?")[0]
        code = int(name[1:]) if name[1:].isdigit() else 200 if name in self.stored else 404
        content = self.stored.get(name, b"")
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", "text/html" if name.endswith("/") else "image/png")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *words):
        pass


@pytest.fixture
def pages():
    """Return what a server of pages stores, and its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Page.stored, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    Page.stored.clear()


def store(root, *names):
    """Write an image under each name below a URL, of its own colours."""
    for seed, name in enumerate(names):
        poolcli.write_image(noise(seed), f"{root}/{name}")


def test_an_image_is_read_and_written(memory):
    poolcli.write_image(noise(), "memory://in/a.png")
    image, info = poolcli.read_image("memory://in/a.png")
    np.testing.assert_array_equal(image, noise())
    assert info.format == "PNG"
    path = files.located("memory://in", "a.png")
    np.testing.assert_array_equal(poolcli.read_image(path)[0], noise())
    with pytest.raises(ImageError, match=r"^memory://in/a\.png: exists; overwrite=True replaces it$"):
        poolcli.write_image(noise(1), path)
    poolcli.write_image(noise(1), path, overwrite=True)
    np.testing.assert_array_equal(poolcli.read_image(path)[0], noise(1))
    with pytest.raises(ImageError, match=r"^memory://in: not a file$"):
        poolcli.read_image("memory://in")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["memory://in"], ["a10.png", "a2.png"]),
        (["memory://in", "-r"], ["a10.png", "a2.png", "sub/b.png", "sub/deep/c.png"]),
        (["memory://in", "-r", "--exclude", "sub/*"], ["a10.png", "a2.png"]),
        (["memory://in/*.png"], ["a10.png", "a2.png"]),
        (["memory://in/**/*.png"], ["a10.png", "a2.png", "b.png", "c.png"]),
        (["memory://in/.*.png"], [".hidden.png"]),
        (["memory://in/a2.png", "memory://in/sub/b.png"], ["a2.png", "b.png"]),
        (["memory://in/a2.png", "--format", "tif"], ["a2.tif"]),
        (["memory://in", "--name", "{mode}/{stem}_{F}"], ["max/a10_2.png", "max/a2_2.png"]),
        (["--files-from", "memory://in/list"], ["a2.png", "b.png"]),
    ],
)
@pytest.mark.parametrize("local", [True, False])
def test_what_is_taken(arguments, expected, local, memory, tmp_path):
    store("memory://in", "a10.png", "a2.png", "sub/b.png", "sub/deep/c.png", ".hidden.png", "sub/.deep/d.png")
    memory.pipe_file("/in/list", b"memory://in/a2.png\nmemory://in/sub/b.png\n")
    output = tmp_path / "out" if local else "memory://out"
    assert "error" not in said(*MAX, *arguments, "-o", f"{output}/")
    if local:
        made = [path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file()]
    else:
        made = [name.removeprefix("/out/") for name in memory.find("/out")]
    assert sorted(made) == sorted(expected)


def test_results_are_those_of_files(memory, tmp_path):
    store("memory://in", "a.png", "b.png")
    said(*MAX, "memory://in", "-o", "memory://out")
    for seed, name in enumerate(("a.png", "b.png")):
        np.testing.assert_array_equal(poolcli.read_image(f"memory://out/{name}")[0], halved(noise(seed)))
        (tmp_path / name).write_bytes(memory.cat_file(f"/in/{name}"))
    said(*MAX, tmp_path, "-o", tmp_path / "out")
    assert memory.cat_file("/out/b.png") == (tmp_path / "out/b.png").read_bytes()


def test_beside_the_input_and_what_is_there_stays(memory):
    store("memory://", "a.png")
    said(*MAX, "memory://a.png")
    before = memory.cat_file("/a_max.png")
    again = said(*MAX, "memory://a.png", code=1)
    assert again == "error: memory://a_max.png: exists; --overwrite replaces it, --skip-existing leaves it\n"
    said(*MAX, "memory://a.png", "--skip-existing")
    said("downsample", "-m", "min", "memory://a.png", "-o", "memory://a_max.png", "--overwrite")
    assert memory.cat_file("/a_max.png") != before


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["memory://in", "-o", "memory://in/a.png"], "is a file, and the output of several images must be a folder"),
        (["memory://in", "-o", "memory://a.png"], "names one file, and a folder, pattern or list may hold several"),
        (["https://127.0.0.1:1/a.png"], "https://127.0.0.1:1/a.png: cannot be reached: Cannot connect to host"),
        (["memory://in/a.png", "-o", "memory://in/a.png"], "is also the input; --overwrite replaces it"),
        (["memory://in/a.png", "memory://in/sub/a.png", "-o", "memory://out"], "would both write memory://out/a.png"),
        (["memory://in/gone.png"], "memory://in/gone.png: no such file or folder"),
        (["memory://in/*.tif"], "memory://in/*.tif: the pattern matches no images"),
        (["memory://empty"], "the folder holds no images, and --recursive would descend into its folders"),
        (["memory://in/a.png", "-o", "https://host/a.png"], "https:// is read alone, and cannot be written"),
        (["nowhere://in/a.png"], "nowhere:// is no scheme that is known here: the extra cloud brings s3://"),
        (["memory://in/a.png", "-o", "nowhere://a.png"], "nowhere:// is no scheme that is known here"),
    ],
)
def test_what_is_refused_before_any_work(arguments, line, memory):
    store("memory://", "in/a.png", "in/sub/a.png", "empty/sub/a.png")
    before = memory.find("/")
    assert line in said(*MAX, *arguments, code=2)
    assert memory.find("/") == before


def test_outputs_of_a_run_before_are_no_inputs(memory):
    store("memory://in", "a.png")
    for _ in range(2):
        said(*MAX, "memory://in", "-r", "-o", "memory://in/small", "--overwrite")
        said(*MAX, "memory://in/**/*.png", "-o", "memory://in/small/", "--overwrite")
    assert memory.find("/in") == ["/in/a.png", "/in/small/a.png"]


def test_a_damaged_file_leaves_nothing_behind(memory, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store("memory://in", "a.png", "b.tif")
    memory.pipe_file("/in/b.tif", memory.cat_file("/in/b.tif")[:150])
    assert "memory://in/b.tif: damaged or unsupported" in said(*MAX, "memory://in", "-o", "memory://out", code=1)
    assert memory.find("/out") == ["/out/a.png"]
    assert not [*tmp_path.iterdir()]


def test_keys_that_lead_out_of_the_folder_are_left_out(memory, tmp_path):
    store("memory://in", "a.png")
    for name in ("/in/../out.png", "/in/sub/../../out.png", "/in//tmp/out.png", "/in/sub//out.png"):
        memory.store[name] = memory.store["/in/a.png"]
    said(*MAX, "memory://in", "-r", "-o", tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*.png")] == ["a.png"]


def test_a_table_goes_to_a_url(memory):
    store("memory://in", "a.png", "b.png")
    said("reduce", "-m", "gmp", "memory://in", "-o", "memory://tables/t.csv")
    rows = memory.cat_file("/tables/t.csv").decode().splitlines()
    assert rows[1] == f"memory://in/a.png,0,{','.join(map(str, noise().max((0, 1))))}"
    assert len(rows) == 3
    assert "exists; --overwrite replaces it" in said(
        "reduce", "-m", "gmp", "memory://in", "-o", "memory://tables/t.csv", code=2
    )


@pytest.mark.parametrize("ending", ["tif", "ome.zarr"])
def test_pyramids(ending, memory, tmp_path, monkeypatch):
    """Their levels are kept on this machine until all are there."""
    monkeypatch.setattr(cache, "root", lambda: tmp_path / "cache")
    store("memory://in", "a.tif")
    step = ("pyramid", "-m", "majority", "--levels", 2, "memory://in/a.tif", "-o")
    said(*step, tmp_path / f"a.{ending}")
    place = "place" if ending == "tif" else "place_folder"
    with monkeypatch.context() as patch:
        patch.setattr(f"poolcli.images.write.{place}", refused)
        line = said(*step, f"memory://out/a.{ending}", code=1)
    assert line == f"error: memory://out/a.{ending}: access is refused: --resume goes on with what is done\n"
    (kept,) = (tmp_path / "cache/levels").iterdir()
    assert sorted(path.name for path in kept.iterdir()) == ["0-1.npy", "0-2.npy", "plan.json"]
    memory.pipe_file("/in/a.tif", memory.cat_file("/in/a.tif"))  # of another time
    assert f"{kept} was begun by another command, or of another image" in said(
        *step, f"memory://out/a.{ending}", "--resume", code=1
    )
    assert f"levels of a run that was ended are made again: --resume goes on with those in {kept}" in said(
        *step, f"memory://out/a.{ending}"
    )
    assert not [*(tmp_path / "cache/levels").iterdir()]
    assert stored(memory, f"/out/a.{ending}") == contents(tmp_path / f"a.{ending}")


def refused(write, target, *more):
    if str(target).startswith("memory:"):
        raise files.WriteError("access is refused", target)
    return files.place(write, target, *more)


def stored(memory, root):
    return {name.removeprefix(root): memory.cat_file(name) for name in memory.find(root)}


def contents(path):
    return {str(file)[len(str(path)) :]: file.read_bytes() for file in (path, *path.rglob("*")) if file.is_file()}


def test_labels_of_an_image_in_a_store(memory, tmp_path):
    store("memory://in", "a.png")
    said("pyramid", "-m", "average", "--levels", 1, "memory://in/a.png", "-o", "memory://out/a.ome.zarr")
    said(
        "pyramid",
        "-m",
        "max",
        "--levels",
        1,
        "memory://in/a.png",
        "-o",
        "memory://out/a.ome.zarr/labels/red",
        "--format",
        "ome.zarr",
    )
    labels = zarr.open_group("memory://out/a.ome.zarr/labels", mode="r")
    assert labels.attrs["ome"]["labels"] == ["red"]
    assert "image-label" in zarr.open_group("memory://out/a.ome.zarr/labels/red", mode="r").attrs["ome"]


def test_indices_and_weights_come_from_urls(memory):
    store("memory://", "a.png")
    said(*MAX, "memory://a.png", "-o", "memory://small.png", "--save-indices", "memory://i.npz")
    said("upsample", "-m", "unpool", "--indices", "memory://i.npz", "memory://small.png", "-o", "memory://large.png")
    large = poolcli.read_image("memory://large.png")[0]
    np.testing.assert_array_equal(large[large > 0], noise()[large > 0])
    assert np.count_nonzero(large) == np.count_nonzero(halved(noise()))
    with files.located("memory://w.npy").open("wb") as file:
        np.save(file, np.full((2, 2), 0.5))
    image = noise().astype(np.float32)
    for value in (0.5, 2.0):  # what is stored anew is read anew
        with files.located("memory://w.npy").open("wb") as file:
            np.save(file, np.full((2, 2), value))
        made = poolcli.upsample(image, "transposed", scale=2, weights="memory://w.npy")
        np.testing.assert_array_equal(made, image.repeat(2, 0).repeat(2, 1) * value)


@pytest.mark.parametrize("memory_given", [[], ["--memory", "1"]])
def test_files_above_the_memory_go_through_a_temporary_one(memory_given, memory, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fetched, download = [], remote.download
    monkeypatch.setattr(remote, "download", lambda path, target: fetched.append(path.name) or download(path, target))
    store("memory://", "a.tif")
    said(*MAX, "memory://a.tif", "-o", "memory://b.tif", *memory_given)
    np.testing.assert_array_equal(poolcli.read_image("memory://b.tif")[0], halved(noise()))
    assert fetched == (["a.tif"] if memory_given else [])
    assert not [*tmp_path.iterdir()]


class Plain(MemoryFileSystem):
    """Shows files while they are written."""

    protocol = "plain"
    store: ClassVar = {}
    pseudo_dirs: ClassVar = [""]
    moved: ClassVar = []

    def mv(self, path1, path2, **options):
        self.moved.append((path1, path2))
        super().mv(path1, path2, **options)

    @classmethod
    def _strip_protocol(cls, path):
        return MemoryFileSystem._strip_protocol(str(path).removeprefix("plain://"))


@pytest.mark.filterwarnings("ignore:UPath 'plain' filesystem not explicitly implemented")
def test_other_stores_get_a_hidden_file_that_is_moved():
    fsspec.register_implementation("plain", Plain, clobber=True)
    poolcli.write_image(noise(), "plain://out/a.png")
    poolcli.write_image(noise(1), "plain://out/a.png", overwrite=True)
    with pytest.raises(ImageError, match="exists"):
        poolcli.write_image(noise(2), "plain://out/a.png")
    assert [target for _, target in Plain.moved] == ["/out/a.png"] * 2
    assert all(source.startswith("/out/.poolcli-") for source, _ in Plain.moved)
    assert Plain().find("/") == ["/out/a.png"]
    np.testing.assert_array_equal(poolcli.read_image("plain://out/a.png")[0], noise(1))


def test_a_store_that_knows_no_condition_is_asked_first(memory, monkeypatch):
    put = MemoryFileSystem.put_file

    def put_always(self, source, key, mode="overwrite", **options):
        if mode == "create":
            raise OSError(errno.ENOSYS, "a header you provided implies functionality that is not implemented")
        put(self, source, key, **options)

    monkeypatch.setattr(MemoryFileSystem, "put_file", put_always)
    poolcli.write_image(noise(), "memory://a.png")
    before = memory.cat_file("/a.png")
    with pytest.raises(FileExistsError):
        remote.upload(__file__, files.located("memory://a.png"), False, "hidden")
    assert memory.cat_file("/a.png") == before


@pytest.mark.parametrize("missing", ["fsspec", "s3fs", "upath"])
def test_without_the_extra_one_line_names_it(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)  # that it was imported before
    line = "s3:// needs packages, and pip install 'poolcli-image[cloud]' brings them\n"
    assert said(*MAX, "s3://bucket/a.png", code=2).endswith(line)
    with pytest.raises(ImageError, match=r"^s3://bucket/a\.png: s3:// needs packages"):
        poolcli.read_image("s3://bucket/a.png")


def test_urls_of_this_machine_are_paths(tmp_path):
    poolcli.write_image(noise(), f"file://{tmp_path}/a.png")
    said(*MAX, f"file://{tmp_path}/a.png")
    np.testing.assert_array_equal(poolcli.read_image(tmp_path / "a_max.png")[0], halved(noise()))
    said(*MAX, f"file://{tmp_path}/*.png", "-o", f"file://{tmp_path}/out/")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "a_max.png"]


def test_fsspec_is_imported_where_a_url_is_given(tmp_path):
    poolcli.write_image(noise(), tmp_path / "a.png")
    code = "import sys; from poolcli.cli import run; run(['downsample', '-m', 'max', 'a.png']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert not {"fsspec", "upath", "s3fs", "aiohttp"} & {*loaded.stdout.split()}
    assert (tmp_path / "a_max.png").exists()


def test_pages_are_read(pages, tmp_path, memory):
    stored, address = pages
    poolcli.write_image(noise(), "memory://a.png")
    stored["/in/a.png"] = memory.cat_file("/a.png")
    stored["/in/"] = b'<a href="a.png">a</a> <a href="../">up</a>'
    np.testing.assert_array_equal(poolcli.read_image(f"{address}/in/a.png")[0], noise())
    for name in ("in/a.png", "in/a.png?key=a/b.tif", "in/"):
        said(*MAX, f"{address}/{name}", "-o", f"{tmp_path}/out/", "--overwrite")
        np.testing.assert_array_equal(poolcli.read_image(tmp_path / "out/a.png")[0], halved(noise()))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    ("name", "error"),
    [("gone.png", "no such file"), ("403", "access is refused: 403 Forbidden"), ("500", "500 Internal Server Error")],
)
def test_pages_that_there_are_not(name, error, pages, tmp_path):
    (tmp_path / "list").write_text(f"{pages[1]}/{name}\n")
    line = said(*MAX, "--files-from", tmp_path / "list", "-o", tmp_path / "out", code=1)
    assert line == f"error: {pages[1]}/{name}: {error}\n"


def test_a_bucket_is_read_and_written(bucket):
    """As a process, which must end although a thread of the store's own is at work."""
    store("s3://bucket/in", "a.png", "sub/b.png", "sub/c d.tif")
    result = process(*MAX, "s3://bucket/in", "-r", "-o", "s3://bucket/out")
    assert (result.returncode, result.stderr) == (0, "3 written\n")
    assert bucket.find("bucket/out") == ["bucket/out/a.png", "bucket/out/sub/b.png", "bucket/out/sub/c d.tif"]
    for seed, name in enumerate(("a.png", "sub/b.png", "sub/c d.tif")):
        np.testing.assert_array_equal(poolcli.read_image(f"s3://bucket/out/{name}")[0], halved(noise(seed)))
    assert bucket.info("bucket/out/a.png", refresh=True)["ContentType"] == "image/png"
    again = process(*MAX, "s3://bucket/in", "-r", "-o", "s3://bucket/out")
    assert (again.returncode, again.stderr.count("exists; --overwrite replaces it")) == (1, 3)
    assert process(*MAX, "s3://bucket/in", "-r", "-o", "s3://bucket/out", "--skip-existing").returncode == 0


def test_a_pattern_and_a_table_of_a_bucket(bucket):
    store("s3://bucket", "a.png", "b.png", "c.tif")
    said(*MAX, "s3://bucket/*.png", "-o", "s3://bucket/small/")
    assert bucket.ls("bucket/small", detail=False) == ["bucket/small/a.png", "bucket/small/b.png"]
    said("reduce", "-m", "gap", "s3://bucket", "-o", "s3://bucket/t.csv")
    assert bucket.cat_file("bucket/t.csv").count(b"\n") == 4


def test_a_refused_file_is_its_own_failure(bucket):
    store("s3://bucket/in", "a.png", "secret.png")
    bucket.call_s3("put_bucket_policy", Bucket="bucket", Policy=DENIAL)
    try:
        line = said(*MAX, "s3://bucket/in", "-o", "s3://bucket/out", code=1)
        alone = said(*MAX, "s3://bucket/in/secret.png", "-o", "s3://bucket/out/", code=1)
    finally:
        bucket.call_s3("delete_bucket_policy", Bucket="bucket")
    assert line.startswith("error: s3://bucket/in/secret.png: access is refused: ")
    assert alone.startswith("error: s3://bucket/in/secret.png: access is refused: ")
    assert bucket.find("bucket/out") == ["bucket/out/a.png"]


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["s3://bucket/gone.png"], 2, "s3://bucket/gone.png: no such file or folder"),
        (["s3://nobucket/a.png"], 2, "s3://nobucket/a.png: no such bucket"),
        (["s3://nobucket/"], 2, "s3://nobucket/: no such bucket"),
        (["s3://bucket/a.png", "-o", "s3://nobucket/a.png"], 2, "s3://nobucket/a.png: no such bucket"),
        (["s3://bucket/a.png", "-o", "s3://nobucket/in/"], 2, "s3://nobucket/in: no such bucket"),
    ],
)
def test_what_there_is_not_in_a_store(arguments, code, line, bucket):
    store("s3://bucket", "a.png")
    assert line in said(*MAX, *arguments, code=code)
    assert bucket.find("bucket") == ["bucket/a.png"]


def test_a_file_that_appears_meanwhile_stays(bucket):
    """The store itself refuses to replace it: nobody looks again."""
    bucket.pipe_file("bucket/a.png", b"of another process")
    source = files.located("s3://bucket/a.png")
    with pytest.raises(FileExistsError, match="exists"):
        remote.upload(__file__, source, False, "hidden")
    assert bucket.cat_file("bucket/a.png") == b"of another process"


def test_a_store_that_cannot_be_reached(elsewhere, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    elsewhere("http://127.0.0.1:1")
    line = said(*MAX, "s3://bucket/a.png", code=2)
    assert line.count("\n") == 4  # how the command is used, and one that tells of the error
    assert "s3://bucket/a.png: cannot be reached: Could not connect" in line


def test_a_store_that_does_not_answer(elsewhere, monkeypatch):
    """Its own package would wait, and try again, for minutes."""
    monkeypatch.setattr(remote, "PATIENCE", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        elsewhere(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ImageError, match="cannot be reached: no answer in time"):
            poolcli.read_image("s3://bucket/a.png")


def test_a_zarr_in_a_bucket_is_read_by_its_chunks_and_written(bucket, tmp_path):
    image = noise(0, (3, 100, 80))
    poolcli.write_image(image[0], tmp_path / "a.zarr")
    array = zarr.create_array("s3://bucket/in/a.zarr", shape=image.shape, chunks=(1, 32, 32), dtype="uint8")
    array[...] = image
    result = process(*MAX, "s3://bucket/in/a.zarr", "-o", "s3://bucket/out/b.zarr")
    assert (result.returncode, result.stderr.splitlines()[-1:]) == (0, [])
    made = zarr.open_array("s3://bucket/out/b.zarr", mode="r")
    assert made.chunks == (1, 32, 32)
    expected = image.reshape(3, 50, 2, 40, 2).max((2, 4))
    np.testing.assert_array_equal(made[...], expected)
    line = said(*MAX, "s3://bucket/in/a.zarr", "-o", "s3://bucket/out/b.zarr", code=1)
    assert line.startswith("error: s3://bucket/out/b.zarr: exists; --overwrite replaces it")
    said(*MAX, "s3://bucket/in/a.zarr", "-o", "s3://bucket/out/b.zarr", "--overwrite")
    said(*MAX, "s3://bucket/in/a.zarr", "-o", tmp_path / "b.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), expected)
    bucket.rm("bucket/in/a.zarr/zarr.json")
    bucket.invalidate_cache()
    line = said(*MAX, "s3://bucket/in/a.zarr", "-o", "s3://bucket/out/c.zarr", code=1)
    assert line == "error: s3://bucket/in/a.zarr: a folder without zarr.json, .zarray, .zgroup is no image\n"
