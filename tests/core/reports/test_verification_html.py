"""The page of a verification."""

from core.reports.verification_html import render_verification
from core.specs.verify import VerifySpec
from tests.support.verification_samples import partial_report


def test_a_report_names_the_settings_as_the_form_does() -> None:
    page = render_verification(partial_report(rows=1, spec=VerifySpec()))
    for name in ("Networks", "Shares protected", "Length of training", "Runs of each"):
        assert f"<dt>{name}</dt>" in page
    assert "<dd>small residual network</dd>" in page
    for key in ("architectures", "percentages", "seeds"):
        assert f"<dt>{key}</dt>" not in page
