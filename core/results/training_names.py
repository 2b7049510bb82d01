"""How reports name a training and its learner. Imports no torch."""


def training_name(norm: str | None, radius: int, countermeasure: str | None) -> str:
    """How a training is called in reports.

    Args:
        norm: Of the adversarial training.
        radius: Of the adversarial training, of 255; 0 for standard training.
        countermeasure: Its name; None for none.
    """
    name = f"adversarial training, {norm or 'Linf'} radius {radius}/255" if radius else "standard training"
    return name if countermeasure is None else f"{name}, after {countermeasure}"


def learner_name(
    architecture: str, image_size: int | None, norm: str | None, radius: int, countermeasure: str | None
) -> str:
    """How a row is called in reports: the training, and before it the learner where there are several.

    Args:
        architecture: The learner's label.
        image_size: Side in pixels of the images that it sees; None where a report has one learner and one size.
        norm: Of the adversarial training.
        radius: Of the adversarial training, of 255; 0 for standard training.
        countermeasure: Its name; None for none.
    """
    training = training_name(norm, radius, countermeasure)
    if image_size is None:
        return training
    return f"{architecture} at {image_size} px, {training}"
