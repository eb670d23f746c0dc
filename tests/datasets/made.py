"""Tiny files in the official formats, made by code that shares nothing with the readers."""

import gzip
import io
import struct
import tarfile
from pathlib import Path

import numpy as np

IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def pictures(count: int, shape: tuple[int, ...], classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random pictures with classes in turn, so that there are as many of each."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, *shape)).astype(np.uint8), (np.arange(count) % classes).astype(np.uint8)


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + b"".join(struct.pack(">I", size) for size in array.shape) + array.tobytes()


def mnist_files(*, count: int = 40, test: int = 20, seed: int = 0) -> dict[str, bytes]:
    x, y = pictures(count, (28, 28), 10, seed)
    test_x, test_y = pictures(test, (28, 28), 10, seed + 1)
    return dict(zip(IDX, (idx(x), idx(y), idx(test_x), idx(test_y)), strict=True))


def cifar_records(x: np.ndarray, *labels: np.ndarray) -> bytes:
    return b"".join(bytes(label[k] for label in labels) + np.asarray(picture).tobytes() for k, picture in enumerate(x))


def cifar10_batches() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    names = [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]
    return {name: pictures(10, (3, 32, 32), 10, seed) for seed, name in enumerate(names)}


def cifar100_batches() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {"train": pictures(200, (3, 32, 32), 100, 0), "test": pictures(100, (3, 32, 32), 100, 1)}


def python2_pickle(x: np.ndarray, labels: np.ndarray, key: str) -> bytes:
    """A batch as Python 2 wrote it: protocol 2, texts as bytes, the array by `_reconstruct` and a state."""

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value + b"q\x01"

    def number(value: int) -> bytes:
        if 0 <= value < 256:
            return b"K" + bytes([value])
        return b"M" + struct.pack("<H", value) if 0 <= value < 65536 else b"J" + struct.pack("<i", value)

    flat = x.reshape(len(x), -1)
    dtype = b"cnumpy\ndtype\nq\x02" + text(b"u1") + b"K\x00K\x01\x87R" + b"(K\x03" + text(b"|")
    dtype += b"NNN" + number(-1) * 2 + b"K\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85" + text(b"b") + b"\x87R"
    array += b"(K\x01" + number(flat.shape[0]) + number(flat.shape[1]) + b"\x86" + dtype + b"\x89"
    array += b"T" + struct.pack("<i", flat.size) + flat.tobytes() + b"tb"
    listed = b"](" + b"".join(number(int(label)) for label in labels) + b"e"
    entries = text(b"batch_label") + text(b"training batch 1 of 5") + text(key.encode()) + listed + text(b"data") + array
    return b"\x80\x02}q\x00(" + entries + b"u."


def write(folder: Path, files: dict[str, bytes], *, packed: bool = False) -> Path:
    """Write files; packed by gzip, with its ending, if asked for."""
    for name, data in files.items():
        path = folder / (name + ".gz" if packed else name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data, mtime=0) if packed else data)
    return folder


def tar(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode=mode) as opened:  # pyright: ignore[reportCallIssue, reportArgumentType]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            opened.addfile(member, io.BytesIO(data))
    return written.getvalue()


def reviews(count: int = 6) -> dict[str, bytes]:
    """Reviews in which `good` and `bad` tell the sentiment, and a word of their own tells the part."""
    made = {"aclImdb/README": b"about", "aclImdb/train/unsup/0_0.txt": b"unlabelled words"}
    for part in ("train", "test"):
        for label, word in (("neg", "bad"), ("pos", "good")):
            for k in range(count):
                text = f"A {word} film.<br /><br />{part}only film{k}, caf\u00e9"
                made[f"aclImdb/{part}/{label}/{k}_{9 if label == 'pos' else 1}.txt"] = text.encode()
    return made
