"""Files full of planted identifiers, to see whether any of it is left. All names are invented."""

import contextlib
import io
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageDraw, PngImagePlugin

from tests.support.scans import font, scan

PICTURES = Path(__file__).parent / "pictures"
MARK = "Kellermann-Planted"  # every planted text begins with it


def plant(place: str) -> str:
    """The text planted in this place."""
    return f"{MARK}-{place}-4711"


def photo(seed: int = 1, size: tuple[int, int] = (200, 150)) -> Image.Image:
    """Soft coloured shapes: nothing that could be taken for a text or a face."""
    values = np.random.default_rng(seed).integers(60, 200, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(values).resize(size, Image.Resampling.BICUBIC)


def exif() -> bytes:
    """An EXIF block with texts, a place and a thumbnail that has a comment of its own."""
    block = Image.Exif()
    block[0x010E], block[0x013B], block[0x8298] = plant("description"), plant("artist"), plant("copyright")
    block[0x010F], block[0x0110], block[0x0132] = plant("make"), plant("model"), "2024:03:05 10:11:12"
    block.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + plant("usercomment").encode()
    block.get_ifd(0x8769)[0x927C] = plant("makernote").encode()
    block.get_ifd(0x8769)[0xA431] = plant("serial")
    block.get_ifd(0x8825)[0x0001], block.get_ifd(0x8825)[0x001B] = "N", plant("gps").encode()
    return block.tobytes()


def xmp() -> bytes:
    """An XMP packet with a name."""
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator>{plant("xmp")}</dc:creator></rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def profile() -> bytes:
    """An sRGB profile with a text at its end."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + plant("icc").encode()


def jpeg() -> bytes:
    """A JPEG with EXIF, XMP, IPTC, a comment, a profile, a second picture and bytes behind its end."""
    out = io.BytesIO()
    photo().save(
        out, "JPEG", exif=exif(), xmp=xmp(), comment=plant("comment").encode(), icc_profile=profile()
    )
    data = out.getvalue()
    iptc = (
        b"Photoshop 3.0\0"
        + b"8BIM\x04\x04\0\0"
        + struct.pack(">I", 64)
        + plant("iptc").encode().ljust(64, b"\0")
    )
    block = b"\xff\xed" + struct.pack(">H", len(iptc) + 2) + iptc
    thumbnail = io.BytesIO()
    photo(2, (40, 30)).save(thumbnail, "JPEG", comment=plant("second").encode())
    return data[:2] + block + data[2:] + thumbnail.getvalue() + plant("trailer").encode()


def png() -> bytes:
    """A PNG with every sort of text chunk, and a text drawn where nothing is opaque."""
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", plant("text"))
    texts.add_text("Comment", plant("ztxt"), zip=True)
    texts.add_itxt("Title", plant("itxt"), zip=True)
    texts.add(b"prVt", plant("private").encode())
    picture = photo().convert("RGBA")
    hidden = Image.new("RGBA", (120, 30), (255, 255, 255, 0))
    ImageDraw.Draw(hidden).text(
        (4, 4), "HIDDEN 4711", fill=(0, 0, 0, 0), font=font("DejaVuSans-Bold.ttf", 16)
    )
    picture.paste(hidden, (10, 10))
    out = io.BytesIO()
    picture.save(out, "PNG", pnginfo=texts, exif=exif(), icc_profile=profile())
    return out.getvalue() + plant("trailer").encode()


def webp() -> bytes:
    """A WebP with EXIF, XMP, a profile and bytes behind its end."""
    out = io.BytesIO()
    photo().save(out, "WEBP", exif=exif(), xmp=xmp(), icc_profile=profile(), lossless=True)
    return out.getvalue() + plant("trailer").encode()


def heic() -> bytes:
    """A HEIC with EXIF and XMP, made once of `jpeg()`, and bytes behind its end."""
    return (PICTURES / "planted.heic").read_bytes() + plant("trailer").encode()


def tiff(pages: int = 2) -> bytes:
    """A TIFF of several pages with texts in its tags."""
    out = io.BytesIO()
    first, *others = (photo(number) for number in range(pages))
    first.save(
        out,
        "TIFF",
        save_all=True,
        append_images=others,
        tiffinfo={270: plant("description"), 315: plant("artist")},
    )
    return out.getvalue() + plant("trailer").encode()


def gif(frames: int = 1) -> bytes:
    """A GIF with a comment."""
    out = io.BytesIO()
    first, *others = (photo(number) for number in range(frames))
    first.save(out, "GIF", save_all=True, append_images=others, comment=plant("comment").encode())
    return out.getvalue()


def bmp() -> bytes:
    """A BMP with bytes behind its end."""
    out = io.BytesIO()
    photo().save(out, "BMP")
    return out.getvalue() + plant("trailer").encode()


# What is planted in a DICOM object: one of each of the eighteen of 45 CFR 164.514(b)(2)(i), as standard
# elements, in sequences, as private elements, and in an overlay, an embedded document and behind the pixels.
IDENTIFIERS = {
    "name": "Quastenberg^Ottilie",
    "address": "Lindenzeile 17, 99999 Musterhausen",
    "birth": "19310722",
    "phone": "+49 555 0104711",
    "fax": "+49 555 0104712",
    "mail": "o.quastenberg@mail.example",
    "national": "078-05-1120",
    "record": "MRN-88812345",
    "plan": "PLAN-77712345",
    "account": "ACC-66612345",
    "licence": "LIC-55512345",
    "vehicle": "WVWZZZ1JZXW000001",
    "device": "SERIAL-44412345",
    "url": "https://portal.example/p/4711",
    "ip": "192.0.2.147",
    "biometric": "FINGER-33312345",
    "photo": "PHOTO-22212345",
    "other": "STUDY-11112345",
}


def dicom(pixels: Any = None, *, frames: int = 1, burned: str = "", **elements: Any) -> bytes:
    """A DICOM object of 12-bit greys (or of these pixels) with all of IDENTIFIERS in it."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.8.498.11112345.1"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.SourceApplicationEntityTitle = IDENTIFIERS["other"]
    one = Dataset()
    one.file_meta = meta
    one.SOPClassUID, one.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    one.StudyInstanceUID = one.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.11112345.2"
    one.PatientName, one.PatientID = IDENTIFIERS["name"], IDENTIFIERS["record"]
    one.PatientAddress, one.PatientBirthDate = IDENTIFIERS["address"], IDENTIFIERS["birth"]
    one.PatientTelephoneNumbers = IDENTIFIERS["phone"]
    one.PatientComments = f"Fax {IDENTIFIERS['fax']} {IDENTIFIERS['mail']} {IDENTIFIERS['national']}"
    one.IssuerOfPatientID, one.AccessionNumber = IDENTIFIERS["plan"], IDENTIFIERS["account"]
    one.OperatorsName, one.StudyID = IDENTIFIERS["licence"], IDENTIFIERS["other"]
    one.DeviceSerialNumber, one.StationName = IDENTIFIERS["device"], IDENTIFIERS["ip"]
    one.RetrieveURL, one.ImageComments = IDENTIFIERS["url"], IDENTIFIERS["vehicle"]
    one.Modality = "CT"
    reference = Dataset()
    reference.RequestedProcedureDescription, reference.ScheduledProcedureStepID = (
        "CT",
        IDENTIFIERS["biometric"],
    )
    one.RequestAttributesSequence = [reference]
    private = one.private_block(0x0029, "PLANTED 1.0", create=True)
    private.add_new(0x01, "LO", IDENTIFIERS["photo"])
    private.add_new(0x02, "OB", " ".join(IDENTIFIERS.values()).encode())
    one.add_new(0x60000010, "US", 16)
    one.add_new(0x60000011, "US", 16)
    one.add_new(0x60000022, "LO", IDENTIFIERS["name"])
    one.add_new(0x60003000, "OW", IDENTIFIERS["name"].encode().ljust(32, b"\0"))
    one.add_new(0x00420011, "OB", b"%PDF-1.4 " + IDENTIFIERS["name"].encode())  # an embedded document
    shape = (256, 256)
    if pixels is None:
        y, x = np.mgrid[: shape[0], : shape[1]]
        grey = 900 * np.exp(-((x - 128) ** 2 + (y - 128) ** 2) / 5000.0) + 100
        if burned:
            mask = Image.new("L", (shape[1], shape[0]), 0)
            ImageDraw.Draw(mask).text((8, 8), burned, fill=255, font=font("DejaVuSans.ttf", 15))
            grey = np.where(np.asarray(mask) > 100, 1000, grey)
        pixels = np.repeat(grey.astype(np.uint16)[None], frames, axis=0)
    one.Rows, one.Columns = pixels.shape[1:3]
    if frames > 1:
        one.NumberOfFrames = frames
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 12, 11, 0
    one.WindowCenter, one.WindowWidth = 550, 900
    one.PixelData = pixels.tobytes()
    one.DataSetTrailingPadding = IDENTIFIERS["name"].encode()
    for name, value in elements.items():
        setattr(one, name, value)
    out = io.BytesIO()
    one.save_as(out, enforce_file_format=True)
    return out.getvalue()


def streams(data: bytes) -> bytes:
    """A file's bytes and everything in it that zlib can inflate: where a planted text may still hide."""
    found = [data]
    at = 0
    while (at := data.find(b"x", at)) >= 0:
        if data[at : at + 2] in (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda"):
            with contextlib.suppress(zlib.error):
                found.append(zlib.decompressobj().decompress(data[at:], 20_000_000))
        at += 1
    return b"\n".join(found)


def damaged(data: bytes, count: int, seed: int = 7) -> list[bytes]:
    """The same file cut off, and with bytes changed, in so many ways."""
    chance = random.Random(seed)
    broken = []
    for number in range(count):
        if number % 2:
            broken.append(data[: chance.randint(12, len(data) - 1)])
            continue
        changed = bytearray(data)
        for _ in range(chance.randint(1, 30)):
            changed[chance.randrange(12, len(changed))] = chance.randrange(256)
        broken.append(bytes(changed))
    return broken


def pdf(
    *, scanned: bool = False, pages: int = 1, password: str = "", text: str = "", hidden: bool = True
) -> bytes:
    """A PDF with a letter, and planted things in its metadata, an attachment, a form, a link and an outline.

    `scanned`: the letter is a picture; `text`: in place of the letter.
    """
    import pypdfium2
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    lines = (text or LETTER).split("\n")
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(595, 842), encrypt=StandardEncryption(password) if password else None)
    canvas.setTitle(plant("title")), canvas.setAuthor(plant("author")), canvas.setSubject(plant("subject"))
    for number in range(pages):
        if scanned:
            canvas.drawImage(ImageReader(_paper(lines)), 0, 0, 595, 842)
        else:
            for row, line in enumerate(lines):
                canvas.drawString(60, 780 - 16 * row, line)
            canvas.drawImage(ImageReader(scan(number, texts=3).image), 60, 300, 240, 200)
        canvas.bookmarkPage(f"p{number}")
        canvas.addOutlineEntry(plant("outline"), f"p{number}")
        if hidden:
            canvas.linkURL(f"https://{plant('link')}.example", (50, 50, 100, 100))
            canvas.acroForm.textfield(name=plant("field"), value=plant("value"), x=60, y=80, width=200)
        canvas.showPage()
    canvas.save()
    if password:
        return out.getvalue()
    document = pypdfium2.PdfDocument(out.getvalue())
    document.new_attachment(f"{plant('attachment')}.txt").set_data(plant("attached").encode())
    saved = io.BytesIO()
    document.save(saved)
    document.close()
    return saved.getvalue()


LETTER = """Dear colleague,
thank you for seeing our patient Ottilie Quastenberg, born 22.07.1931,
MRN 88812345, phone +49 555 0104711, mail o.quastenberg@mail.example.
She was admitted on 3 March 2024 with chest pain and a troponin of 40 ng/l.
The echocardiogram showed a mildly reduced ejection fraction of 48 %.
Mrs Quastenberg takes ramipril 5 mg and bisoprolol 2.5 mg every day.
With kind regards
Dr. Tobias Lindqvist"""


def _paper(lines: list[str]) -> Image.Image:
    """A letter as a scanner sees it."""
    page = Image.new("L", (1240, 1754), 244)
    draw = ImageDraw.Draw(page)
    for row, line in enumerate(lines):
        draw.text((110, 120 + 44 * row), line, fill=30, font=font("DejaVuSerif.ttf", 24))
    return page.rotate(0.7, Image.Resampling.BICUBIC, fillcolor=244).convert("RGB")
