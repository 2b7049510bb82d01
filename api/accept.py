"""Content negotiation by the `Accept` header (RFC 9110, section 12.5.1)."""


def prefers_html(accept: str) -> bool:
    """Whether a client prefers HTML to JSON.

    Args:
        accept: The value of the `Accept` header.

    Returns:
        True if it names text/html with a weight above 0, and application/json with no greater weight.
    """
    weights: dict[str, float] = {}
    for item in accept.split(","):
        media_type, *parameters = (part.strip() for part in item.split(";"))
        weights[media_type.lower()] = next((_weight(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
    html = weights.get("text/html", 0.0)
    return html > 0 and html >= weights.get("application/json", 0.0)


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
