"""Saving: what goes in comes out; what is damaged or hostile is refused and changes nothing."""

import io
import os
import zipfile

import numpy as np
import pytest

from autograd_lite import Tensor, nn, optim, saving
from autograd_lite.errors import OperandError

FORMATS = [".npz", ".safetensors"]


@pytest.fixture(params=FORMATS)
def path(request, tmp_path):
    if request.param == ".safetensors":
        pytest.importorskip("safetensors")
    return tmp_path / f"model{request.param}"


def model(seed=0):
    return nn.Sequential(nn.Dense(3, 4, seed=seed), nn.BatchNorm1d(4), np.tanh, nn.Dense(4, 2, seed=seed))


def test_a_model_goes_round(path):
    one, two = model(0), model(1)
    one(np.random.default_rng(0).standard_normal((5, 3)))
    saving.save(path, one.state_dict())
    two.load_state_dict(saving.load(path))
    for name, value in one.state_dict().items():
        np.testing.assert_array_equal(two.state_dict()[name], value)
    assert os.listdir(path.parent) == [path.name]


def test_other_programs_read_a_plain_dict(tmp_path):
    saving.save(tmp_path / "m.npz", {"0.weight": np.eye(2)})
    with np.load(tmp_path / "m.npz") as file:
        assert list(file) == ["0.weight"]
    np.savez(tmp_path / "theirs.npz", a=np.asfortranarray(np.arange(6).reshape(2, 3)), b=np.array(2.5, ">f4"))
    read = saving.load(tmp_path / "theirs.npz")
    assert read["a"].tolist() == [[0, 1, 2], [3, 4, 5]] and read["b"] == 2.5 and read["b"].dtype == np.float32


def test_a_nested_structure_goes_round(path):
    state = {
        "optimizer": {"state": {0: {"step": 3, "sum": np.arange(3.0)}}, "betas": (0.9, 0.999)},
        "seed": 2**127 + 1,
        "empty": {},
        "list": [None, True, "text", float("inf"), np.array(1.5, np.float32), Tensor([1.0])],
    }
    saving.save(path, state)
    read = saving.load(path)
    assert read["optimizer"]["betas"] == (0.9, 0.999)
    assert read["seed"] == 2**127 + 1 and read["empty"] == {}
    np.testing.assert_array_equal(read["optimizer"]["state"][0]["sum"], np.arange(3.0))
    assert read["list"][:4] == [None, True, "text", float("inf")]
    assert read["list"][4].dtype == np.float32 and read["list"][4].shape == ()


def test_any_name_and_kind_of_number_goes_round(tmp_path):
    state = {
        "file": np.array([1j]),
        "allow_pickle": np.zeros((0, 2), np.int8),
        "a.npy": np.array(True),
        "ü/x": np.float16([2]),
    }
    saving.save(tmp_path / "m.npz", state)
    read = saving.load(tmp_path / "m.npz")
    assert list(read) == list(state)
    for name, value in state.items():
        np.testing.assert_array_equal(read[name], value)
        assert read[name].dtype == value.dtype
        read[name][...] = 0  # what was read can be changed


def test_a_file_name_may_be_as_long_as_the_system_allows(tmp_path):
    path = tmp_path / f"{'x' * 251}.npz"
    saving.save(path, {"a": np.ones(2)})
    assert saving.load(path)["a"].tolist() == [1, 1]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_what_safetensors_cannot_hold_is_said(tmp_path):
    pytest.importorskip("safetensors")
    with pytest.raises(OperandError, match=r"file has dtype complex128, which \.safetensors does not know"):
        saving.save(tmp_path / "m.safetensors", {"file": np.array([1j])})


def test_an_optimizer_goes_round(path):
    w = Tensor([1.0, 2.0], requires_grad=True)
    optimizer, other = optim.Adam([w]), optim.Adam([w], lr=1.0)
    w.grad = np.ones(2)
    optimizer.step()
    saving.save(path, optimizer.state_dict())
    other.load_state_dict(saving.load(path))
    assert other.param_groups[0]["lr"] == 1e-3
    assert other.state_dict()["state"][0]["sum"].tolist() == [1.0, 1.0]


def test_every_truncation_is_an_error(path):
    saving.save(path, {"w": np.arange(10.0), "more": [1, np.ones(3)]})
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(saving.FileError, match="save it again"):
            saving.load(path)


def test_damage_is_an_error_or_leaves_the_numbers_alone(path):
    saving.save(path, {"w": np.arange(10.0), "more": [1, np.ones(3)]})
    whole = path.read_bytes()
    refused = 0
    for position in range(0, len(whole), 5):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        try:
            read = saving.load(path)
        except saving.FileError:
            refused += 1
        else:
            assert isinstance(read, dict)
    assert refused > 10


def with_members(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def npy(array, **changed):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=True)
    content = file.getvalue()
    for old, new in changed.values():
        content = content.replace(old, new)
    return content


def test_hostile_npz_files_are_refused(tmp_path):
    path = tmp_path / "hostile.npz"
    huge = npy(np.zeros(3), shape=(b"(3,), }         ", b"(3000000000000,)}"[:16]))
    for members, message in [
        ({"a.npy": npy(np.array([print], dtype=object))}, "dtype object, not numbers"),
        ({"a.npy": npy(np.zeros(3)).replace(b"(3,)", b"(9,)")}, "does not fill its"),
        ({"a.npy": huge}, "save it again"),
        ({"a.npy": b"import os"}, "save it again"),
        ({"__structure__.npy": npy(np.frombuffer(b"[" * 100_000, np.uint8))}, "structure in .* is damaged"),
        ({"__structure__.npy": npy(np.frombuffer(b'{"array": "gone"}', np.uint8))}, "structure in .* is damaged"),
        ({"__structure__.npy": npy(np.frombuffer(b'{"exec": []}', np.uint8))}, "structure in .* is damaged"),
        ({"__structure__.npy": npy(np.frombuffer(b"\xff", np.uint8))}, "structure in .* is damaged"),
    ]:
        with_members(path, members)
        with pytest.raises(saving.FileError, match=message):
            saving.load(path)
    with_members(path, {"bomb.npy": npy(np.zeros(1 << 20))})
    assert path.stat().st_size < 1 << 20
    with pytest.raises(saving.FileError, match="raise max_bytes"):
        saving.load(path, max_bytes=1 << 20)


def test_what_cannot_be_saved_is_named_and_the_old_file_stays(path):
    saving.save(path, {"w": np.ones(1)})
    for state, message in [
        ({"a": {"b": print}}, "a/b is a builtin_function_or_method"),
        ({"a": np.array(["x"])}, "a has dtype <U1"),
        ({(1, 2): 1}, "neither a string nor an integer"),
        ({"a": {"b": np.ones(1)}, "a/b": np.ones(1)}, "both be called 'a/b'"),
    ]:
        with pytest.raises(OperandError, match=message):
            saving.save(path, state)
    assert saving.load(path)["w"].tolist() == [1.0]
    for call in (lambda: saving.save("model.pkl", {}), lambda: saving.load("model.pt")):
        with pytest.raises(OperandError, match=r"name the format, \.npz or \.safetensors"):
            call()
    with pytest.raises(FileNotFoundError):
        saving.load(path.with_name(f"gone{path.suffix}"))


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "f.npz"
    path.write_bytes(b"old")

    def fail(file):
        file.write(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        saving.replace_file(path, fail)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["f.npz"]


def test_a_name_that_the_file_would_change_is_refused(path):
    for name in ("a\0b", "a\ud800"):
        with pytest.raises(OperandError, match="cannot be the name of an array"):
            saving.save(path, {name: np.ones(1)})
        assert not path.exists()


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_archives_that_numpy_does_not_write_are_refused(tmp_path, method):
    content = io.BytesIO()
    np.save(content, np.ones(3))
    with zipfile.ZipFile(tmp_path / "model.npz", "w", method) as archive:
        archive.writestr("a.npy", content.getvalue())
    with pytest.raises(saving.FileError, match="a method that NumPy does not use"):
        saving.load(tmp_path / "model.npz")


@pytest.mark.parametrize("header", ["-" * 9000 + "1", "[" * 3000, "{[]: 1}"])
def test_a_header_that_exhausts_its_parser_is_refused(tmp_path, header):
    line = header.encode() + b"\n"
    with zipfile.ZipFile(tmp_path / "model.npz", "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + len(line).to_bytes(2, "little") + line)
    with pytest.raises(saving.FileError, match="damaged"):
        saving.load(tmp_path / "model.npz")


def test_numbers_that_safetensors_does_not_know_are_refused(tmp_path):
    pytest.importorskip("safetensors")
    for dtype in (np.complex128, np.longdouble):
        if np.dtype(dtype).itemsize > 8:
            with pytest.raises(OperandError, match=r"which \.safetensors does not know; use \.npz"):
                saving.save(tmp_path / "model.safetensors", {"a": np.ones(2, dtype)})


def test_a_folder_that_is_not_there_is_named_itself(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no such folder; make it first: '.*/nowhere'"):
        saving.save(tmp_path / "nowhere" / "model.npz", {})


@pytest.mark.parametrize("first", [{"w": np.ones(2)}, [1.0], nn.Dense(1, 1, seed=0), None])
def test_a_state_in_the_place_of_the_path_is_refused(tmp_path, first):
    kind = type(first).__name__
    with pytest.raises(OperandError, match=rf"save: the path is a {kind}; it is what comes first, save\(path, state\)"):
        saving.save(first, tmp_path / "x.npz")
    with pytest.raises(OperandError, match=rf"load: the path is a {kind}; it is what comes first, load\(path\)"):
        saving.load(first)
    assert not list(tmp_path.iterdir())


def test_a_model_in_the_place_of_its_state_is_refused(tmp_path):
    with pytest.raises(OperandError, match=r"save: the state is a Dense; save its state_dict\(\)"):
        saving.save(tmp_path / "x.npz", nn.Dense(1, 1, seed=0))
