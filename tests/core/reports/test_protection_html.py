"""The page of a report: it loads nothing, escapes every name, and draws its accuracies."""

import base64
import hashlib
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from core.reports.charts import CurveChart, bar_chart, curve_charts
from core.reports.comparisons import NOISE_SIDE
from core.reports.protection_html import render_html
from core.reports.templating import duration
from core.results.evidence import Evidence
from core.results.protection import Imperceptibility
from tests.support.report_samples import adversarial, curve, evidence, report, row, sample, without_curves


class Tags(HTMLParser):
    """Every tag with its attributes, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def curves_of(found: Evidence) -> tuple[CurveChart, ...]:
    return curve_charts([(row.name, row.curves) for row in found.rows], chance=found.chance)


def images_of(page: str) -> list[Image.Image]:
    found = re.findall(r'src="data:image/(?:png|webp|jpeg);base64,([A-Za-z0-9+/=]+)"', page)
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


def test_the_page_loads_nothing_and_runs_its_own_script_only() -> None:
    page = render_html(report(), [sample()])
    tags = Tags(page).tags
    names = {name for name, _ in tags}
    assert not names & {"link", "iframe", "object", "embed", "base", "form"}
    for _, attributes in tags:
        assert not any(key.startswith("on") or key == "href" for key in attributes)
        assert (attributes.get("src") or "data:image/png").startswith("data:image/")
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    [policy] = [a["content"] or "" for name, a in tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:"


def test_names_are_escaped() -> None:
    hostile = '</style><script>alert("1")</script>\x07\udcff'
    page = render_html(report(name=hostile), [sample(path=hostile)])
    assert page.count("<script") == 1
    assert "\x07" not in page
    page.encode()  # lone surrogates would raise
    assert '<script>alert("1")</script>' in Tags(page).text


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(("height", "width", "format"), [(20, 30, "PNG"), (100, 130, "WEBP")])
def test_a_comparison_holds_the_exact_pixels_and_the_amplified_noise(
    channels: int, height: int, width: int, format: str
) -> None:
    one = sample(height=height, width=width, channels=channels)
    if channels in (2, 4):
        one.delivered[..., -1] = one.original[..., -1]
    before, after, noise = images_of(render_html(report(), [one]))
    assert before.format == after.format == format
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
    assert np.array_equal(np.asarray(before.convert(mode)).reshape(one.original.shape), one.original)
    assert np.array_equal(np.asarray(after.convert(mode)).reshape(one.delivered.shape), one.delivered)
    bands = channels - 1 if channels in (2, 4) else channels
    difference = one.delivered[..., :bands].astype(int) - one.original[..., :bands]
    amplified = np.asarray(noise).reshape(height, width, bands).astype(int)
    if format == "PNG":
        assert np.array_equal(amplified, 128 + 15 * difference)
    else:
        assert np.abs(amplified - (128 + 15 * difference)).mean() < 16  # JPEG


def test_large_images_are_jpeg_at_full_size_and_the_page_says_so() -> None:
    page = render_html(report(), [sample(height=600, width=700)])
    before, after, noise = images_of(page)
    assert (before.format, after.format, before.size, after.size) == ("JPEG", "JPEG", (700, 600), (700, 600))
    assert max(noise.size) == NOISE_SIDE
    text = Tags(page).text
    assert "JPEG of quality 95" in text
    assert "exact pixels" not in text
    assert "exact pixels" in Tags(render_html(report(), [sample()])).text


def test_the_page_shows_as_many_images_as_it_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [sample(path=f"{i}.png", height=90) for i in range(4)]
    assert len(images_of(render_html(report(), many))) == 3 * 4
    one = len(render_html(report(), many[:1])) - len(render_html(report(), []))
    monkeypatch.setattr("core.reports.comparisons.MAX_BYTES", 2 * one)
    text = Tags(page := render_html(report(), many)).text
    assert len(images_of(page)) == 3 * 2
    assert "0.png" in text
    assert "2.png" not in text
    monkeypatch.setattr("core.reports.comparisons.MAX_BYTES", 1)
    assert len(images_of(render_html(report(), many))) == 3


def test_versions_of_different_shape_are_refused() -> None:
    one = sample()
    with pytest.raises(ValueError, match="became"):
        render_html(report(), [replace(one, delivered=one.delivered[:-1])])


def test_each_image_has_a_slider_with_a_name_and_its_scores() -> None:
    page = Tags(render_html(report(), [sample(), sample(path="b.png", height=300, width=230, is_part=True)]))
    ranges = [a for name, a in page.tags if name == "input" and a.get("type") == "range"]
    assert [a["aria-label"] for a in ranges] == [
        f"Divider between the original and the protected image {n}" for n in (1, 2)
    ]
    assert "FLIP 0.094, SSIMULACRA2 62" in page.text
    assert "At full size, 230 x 300, a part of the image" in page.text
    assert "a part of the image" not in Tags(render_html(report(), [sample()])).text


def test_visibility_is_stated_with_the_number_of_images_that_were_measured() -> None:
    text = " ".join(Tags(render_html(report(), [])).text.split())
    assert "Measured on 82 of the 10,000 images that changed" in text
    assert "0.051" in text
    assert "Worst image 0.094" in text
    assert "Worst image 61.5" in text
    assert "SSIM " not in text, "the similarity at the size of the noise is no measure of the delivered files"


def test_a_report_without_measures_at_full_size_says_so() -> None:
    usual = report()
    former = Imperceptibility(linf_max=8.0, linf_mean=8.0, mae=5.3, psnr_db=32.4, ssim=0.9)
    text = Tags(render_html(replace(usual, imperceptibility=former), [])).text
    assert "FLIP and SSIMULACRA2 were not measured" in text
    assert "What the scores mean" not in text


def test_settings_have_a_name_a_value_with_its_unit_and_a_meaning() -> None:
    text = " ".join(re.sub("<[^>]+>", " ", render_html(report(percentage=80), [])).split())
    assert "Noise radius radius_u 8 of 255 Largest change of a pixel by the noise, of 255;" in text
    assert "Share of images protected percentage 80 %" in text


def test_without_evidence_the_page_gives_the_reason() -> None:
    text = Tags(render_html(report(evidence(note="too few images: 3")), [])).text
    assert "Not measured" in text
    assert "Too few images: 3." in text
    assert "Before and after" not in text


def test_charts_have_a_title_and_a_description() -> None:
    page = render_html(report(), [])
    tags = Tags(page)
    assert sum(name == "svg" and a.get("role") == "img" for name, a in tags.tags) == 3
    assert sum(name in ("title", "desc") for name, _ in tags.tags) == 1 + 2 * 3
    for number in ("66.2", "24.7", "55.8", "38.4"):
        assert tags.text.count(f"{number}\u00a0%") >= 3, "in the chart, its description and the table"


def test_bars_are_as_long_as_their_accuracies() -> None:
    chart = bar_chart(evidence(row(before=0.662, after=0.247), adversarial(4, before=0.558, after=0.384)))
    values = [[bar.value for bar in group.bars] for group in chart.groups]
    assert values == [[66.2, 24.7], [55.800000000000004, 38.4]]
    for group in chart.groups:
        for bar in group.bars:
            assert bar.low < bar.value < bar.high
            assert bar.y + chart.bar_height < chart.plot_bottom < chart.height


def test_curves_share_a_scale_and_their_labels_do_not_overlap() -> None:
    close = row(before=0.402, after=0.401, n=100)
    charts = curves_of(evidence(row(before=0.7, after=0.2), close))
    assert charts[0].ticks == charts[1].ticks
    first, second = charts[1].lines
    assert first.end_y < second.end_y
    assert second.label_y - first.label_y == pytest.approx(9.0)
    x, y = map(float, charts[0].lines[0].points.split()[-1].split(","))
    assert (x, y) == (100.0, pytest.approx(100 * (1 - 0.7 / 0.75), abs=0.01))


def test_rows_without_curves_or_with_one_epoch_are_drawn() -> None:
    one = curve(end=0.3, peak=0.3, epochs=1)
    assert len(one.epoch) == 1
    found = evidence(
        row(before=0.3, after=0.3, curves={"before": one, "after": one}),
        without_curves(adversarial(4, before=0.3, after=0.2)),
    )
    charts = curves_of(found)
    assert len(charts) == 1
    assert len(charts[0].lines[0].points.split()) == 2
    assert "1 epoch" in Tags(render_html(report(found), [])).text


def test_a_larger_change_than_requested_is_stated() -> None:
    usual = report()
    worse = replace(usual, imperceptibility=replace(usual.imperceptibility, linf_max=23.0))
    assert "More than the requested 8" in Tags(render_html(worse, [])).text
    assert "More than the requested 8" not in Tags(render_html(usual, [])).text


def test_durations() -> None:
    assert [duration(s) for s in (0.42, 48.2, 252, 7380)] == ["0.4 s", "48 s", "4 min 12 s", "2 h 3 min"]


def test_the_runs_of_a_row_are_shown_where_there_are_several() -> None:
    runs = {"before": (0.66, 0.65, 0.676), "after": (0.247, 0.23, 0.264)}
    repeated = replace(row(before=0.662, after=0.247), runs=runs)
    text = Tags(render_html(report(evidence(repeated, adversarial(4, before=0.558, after=0.384))), [])).text
    for expected in ("runs 65.0 to 67.6 %", "runs 23.0 to 26.4 %"):
        assert expected in text.replace("\u00a0", " ")
    assert text.count("runs ") - text.count("training runs ") == 2
