"""DICOM without identifiers: eighteen are planted, none is left in what leaves."""

import io

import numpy as np
import pydicom
import pytest
from PIL import Image

from bot.deid.files import Limits, Options, Reason, Refused, clean, decoder, dicom
from bot.deid.files.covering import Clock
from tests.support import planted
from tests.support.planted import IDENTIFIERS


def _left(data: bytes) -> list[str]:
    inside = planted.streams(data).lower()
    return [name for name, value in IDENTIFIERS.items() if value.lower().encode() in inside]


def test_eighteen_planted_identifiers_and_none_is_left() -> None:
    data = planted.dicom(burned="QUASTENBERG OTTILIE 22.07.1931")
    assert len(IDENTIFIERS) == 18 and sorted(_left(data)) == sorted(IDENTIFIERS)
    cleaned = clean(data, "application/dicom", "quastenberg.dcm", None, Options(dicom=True))
    picture, new = cleaned.files
    for file in (*cleaned.files, *cleaned.comparisons):
        assert not _left(file.data) and "quastenberg" not in file.name
    assert cleaned.counts.texts == 1 and cleaned.counts.metadata > 18
    pixels = np.asarray(Image.open(io.BytesIO(picture.data)))
    assert (picture.mimetype, pixels.shape) == ("image/png", (256, 256, 3))
    assert (
        pixels[128, 128].min() > 240 and pixels[8:24, 8:250].max() < 120
    )  # the picture stands, the words do not

    made = pydicom.dcmread(io.BytesIO(new.data))
    assert (made.PatientName, made.PatientID, made.Modality) == ("", "", "CT")
    assert made.PatientIdentityRemoved == "YES" and made.BurnedInAnnotation == "NO"
    assert [code.CodeValue for code in made.DeidentificationMethodCodeSequence] == ["113100", "113101"]
    assert not [element for element in made if element.tag.is_private or element.tag.group == 0x6000]
    assert not made.StudyInstanceUID.startswith("1.2.826.0.1.3680043.8.498.11112345")
    assert (made.pixel_array == pixels).all()


def test_of_many_frames_some_are_shown_and_it_is_said() -> None:
    cleaned = clean(planted.dicom(frames=5), "", "", None, Options(limits=Limits(frames=2)))
    assert len(cleaned.files) == len(cleaned.comparisons) == 2
    assert (cleaned.counts.shown, cleaned.counts.of) == (2, 5)


def _greys(rows: int = 4) -> np.ndarray:
    return np.tile(np.linspace(0, 4000, 16, dtype=np.uint16), (1, rows, 1))


def test_windows_rescaling_and_inverted_greys() -> None:
    plain = _frame(planted.dicom(_greys(), WindowCenter=2000, WindowWidth=4000))
    assert plain[0, 0] < 3 and plain[0, -1] > 252 and (np.diff(plain[0].astype(int)) > 0).all()
    inverted = _frame(
        planted.dicom(_greys(), WindowCenter=2000, WindowWidth=4000, PhotometricInterpretation="MONOCHROME1")
    )
    assert abs(inverted.astype(int) + plain - 255).max() <= 1
    shifted = _frame(
        planted.dicom(_greys(), WindowCenter=976, WindowWidth=4000, RescaleSlope=1, RescaleIntercept=-1024)
    )
    assert (shifted == plain).all()
    nowhere = _frame(planted.dicom(_greys(), WindowCenter=90000, WindowWidth=10))
    assert nowhere[0, 0] < 10 and nowhere[0, -1] > 240  # a window that shows nothing does not count
    over = planted.dicom(_greys() | 0xF000, WindowCenter=2000, WindowWidth=4000)
    assert (_frame(over) == plain).all()  # an overlay in the bits above


def test_colours() -> None:
    colours = np.zeros((1, 8, 8, 3), dtype=np.uint8)
    colours[..., 0] = 200
    settings = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    depth = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    assert dicom.read(planted.dicom(colours, **settings, **depth), Limits())[0][0][0, 0].tolist() == [
        200,
        0,
        0,
    ]


def _frame(data: bytes) -> np.ndarray:
    return dicom.read(data, Limits())[0][0][:, :, 0]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (planted.dicom().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99"), Reason.COMPRESSION),
        (planted.dicom(Rows=60_000, Columns=60_000), Reason.TOO_LARGE),
        (planted.dicom(NumberOfFrames=100_000), Reason.TOO_LARGE),
        (planted.dicom(Rows=0), Reason.BROKEN),
        (planted.dicom(NumberOfFrames=9), Reason.BROKEN),
    ],
)
def test_what_cannot_be_shown_is_refused(data: bytes, reason: Reason) -> None:
    with pytest.raises(Refused) as refused:
        dicom.read(data, Limits())
    assert refused.value.reason is reason


def test_an_object_without_a_picture_and_a_compressed_one_are_refused() -> None:
    report = pydicom.dcmread(io.BytesIO(planted.dicom()))
    del report.PixelData
    out = io.BytesIO()
    report.save_as(out)
    with pytest.raises(Refused) as refused:
        clean(out.getvalue(), "", "", None)
    assert refused.value.reason is Reason.NO_PICTURE
    lossless = pydicom.dcmread(io.BytesIO(planted.dicom()))
    lossless.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLosslessSV1
    lossless.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"])
    lossless["PixelData"].VR = "OB"
    out = io.BytesIO()
    lossless.save_as(out)
    with pytest.raises(Refused) as refused:
        clean(out.getvalue(), "", "", None)
    assert refused.value.reason is Reason.COMPRESSION


def test_damaged_objects_crash_nothing() -> None:
    for data in planted.damaged(planted.dicom(), 2):
        try:
            frames, *_ = decoder.frames(data, Limits(), Clock(60))
        except Refused:
            continue
        assert all(one.ndim == 3 for one in frames)
