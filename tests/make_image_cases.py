"""Write picture files and what Pillow makes of them, for tests/media.c:  make_image_cases.py FOLDER

cases.txt has one case a line; names are files of the folder, .rgba files are raw [height][width][4]:
    decode FILE WIDTH HEIGHT EXPECTED.rgba TOLERANCE
    refuse FILE
    resize INPUT.rgba WIDTH HEIGHT FILTER OUT_WIDTH OUT_HEIGHT EXPECTED.rgba
    tensor INPUT.rgba WIDTH HEIGHT NAME EXPECTED.f32        (NAME: a row of the table in tests/media.c)
"""
import io
import os
import struct
import sys

import numpy as np
from PIL import Image

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "nearest": Image.NEAREST, "box": Image.BOX, "lanczos": Image.LANCZOS}
folder = sys.argv[1]
lines = []


def put(name, data):
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)
    return name


def raw(name, image):
    return put(name, np.asarray(image.convert("RGBA"), np.uint8).tobytes())


def photo(width, height, seed=1):
    """Slopes, edges and noise: what a resampler can get wrong."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(float)
    v = np.stack([x / max(1, width - 1), y / max(1, height - 1), (np.sin(x / 3) * np.cos(y / 5) + 1) / 2], -1) * 255
    v[height // 4: height // 2, width // 3: width // 2] = (255, 0, 255)
    v += rng.normal(0, 25, v.shape)
    return Image.fromarray(np.clip(v, 0, 255).astype(np.uint8), "RGB")


def with_alpha(image, seed=2):
    a = np.random.default_rng(seed).integers(0, 256, (image.height, image.width), np.uint8)
    a[: image.height // 3] = 255
    a[-image.height // 4:] = 0
    out = image.copy()
    out.putalpha(Image.fromarray(a, "L"))
    return out


def encode(image, fmt, **how):
    f = io.BytesIO()
    image.save(f, fmt, **how)
    return f.getvalue()


def decode_case(name, data, tolerance=0, expected=None):
    put(name, data)
    image = expected if expected is not None else Image.open(io.BytesIO(data))
    rgba = raw(name + ".rgba", image)
    lines.append(f"decode {name} {image.width} {image.height} {rgba} {tolerance}")


def refuse_case(name, data):
    put(name, data)
    lines.append(f"refuse {name}")


def exif_of(orientation):
    e = Image.Exif()
    e[0x0112] = orientation
    return e.tobytes()


def upright(image, orientation):
    turn = {2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM, 5: Image.TRANSPOSE,
            6: Image.ROTATE_270, 7: Image.TRANSVERSE, 8: Image.ROTATE_90}
    return image.transpose(turn[orientation]) if orientation in turn else image


def jpegs():
    p = photo(97, 61)
    for name, image, how in [("plain", p, {}), ("q30", p, {"quality": 30}), ("444", p, {"subsampling": 0}),
                             ("progressive", p, {"progressive": True}), ("grey", p.convert("L"), {})]:
        decode_case(f"{name}.jpg", encode(image, "JPEG", **how))
    decode_case("cmyk.jpg", encode(p.convert("CMYK"), "JPEG"), 1)
    for o in range(1, 9):
        data = encode(p, "JPEG", exif=exif_of(o))
        decode_case(f"exif{o}.jpg", data, 0, upright(Image.open(io.BytesIO(data)), o))


def pngs():
    p = photo(61, 43, 3)
    rgba = with_alpha(p)
    for name, image in [("rgb", p), ("rgba", rgba), ("grey", p.convert("L")), ("la", rgba.convert("LA")), ("one", p.convert("1")),
                        ("pal", p.quantize(200)), ("pal4", p.quantize(13)), ("pal1", p.quantize(2))]:
        decode_case(f"{name}.png", encode(image, "PNG"))
    decode_case("trns.png", encode(p.quantize(20), "PNG", transparency=3))
    decode_case("exif6.png", encode(p, "PNG", exif=exif_of(6)), 0, upright(p, 6))
    sixteen = np.random.default_rng(4).integers(0, 65536, (43, 61)).astype(np.uint16)
    eight = Image.fromarray(((sixteen.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8), "L")
    decode_case("grey16.png", encode(Image.fromarray(sixteen), "PNG"), 1, eight)
    decode_case("interlaced.png", interlaced_png(p), 0, p)


def interlaced_png(image):
    import zlib
    v = np.asarray(image)
    body = b""
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        for row in v[y0::dy, x0::dx]:
            body += b"\0" + row.tobytes()

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def webps():
    p = photo(53, 38, 5)
    decode_case("lossy.webp", encode(p, "WEBP", quality=70))
    decode_case("lossless.webp", encode(p, "WEBP", lossless=True), 0, p)
    decode_case("alpha.webp", encode(with_alpha(p), "WEBP", lossless=True, exact=True), 0, with_alpha(p))
    decode_case("exif8.webp", encode(p, "WEBP", lossless=True, exif=exif_of(8)), 0, upright(p, 8))
    f = io.BytesIO()
    p.save(f, "WEBP", save_all=True, append_images=[photo(53, 38, 6)], lossless=True)
    decode_case("frames.webp", f.getvalue(), 0, p)


def bmp(width, height, bits, rows, palette=b"", compression=0, masks=b"", head=40, colors=0):
    info = struct.pack("<IiiHHIIiiII", head, width, height, 1, bits, compression, len(rows), 2835, 2835, colors, 0)
    if head == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    info += masks
    info += b"\0" * (head - len(info))
    at = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<IHHI", at + len(rows), 0, 0, at) + info + palette + rows


def packed_rows(values, bits):
    out = b""
    for row in values[::-1]:
        n = (len(row) * bits + 31) // 32 * 4
        word = "".join(format(int(v), f"0{bits}b") for v in row)
        out += int(word.ljust(n * 8, "0"), 2).to_bytes(n, "big")
    return out


def bmps():
    p = photo(37, 21, 7)
    rgb = np.asarray(p).astype(np.uint32)
    decode_case("rgb24.bmp", encode(p, "BMP"), 0, p)
    decode_case("pal8.bmp", encode(p.quantize(100), "BMP"))
    decode_case("one.bmp", encode(p.convert("1"), "BMP"))
    rng = np.random.default_rng(8)
    for bits, head in [(1, 12), (4, 40), (4, 12), (8, 12)]:
        n = 1 << bits
        colours = rng.integers(0, 256, (n, 3), np.uint8)
        index = rng.integers(0, n, (21, 37))
        entries = b"".join(bytes(c[::-1]) + (b"\0" if head != 12 else b"") for c in colours)
        decode_case(f"pal{bits}h{head}.bmp", bmp(37, 21, bits, packed_rows(index, bits), entries, head=head), 0,
                    Image.fromarray(colours[index], "RGB"))
    for name, masks, widths in [("565", (0xf800, 0x7e0, 0x1f), (5, 6, 5)), ("555", None, (5, 5, 5))]:
        down = [rgb[..., i] >> (8 - w) for i, w in enumerate(widths)]
        word = (down[0] << (widths[1] + widths[2])) | (down[1] << widths[2]) | down[2]
        up = np.stack([(d * 255 * 2 + (2 ** w - 1)) // (2 * (2 ** w - 1)) for d, w in zip(down, widths)], -1).astype(np.uint8)
        rows = b"".join(r.astype("<u2").tobytes() + b"\0\0" for r in word[::-1])
        m = struct.pack("<III", *masks) if masks else b""
        decode_case(f"{name}.bmp", bmp(37, 21, 16, rows, compression=3 if m else 0, masks=m, head=40), 1, Image.fromarray(up, "RGB"))
    a = with_alpha(p)
    v = np.asarray(a)
    rows = b"".join(r[:, [2, 1, 0, 3]].tobytes() for r in v)
    masks = struct.pack("<IIII", 0xff0000, 0xff00, 0xff, 0xff000000)
    decode_case("bgra_top_down.bmp", bmp(37, -21, 32, rows, compression=3, masks=masks, head=124), 0, a)
    rows = b"".join(r[:, [2, 1, 0, 3]].tobytes() for r in v[::-1])
    decode_case("bgrx.bmp", bmp(37, 21, 32, rows), 0, p)
    grey = bytes(x for i in range(256) for x in (i, i, i, 0))
    # rows from the bottom: a run and a literal of odd length; end of row; a jump by (2, 1); a run; end
    runs = bytes([3, 9, 0, 3, 5, 6, 7, 0, 0, 0, 0, 2, 2, 1, 2, 200, 0, 1])
    picture = np.zeros((4, 6), np.uint8)
    picture[3] = [9, 9, 9, 5, 6, 7]
    picture[1, 2:4] = 200
    decode_case("rle8.bmp", bmp(6, 4, 8, runs, grey, compression=1), 0, Image.fromarray(picture, "L"))
    runs = bytes([5, 0x12, 0, 0, 0, 5, 0x34, 0x56, 0x70, 0, 0, 1])
    sixteen = bytes(x for i in range(16) for x in (i * 17, i * 17, i * 17, 0))
    picture = np.array([[3, 4, 5, 6, 7], [1, 2, 1, 2, 1]], np.uint8) * 17
    decode_case("rle4.bmp", bmp(5, 2, 4, runs, sixteen, compression=2), 0, Image.fromarray(picture, "L"))
    refuse_case("past_row.bmp", bmp(6, 4, 8, bytes([9, 1, 0, 1]), grey, compression=1))
    refuse_case("few_colours.bmp", bmp(8, 1, 4, bytes([0x12, 0x3f, 0, 0]), sixteen[:16], colors=4))
    refuse_case("holes.bmp", bmp(2, 1, 16, b"\0" * 4, compression=3, masks=struct.pack("<III", 0xf0f0, 0x0f00, 0xf)))
    refuse_case("huge.bmp", bmp(60000, 60000, 24, b"\0" * 64))
    refuse_case("no_width.bmp", bmp(0, 4, 24, b"\0" * 64))
    refuse_case("minus.bmp", bmp(-4, 4, 24, b"\0" * 64))
    refuse_case("jpeg_inside.bmp", bmp(4, 4, 24, b"\0" * 64, compression=4))


def tiffs():
    p = photo(61, 43, 9)
    rgba = with_alpha(p)
    for name, image, how in [("rgb", p, {}), ("lzw", p, {"compression": "tiff_lzw"}), ("deflate", p, {"compression": "tiff_adobe_deflate"}), ("packbits", p, {"compression": "packbits"}),
                             ("alpha", rgba, {}), ("alpha_lzw", rgba, {"compression": "tiff_lzw"}), ("grey", p.convert("L"), {}), ("pal", p.quantize(200), {}), ("one", p.convert("1"), {}),
                             ("group4", p.convert("1"), {"compression": "group4"}), ("big", p, {"big_tiff": True})]:
        decode_case(f"{name}.tif", encode(image, "TIFF", **how))
    decode_case("jpeg.tif", encode(p, "TIFF", compression="jpeg", quality=90), 1)
    for o in (3, 6):
        decode_case(f"turned{o}.tif", encode(p, "TIFF", tiffinfo={0x0112: o}), 0, upright(p, o))
    sixteen = np.random.default_rng(4).integers(0, 65536, (43, 61)).astype(np.uint16)
    decode_case("grey16.tif", encode(Image.fromarray(sixteen), "TIFF"), 1, Image.fromarray((sixteen >> 8).astype(np.uint8), "L"))
    short = encode(p, "TIFF")
    at = short.index(struct.pack("<HHI", 0x0100, 3 if struct.pack("<HHI", 0x0100, 3, 1) in short else 4, 1)) + 8
    refuse_case("wide.tif", short[:at] + struct.pack("<I", 60000) + short[at + 4:])
    refuse_case("head.tif", b"II*\0" + struct.pack("<I", 1 << 30))
    refuse_case("loop.tif", b"II*\0" + struct.pack("<IHI", 8, 0, 8))


def segment(marker, data):
    return struct.pack(">HH", marker, len(data) + 2) + data


def coding(precinct=None, layers=1, block=4):
    sizes = b"" if precinct is None else bytes([precinct] * 6)
    return segment(0xff52, struct.pack(">BBHBBBBBB", bool(sizes), 0, layers, 0, 5, block - 2, block - 2, 0, 1) + sizes)


def code_stream(width, height, part=b"", **how):
    """JPEG 2000 of one tile and three components, all of it head."""
    siz = struct.pack(">H8IH", 0, width, height, 0, 0, width, height, 0, 0, 3) + b"\x07\x01\x01" * 3
    head = b"\xff\x4f" + segment(0xff51, siz) + coding(**how) + segment(0xff5c, b"\x40" * 17)
    return head + segment(0xff90, struct.pack(">HIBB", 0, 14 + len(part), 0, 1)) + part + b"\xff\x93\xff\xd9"


def jp2s():
    p = photo(61, 43, 10)
    rgba = with_alpha(p)
    for name, image, how in [("rgb", p, {}), ("alpha", rgba, {}), ("grey", p.convert("L"), {}), ("la", rgba.convert("LA"), {}), ("tiles", p, {"tile_size": (32, 32)}),
                             ("layers", p, {"quality_mode": "rates", "quality_layers": [20, 5, 1]}), ("codestream", p, {"no_jp2": True})]:
        decode_case(f"{name}.jp2", encode(image, "JPEG2000", **how))
    decode_case("lossy.jp2", encode(p, "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[10]), 2)
    data = encode(p, "JPEG2000")
    at = data.index(b"\xff\x4f\xff\x51") + 8
    refuse_case("huge.jp2", data[:at] + struct.pack(">II", 1 << 31, 1 << 31) + data[at + 8:])
    # heads of some 100 bytes that would take the library gigabytes, or minutes
    refuse_case("blocks.jp2", code_stream(8000, 8000, block=2))
    refuse_case("precincts.jp2", code_stream(4000, 4000, precinct=0x11))
    refuse_case("part_precincts.jp2", code_stream(4000, 4000, part=coding(0x11)))
    refuse_case("many_layers.jp2", code_stream(8000, 8000, layers=65535))


def pnms():
    p = photo(37, 21, 11)
    rgb = np.asarray(p)
    grey = p.convert("L")
    decode_case("rgb.ppm", encode(p, "PPM"), 0, p)
    decode_case("grey.pgm", encode(grey, "PPM"))
    decode_case("one.pbm", encode(p.convert("1"), "PPM"))
    text = lambda kind, values, most, head="": (f"{kind}\n#a comment\n37 21{head}\n" + (f"{most}\n" if most else "") + " ".join(str(v) for v in values.ravel()) + "\n").encode()
    decode_case("text.ppm", text("P3", rgb, 255), 0, p)
    decode_case("text.pgm", text("P2", np.asarray(grey), 255, " # another"), 0, grey)
    one = np.asarray(p.convert("1"))
    decode_case("text.pbm", b"P1 37\n21\n" + b"\n".join(bytes(48 + (not v) for v in row) for row in one), 0, p.convert("1"))
    few = np.asarray(grey) // 20
    decode_case("few.pgm", b"P5 37 21 12 " + few.astype(np.uint8).tobytes(), 1)
    sixteen = np.random.default_rng(12).integers(0, 60001, (21, 37)).astype(np.uint16)
    eight = Image.fromarray(((sixteen.astype(np.uint32) * 255 + 30000) // 60000).astype(np.uint8), "L")
    decode_case("grey16.pgm", b"P5\n37 21\n60000\n" + sixteen.astype(">u2").tobytes(), 0, eight)
    for name, data in [("no_size", b"P6\n"), ("huge", b"P6 60000 60000 255\n" + bytes(99)), ("past_int", b"P5 99999999999 1 255\n\0"), ("minus", b"P5 -1 1 255\n\0"), ("no_top", b"P5 1 1 0\n\0"),
                       ("bright", b"P5 1 1 9\n\x0a"), ("words", b"P2 1 1 255\nten\n"), ("two", b"P1 2 1\n12"), ("kind", b"P7 1 1 255\n\0\0\0")]:
        refuse_case(f"{name}.pnm", data)


def others():
    refuse_case("text.jpg", b"this is not a picture")
    refuse_case("empty.png", b"")
    refuse_case("picture.gif", encode(photo(9, 9).quantize(8), "GIF"))
    huge = bytearray(encode(photo(9, 9), "PNG"))
    import zlib
    huge[16:24] = struct.pack(">II", 60000, 60000)
    huge[29:33] = struct.pack(">I", zlib.crc32(bytes(huge[12:29])))
    refuse_case("huge.png", bytes(huge))
    broken = bytearray(encode(photo(64, 64), "PNG"))
    broken[len(broken) // 2] ^= 0x55
    refuse_case("broken.png", bytes(broken))


def resizes():
    sizes = [((97, 61), (32, 32)), ((97, 61), (224, 224)), ((640, 427), (224, 149)), ((50, 333), (51, 100)), ((33, 7), (3, 21)),
             ((1, 1), (5, 4)), ((300, 2), (1, 1)), ((64, 64), (64, 32)), ((64, 64), (63, 65)), ((13, 17), (13, 17))]
    for i, (a, b) in enumerate(sizes):
        for alpha in (False, True):
            image = photo(*a, seed=20 + i)
            image = with_alpha(image) if alpha else image.convert("RGBA")
            source = raw(f"resize{i}{'a' if alpha else ''}.rgba", image)
            for name, f in FILTERS.items():
                out = raw(f"{source[:-5]}.{name}.rgba", image.resize(b, f))
                lines.append(f"resize {source} {a[0]} {a[1]} {name} {b[0]} {b[1]} {out}")


def centre_cut(image, width, height):
    top, left = int(round((image.height - height) / 2.0)), int(round((image.width - width) / 2.0))
    return image.crop((left, top, left + width, top + height))


def tensors():
    """torchvision's Resize, CenterCrop, ToTensor, Normalize, spelled out."""
    for i, size in enumerate([(320, 213), (213, 320), (90, 77), (257, 255)]):
        image = photo(*size, seed=40 + i)
        source = raw(f"tensor{i}.rgba", image)
        w, h = size

        def shorter(n, f):
            return image.resize((n, int(n * h / w)) if w <= h else (int(n * w / h), n), f)
        imagenet = (np.asarray(centre_cut(shorter(96, Image.BILINEAR), 84, 84), np.float32) / 255 -
                    np.array([0.485, 0.456, 0.406], np.float32)) / np.array([0.229, 0.224, 0.225], np.float32)
        cases = {"imagenet": imagenet.transpose(2, 0, 1),
                 "squash_bgr255": np.asarray(image.resize((60, 40), Image.BILINEAR), np.float32)[..., ::-1].transpose(2, 0, 1),
                 "signed_nhwc": np.asarray(image.resize((48, 48), Image.BICUBIC), np.float32) / 127.5 - 1,
                 "grey": np.asarray(image.resize((28, 28), Image.BILINEAR).convert("L"), np.float32)[None] / 255}
        scale = min(64 / w, 64 / h)
        small = image.resize((int(w * scale + 0.5), int(h * scale + 0.5)), Image.BILINEAR)
        box = Image.new("RGB", (64, 64), (114, 114, 114))
        box.paste(small, ((64 - small.width) // 2, (64 - small.height) // 2))
        cases["letterbox"] = np.asarray(box, np.float32).transpose(2, 0, 1) / 255
        for name, v in cases.items():
            out = put(f"tensor{i}.{name}.f32", np.ascontiguousarray(v, "<f4").tobytes())
            lines.append(f"tensor {source} {w} {h} {name} {out}")


os.makedirs(folder, exist_ok=True)
for make in (jpegs, pngs, webps, bmps, tiffs, jp2s, pnms, others, resizes, tensors):
    make()
with open(os.path.join(folder, "cases.txt"), "w") as f:
    f.write("\n".join(lines) + "\n")
print(f"{len(lines)} picture cases in {folder}")
