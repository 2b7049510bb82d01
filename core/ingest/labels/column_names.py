"""The names that tables and JSON lines commonly give to the columns of the image, its class and its split."""

import re
from collections.abc import Sequence

IMAGE_NAMES = (
    "filename", "file", "filepath", "image", "imagename", "imagefile", "imagefilename", "imagepath", "img", "imgname",
    "imgpath", "imageid", "imgid", "path", "photo", "photoid", "picture", "name", "id", "uuid",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "labelname", "class", "classname", "classlabel", "classid", "category", "categoryname",
    "categoryid", "target", "species", "breed", "y", "type", "variety", "cultivar", "tag", "diagnosis", "genre",
)  # fmt: skip
SPLIT_NAMES = ("split", "set", "subset", "partition", "dataset", "datasetsplit")
BOX_NAMES = (("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"), ("xtl", "ytl", "xbr", "ybr"))


def normalized(name: str) -> str:
    """A column's name without case and signs, so that "File Name" and "file_name" are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def position_of(names: Sequence[str], known: Sequence[str]) -> int | None:
    """The column with the name that stands first in a list of known ones; None if no column has one.

    Args:
        names: The normalized names of the columns.
        known: The known names, the best first.
    """
    return next((names.index(name) for name in known if name in names), None)
