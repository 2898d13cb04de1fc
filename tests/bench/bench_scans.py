"""`make bench`: 40 synthetic scans with burned-in text: what another reader still makes out, and the time."""

from __future__ import annotations

import io
import resource
import shutil
import subprocess
import time

from bot.deid.files import clean
from tests.bench.rig import report
from tests.support.scans import scan

_SCANS = 40


def main() -> None:
    """Clean the scans, read them before and after with Tesseract where it is installed, report."""
    tesseract = shutil.which("tesseract")
    texts = covered = 0
    readable = {"before": 0, "after": 0}
    took: list[float] = []
    for seed in range(_SCANS):
        one = scan(seed)
        before = io.BytesIO()
        one.image.save(before, "PNG")
        begun = time.process_time()
        cleaned = clean(before.getvalue(), "image/png", "scan.png", None)
        took.append(time.process_time() - begun)
        texts += len(one.written)
        covered += cleaned.counts.texts
        if tesseract:
            written = [text.text for text in one.written]
            for when, data in (("before", before.getvalue()), ("after", cleaned.files[0].data)):
                readable[when] += _legible(tesseract, data, written)
    took.sort()
    report(
        "scans",
        scans=_SCANS,
        texts=texts,
        covered=covered,
        readable_before=readable["before"] if tesseract else "not read",
        readable_after=readable["after"] if tesseract else "not read",
        p50_cpu_seconds=took[len(took) // 2],
        p95_cpu_seconds=took[len(took) * 95 // 100],
        rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    )


def _legible(tesseract: str, data: bytes, texts: list[str]) -> int:
    """How many of these texts Tesseract can make out, in part at least."""
    command = [tesseract, "-", "-", "--psm", "11"]
    seen = (
        subprocess.run(
            command, input=data, capture_output=True, timeout=300, check=True, env={"OMP_THREAD_LIMIT": "1"}
        )
        .stdout.decode()
        .lower()
    )
    return sum(any(word in seen for word in text.lower().split() if len(word) >= 4) for text in texts)


if __name__ == "__main__":
    main()
