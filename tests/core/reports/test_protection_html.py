"""The page of a report: it loads nothing, escapes every name, and draws its accuracies."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from core.reports.charts import CurveChart, bar_chart, curve_charts
from core.reports.protection_html import MAX_SAMPLES, MAX_SIDE, Sample, render_html
from core.reports.templating import duration
from core.results.evidence import Evidence
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
    found = re.findall(r'src="data:image/png;base64,([A-Za-z0-9+/=]+)"', page)
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    tags = Tags(render_html(report(), [sample()])).tags
    names = {name for name, _ in tags}
    assert not names & {"script", "link", "iframe", "object", "embed", "base", "form"}
    for _, attributes in tags:
        assert not any(key.startswith("on") or key == "href" for key in attributes)
        assert (attributes.get("src") or "data:image/png").startswith("data:image/png")
    assert any("default-src 'none'" in (a.get("content") or "") for _, a in tags)


def test_names_are_escaped() -> None:
    hostile = '</style><script>alert("1")</script>\x07\udcff'
    page = render_html(report(name=hostile), [sample(path=hostile)])
    assert "<script" not in page
    assert "\x07" not in page
    page.encode()  # lone surrogates would raise
    assert '<script>alert("1")</script>' in Tags(page).text


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_strip_shows_original_protected_and_amplified_noise(channels: int) -> None:
    one = sample(height=20, width=30, channels=channels)
    if channels in (2, 4):
        one.protected[..., -1] = one.original[..., -1]
    before, after, noise = images_of(render_html(report(), [one]))
    assert np.array_equal(np.asarray(before).reshape(one.original.shape), one.original)
    assert np.array_equal(np.asarray(after).reshape(one.protected.shape), one.protected)
    bands = channels - 1 if channels in (2, 4) else channels
    difference = one.protected[..., :bands].astype(int) - one.original[..., :bands]
    assert np.array_equal(np.asarray(noise).reshape(20, 30, bands), 128 + 15 * difference)


def test_large_images_are_scaled_down_and_only_a_few_are_shown() -> None:
    many = [sample(path=f"{i}.png", height=3 * MAX_SIDE, width=MAX_SIDE) for i in range(MAX_SAMPLES + 3)]
    images = images_of(render_html(report(), many))
    assert len(images) == 3 * MAX_SAMPLES
    assert {max(image.size) for image in images} == {MAX_SIDE}


def test_versions_of_different_shape_are_refused() -> None:
    one = sample()
    with pytest.raises(ValueError, match="became"):
        render_html(report(), [Sample(one.path, one.original, one.protected[:-1])])


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
