"""Good sealed files, and files that are damaged in every way that was thought of, the same ones for the same seed."""

import io
import json
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from onward import graphs
from onward.files import packing, sealed
from onward.nets import saved
from onward.nets.mesh import MeshNet

METADATA = "__metadata__"


def good(folder: Path) -> list[bytes]:
    """Write some good files; give their bytes."""
    generator = torch.Generator().manual_seed(0)
    nets = [MeshNet(graphs.mesh(2, 3, 2), 3, generator=generator) for _ in range(2)]
    optimiser = torch.optim.Adam(nets[0].parameters())
    nets[0](torch.ones(1, 2)).sum().backward()
    optimiser.step()
    skeleton, state = packing.pack(optimiser.state_dict())
    mixed = {
        "none": torch.empty(0, 3),
        "one": torch.tensor(7),
        "half": torch.randn(5, generator=generator).half(),
        "brain": torch.randn(2, 3, generator=generator).bfloat16(),
        "truth": torch.tensor([True, False, True]),
        "left": torch.randn(4, 2, generator=generator),
        "right": torch.randn(4, 2, generator=generator),
    }
    contents = [
        saved.parts(nets[0]),
        saved.parts(MeshNet.stack(nets)),
        (state, {"skeleton": skeleton}),
        (mixed, {"note": 'a "quoted" \\ text, with umlauts äöü', "numbers": [1, -2.5, 1e300, None, True]}),
    ]
    for k, (tensors, configuration) in enumerate(contents):
        sealed.write(folder / f"good-{k}", "model", tensors, configuration)
    return [(folder / f"good-{k}").read_bytes() for k in range(len(contents))]


def parted(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Part a file into its header and the bytes behind."""
    behind = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:behind]), data[behind:]


def joined(header: bytes | dict[str, Any], body: bytes) -> bytes:
    """Make a file of a header and the bytes behind."""
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    return len(text).to_bytes(8, "little") + text + body


def truncated(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data))]


def flipped_in_header(data: bytes, dice: random.Random) -> bytes:
    return _flipped(data, dice, 0, len(data) - len(parted(data)[1]))


def flipped_in_body(data: bytes, dice: random.Random) -> bytes:
    return _flipped(data, dice, len(data) - len(parted(data)[1]), len(data))


def _flipped(data: bytes, dice: random.Random, start: int, stop: int) -> bytes:
    changed = bytearray(data)
    for bit in dice.sample(range(8 * start, 8 * stop), dice.choice((1, 1, 2, 5))):
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def overwritten(data: bytes, dice: random.Random) -> bytes:
    at, count = dice.randrange(len(data)), dice.randrange(1, 600)
    return data[:at] + dice.choice((bytes(count), dice.randbytes(count)))[: len(data) - at] + data[at + count :]


def grown(data: bytes, dice: random.Random) -> bytes:
    at = dice.choice((len(data), dice.randrange(len(data))))
    return data[:at] + dice.choice((b"\0", b" ", b"\n", dice.randbytes(dice.randrange(1, 99)))) + data[at:]


def swapped_tensors(data: bytes, dice: random.Random) -> bytes:
    return _swapped(data, dice, whole=False)


def swapped_names(data: bytes, dice: random.Random) -> bytes:
    return _swapped(data, dice, whole=True)


def _swapped(data: bytes, dice: random.Random, *, whole: bool) -> bytes:
    header, body = parted(data)
    one, two = dice.sample([name for name in header if name != METADATA], 2)
    if whole:
        header[one], header[two] = header[two], header[one]
    else:
        header[one]["data_offsets"], header[two]["data_offsets"] = header[two]["data_offsets"], header[one]["data_offsets"]
    return joined(header, body)


def misshapen(data: bytes, dice: random.Random) -> bytes:
    header, body = parted(data)
    entry = header[dice.choice([name for name in header if name != METADATA])]
    key = dice.choice(("dtype", "shape", "shape", "data_offsets"))
    shape, (start, stop) = entry["shape"], entry["data_offsets"]
    choices: dict[str, list[Any]] = {
        "dtype": ["F32", "I32", "F64", "I64", "U8", "BOOL", "F8_E4M3", "F128", "", None, 3, ["F32"]],
        "shape": [
            shape[::-1], [*shape, 1], [1, *shape], shape[1:], [0], [-1, *shape], [-2, -2], [2**62, 4], [2**64], [10**4000],
            [0, 10**18, 10**18, 10**18], [1] * 200, [1.0], [True], ["4"], None, 4, "4", {}, [[4]], [1e300],
        ],
        "data_offsets": [
            [start - 1, stop], [start, stop + 1], [start + 1, stop], [-4, stop], [stop, start], [start, 10**30], [start],
            [start, stop, stop], [0, 4], [0, stop], [float(start), stop], [True, stop], None, "0", [2**63, 2**63 + 4], [],
        ],
    }  # fmt: skip
    entry[key] = dice.choice(choices[key])
    return joined(header, body)


def other_metadata(data: bytes, dice: random.Random) -> bytes:
    header, body = parted(data)
    metadata = header[METADATA]
    key = dice.choice(list(metadata))
    values = [
        "",
        "0",
        "2",
        "3",
        "99",
        "1 ",
        "01",
        "+1",
        "-1",
        "x",
        "²",
        "9" * 5000,
        "NaN",
        "{}",
        "null",
        "[" * 5000,
        "{" * 5000,
    ]
    match dice.randrange(6):
        case 0:
            del metadata[key]
        case 1:
            metadata[key] = dice.choice([None, 1, [], {}, True])
        case 2:
            metadata["onward.more"] = "more"
        case 3:
            header[METADATA] = dice.choice([None, [], "x", {}, {"onward.format": "2"}])
        case 4:
            configuration = (
                ' {"a":NaN}',
                '{"a":1e999}',
                '{"a":1,"a":2}',
                '{"a": 1}',
                '{"b":1,"a":2}',
                '"\\ud800"',
                "{}",
                "[]",
            )
            metadata["onward.configuration"] = dice.choice(configuration)
        case _:
            metadata[key] = dice.choice(values)
    return joined(header, body)


def rewritten(data: bytes, dice: random.Random) -> bytes:
    """Say the same in other bytes, or nearly the same in nearly the same."""
    header, body = parted(data)
    text = json.dumps(header, separators=(",", ":"))
    name = dice.choice(list(header))
    match dice.randrange(6):
        case 0:
            return joined(json.dumps(header, indent=dice.choice((None, 0, 1))).encode(), body)
        case 1:
            return joined(dict(dice.sample(list(header.items()), len(header))), body)
        case 2:
            return joined((text + dice.choice((" " * 8, "\n", "\t" * 16))).encode(), body)
        case 3:
            return joined(text.replace(f'"{name}"', f'"\\u{ord(name[0]):04x}{name[1:]}"', 1).encode(), body)
        case 4:
            twice = f'"{name}":{json.dumps(header[name], separators=(",", ":"))}'
            return joined(text.replace(twice, f"{twice},{twice}", 1).encode(), body)
        case _:
            metadata = {**header[METADATA], dice.choice(("note", "onward.note")): "x"}
            return safetensors.torch.save(safetensors.torch.load(data), metadata)


class Malicious:
    """What a pickle can do to whoever loads it: here, make a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return open, (str(self.marker), "w")


def foreign(marker: Path) -> list[bytes]:
    """Make files of other programs; the pickles among them make the marker file when loaded."""
    import pickle

    archive, torches = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("data.pkl", pickle.dumps(Malicious(marker)))
    torch.save({"weight": torch.ones(3), "more": Malicious(marker)}, torches)
    pickles = [pickle.dumps(Malicious(marker), protocol) for protocol in range(6)]
    return [
        *pickles,
        archive.getvalue(),
        torches.getvalue(),
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"",
        b"\n",
        b"weights: 1 2 3\n" * 50,
        b'{"weight": [1, 2, 3]}',
        bytes(8),
        bytes(5000),
        b"\xff" * 5000,
        (2).to_bytes(8, "little") + b"{}",
        safetensors.torch.save({"weight": torch.ones(3)}),
        safetensors.torch.save({"weight": torch.ones(3)}, {"format": "pt"}),
        safetensors.torch.save({}, {"onward": "1"}),
    ]


def hostile() -> list[bytes]:
    """Make headers that are meant to break a reader, or to exhaust it."""
    deep, wide, most = 100_000, 4_000_000, 2**24
    entry = b'{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
    start = b'{"__metadata__":{"onward.format":"1","onward.kind":"model","onward.sha256":"0","onward.configuration":'
    texts = [
        b"[" * deep, b'{"a":' * deep, start + b"[" * deep, start + b'"' + b"[" * deep + b'"}}',
        b"[" * deep + b"]" * deep, b'{"a":' * deep + b"1" + b"}" * deep, b"[" + b"[]," * wide + b"[]]",
        start + b'"[' + b"[]," * wide + b'[]]"}}', start + b'"[' + b"{}," * wide + b'{}]"}}', b'{"a":[' + b"1," * wide + b"1]}",
        b'{"a":"' + b"x" * (most - 100) + b'"}', start + b'"{' + b"\\u005b]," * 1_000_000 + b'"}}',
        b'{"a":' + b"9" * 1_000_000 + b"}", b'{"a":-' + b"9" * 5000 + b"}", b'{"a":1e999999999}', b'{"a":NaN}', b'{"a":Infinity}',
        b'{"a":' + entry + b',"a":' + entry + b"}", start + b'"{}"},"__metadata__":{}}', b"\xff\xfe\xfd\xfc" * 10,
        b'{"\xff\xfe":' + entry + b"}", b'{"\xc3\xa9":' + entry + b"}", b'\xef\xbb\xbf{"a":' + entry + b"}",
        b'{"\\ud800":' + entry + b"}", start + b'"{\\"a\\":\\"\\\\ud800\\"}"}}', b"null", b"[]", b'"text"', b"1", b"{", b"{}}", b"{} {}",
        start + b'"{}"},"a":null}', start + b'"{}"},"a":[]}', start + b'"{}"},"a":{"dtype":"F32"}}', start + b'"{}"},"":{}}',
        start + b'"{}"},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"more":1}}',
        start + b'"{}"},"a":' + entry + b',"b":' + entry + b"}",
        start + b'"{}"},"a":{"dtype":"F32","shape":[268435456,1024],"data_offsets":[0,1099511627776]}}',
        start + b'"{}"},"a":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}}',
    ]  # fmt: skip
    lengths = [0, 1, 2**24 + 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1, 2**63, 2**64 - 1]
    return [
        *(joined(text, bytes(4)) for text in texts),
        *(struct.pack("<Q", length) + b'{"__metadata__":{}}' for length in lengths),
    ]


def exhausting() -> list[bytes]:
    """Make headers that are as much as a reader takes, or more."""
    texts = (b"[]," * 5_000_000, b"{}," * 499_000, b'"%s",' % (b"x" * 30) * 490_000)
    return [joined(b'{"a":[' + text + b"1]}", b"") for text in texts]


WAYS = (
    truncated, flipped_in_header, flipped_in_body, overwritten, grown, swapped_tensors, swapped_names, misshapen,
    other_metadata, rewritten,
)  # fmt: skip


def damaged(files: list[bytes], marker: Path, count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Give `count` damaged files, each with the way it came about; none is one of the good files."""
    dice = random.Random(seed)  # noqa: S311
    made = 0
    for way, data in (*(("foreign", data) for data in foreign(marker)), *(("hostile", data) for data in hostile())):
        yield way, data
        made += 1
    while made < count:
        way = WAYS[made % len(WAYS)]
        data = way(dice.choice(files), dice)
        if data not in files:
            yield way.__name__, data
            made += 1
