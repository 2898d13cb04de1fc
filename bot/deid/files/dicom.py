"""DICOM objects: rendered to pictures, of which text, faces and codes are covered like in any other.

De-identification follows DICOM PS3.15 Annex E, Basic Application Level Confidentiality Profile with the Clean
Pixel Data Option, turned round: not a list of attributes to remove, but a list of those that are read.
Nothing but the pixels and what it takes to show them leaves the original object: private elements,
identifiers, overlays, curves, embedded documents and headers inside compressed frames are never looked at. A
.dcm, if wanted, is a new Secondary Capture object made from the cleaned pictures.
"""

from __future__ import annotations

import io
import logging
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.deid.files.covering import scaled_down
from bot.deid.files.model import CleanFile, Limits, Pixels, Reason, Refused

_DEFLATED = b"1.2.840.10008.1.2.1.99"  # inflated as a whole before anything can be checked
_MOST_SIDE_OF_SERIES = 1600  # pixels, when an object has several frames
_PALETTE = "PALETTE COLOR"
# Of these, PS3.3 C.7.3.1.1.1, the new object tells.
_MODALITIES = frozenset(
    {"CR", "CT", "DX", "ES", "GM", "IO", "IVUS", "MG", "MR", "NM", "OP", "OPT", "OT", "PT"}
)
_MODALITIES |= {"PX", "RF", "SC", "SM", "US", "XA", "XC"}


def read(data: bytes, limits: Limits) -> tuple[list[Pixels], int, int, str]:
    """The frames as they would be shown, how many there are, how many elements fall, and the modality.

    Raises Refused. Of more frames than the limit, as many, evenly spread from the first to the last.
    """
    if _DEFLATED in data[:4096]:
        raise Refused(Reason.COMPRESSION)
    dataset = _read(data)
    if "PixelData" not in dataset:
        raise Refused(Reason.NO_PICTURE)
    rows, columns = int(dataset.get("Rows", 0)), int(dataset.get("Columns", 0))
    total = int(dataset.get("NumberOfFrames", 1) or 1)
    if rows < 1 or columns < 1 or total < 1:
        raise Refused(Reason.BROKEN)
    if rows * columns > limits.pixels or total > limits.frames_at_most:
        raise Refused(Reason.TOO_LARGE)
    shown = np.unique(np.linspace(0, total - 1, min(total, limits.frames)).round().astype(int)).tolist()
    side = limits.side if total == 1 else min(limits.side, _MOST_SIDE_OF_SERIES)
    pictures = [scaled_down(_rendered(dataset, index), side) for index in shown]
    modality = str(dataset.get("Modality", "OT"))
    return pictures, total, _elements(dataset), modality if modality in _MODALITIES else "OT"


def _read(data: bytes) -> Any:
    import pydicom
    from pydicom import config

    # What pydicom says of odd values quotes them.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"pydicom(\..*)?")
    config.settings.reading_validation_mode = config.IGNORE
    try:
        return pydicom.dcmread(io.BytesIO(data))
    except Exception as error:
        raise Refused(Reason.BROKEN) from error


def _rendered(dataset: Any, index: int) -> Pixels:
    """One frame, by PS3.3 C.7.6.3, C.11.1 and C.11.2: rescaled, windowed, 8 bits of RGB."""
    from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
    from pydicom.pixels.utils import pixel_array

    try:
        values = pixel_array(dataset, index=index)
    except (NotImplementedError, RuntimeError) as error:
        raise Refused(Reason.COMPRESSION) from error
    except Exception as error:
        raise Refused(Reason.BROKEN) from error
    meaning = str(dataset.get("PhotometricInterpretation", "MONOCHROME2"))
    if meaning == _PALETTE:
        values = apply_color_lut(values, dataset)
    if values.ndim == 3:
        if values.dtype != np.uint8:
            depth = 16 if meaning == _PALETTE else int(dataset.get("BitsStored", 16))
            values = values.astype(np.float32) * (255.0 / (2**depth - 1))
        return np.ascontiguousarray(np.clip(values[:, :, :3], 0, 255).astype(np.uint8))
    if values.ndim != 2:
        raise Refused(Reason.BROKEN)
    if int(dataset.get("PixelRepresentation", 0)) == 0 and values.dtype.kind == "u":
        values = values & (
            (1 << int(dataset.get("BitsStored", 16))) - 1
        )  # overlays once lay in the bits above
    group = _groups(dataset, index)
    if "ModalityLUTSequence" in dataset or "RescaleSlope" in dataset:
        values = apply_modality_lut(values, dataset)
    elif "RescaleSlope" in group:
        values = values * float(group["RescaleSlope"]) + float(group.get("RescaleIntercept", 0.0))
    grey: NDArray[np.float32]
    if "VOILUTSequence" in dataset:
        grey = _stretched(apply_voi_lut(values, dataset, index=0).astype(np.float32), 0.0, 100.0)
    else:
        grey = _windowed(values.astype(np.float32), dataset, group)
    if meaning == "MONOCHROME1":
        grey = 255.0 - grey
    eight = np.clip(grey, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(eight[:, :, None], 3, axis=2))


def _windowed(values: NDArray[np.float32], dataset: Any, group: dict[str, Any]) -> NDArray[np.float32]:
    """By the first window, PS3.3 C.11.2.1.2.1; by what there is, where none is given or it shows nothing."""
    centre = _first(dataset.get("WindowCenter", group.get("WindowCenter")))
    width = _first(dataset.get("WindowWidth", group.get("WindowWidth")))
    if centre is not None and width is not None and width >= 1:
        low = centre - 0.5 - (width - 1) / 2
        shown = np.clip((values - low) / max(width - 1, 1e-6), 0.0, 1.0) * 255.0
        if float(shown.std()) > 1.0:
            return np.asarray(shown, dtype=np.float32)
    return _stretched(values, 0.5, 99.5)


def _stretched(values: NDArray[np.float32], least: float, most: float) -> NDArray[np.float32]:
    low, high = (float(one) for one in np.percentile(values, (least, most)))
    return np.asarray(np.clip((values - low) * (255.0 / max(high - low, 1e-6)), 0, 255), dtype=np.float32)


def _groups(dataset: Any, index: int) -> dict[str, Any]:
    """Window and rescaling of an enhanced object's frame, PS3.3 C.7.6.16."""
    found: dict[str, Any] = {}
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    each = dataset.get("PerFrameFunctionalGroupsSequence") or []
    for item in [*list(shared)[:1], *list(each)[index : index + 1]]:
        for name in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
            for inner in list(item.get(name) or [])[:1]:
                for key in ("RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth"):
                    if key in inner:
                        found[key] = inner.get(key)
    return found


def _first(value: Any) -> float | None:
    if value is None or value == "":
        return None
    try:
        return float(value)
    except TypeError:
        return float(value[0]) if len(value) else None


def _elements(dataset: Any) -> int:
    """How many elements the object has besides those that make up the picture."""
    return sum(1 for tag in dataset.keys() if tag.group not in (0x0028, 0x7FE0))  # noqa: SIM118 – not a mapping


def capture(pictures: list[Pixels], modality: str, name: str) -> CleanFile:
    """A new Secondary Capture object (PS3.3 A.8) of cleaned pictures, with new identifiers."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import (
        ExplicitVRLittleEndian,
        MultiFrameTrueColorSecondaryCaptureImageStorage,
        SecondaryCaptureImageStorage,
        generate_uid,
    )

    several = len(pictures) > 1
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = (
        MultiFrameTrueColorSecondaryCaptureImageStorage if several else SecondaryCaptureImageStorage
    )
    meta.MediaStorageSOPInstanceUID = generate_uid(prefix=None)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    new = Dataset()
    new.file_meta = meta
    new.SOPClassUID = meta.MediaStorageSOPClassUID
    new.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    new.StudyInstanceUID, new.SeriesInstanceUID = generate_uid(prefix=None), generate_uid(prefix=None)
    for empty in (
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyDate",
        "StudyTime",
        "StudyID",
    ):
        setattr(new, empty, "")
    new.AccessionNumber = new.ReferringPhysicianName = ""
    new.SeriesNumber, new.InstanceNumber = 1, 1
    new.Modality, new.ConversionType = modality, "WSD"
    new.PatientIdentityRemoved, new.BurnedInAnnotation = "YES", "NO"
    new.DeidentificationMethod = "New pixels; nothing else kept"
    method = []
    for value, meaning in (
        ("113100", "Basic Application Confidentiality Profile"),
        ("113101", "Clean Pixel Data Option"),
    ):
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
        method.append(code)
    new.DeidentificationMethodCodeSequence = method
    new.Rows, new.Columns = pictures[0].shape[:2]
    if several:
        new.NumberOfFrames = len(pictures)
    new.SamplesPerPixel, new.PhotometricInterpretation, new.PlanarConfiguration = 3, "RGB", 0
    new.BitsAllocated, new.BitsStored, new.HighBit, new.PixelRepresentation = 8, 8, 7, 0
    pixels = b"".join(one.tobytes() for one in pictures)
    new.PixelData = pixels + b"\x00" * (len(pixels) % 2)
    out = io.BytesIO()
    new.save_as(out, enforce_file_format=True)
    return CleanFile(out.getvalue(), "application/dicom", int(new.Columns), int(new.Rows), name)
