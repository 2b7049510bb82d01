"""The plain text tables."""

from core.reports.text_tables import evidence_table
from tests.support.report_samples import adversarial, evidence, row


def test_the_table_has_a_line_for_each_row_and_states_what_was_tested() -> None:
    table = evidence_table(evidence(row(before=0.662, after=0.247), adversarial(4, before=0.558, after=0.384)))
    head, rule, standard, attacked, foot = table.splitlines()
    assert " ".join(head.split()) == (
        "trained on originals 95 % interval protected 95 % interval difference protection"
    )
    assert set(rule) == {"-"}
    assert standard.split("  ")[0] == "standard training"
    assert "66.2 %" in standard
    assert "24.7 %" in standard
    assert "−41.5" in standard
    assert attacked.startswith("adversarial training, Linf radius 4/255")
    assert "2000 clean test images" in foot
    assert "Too few" in evidence_table(evidence(note="too few images"))
