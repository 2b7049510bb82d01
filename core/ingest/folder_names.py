"""The table of conventions: what the name of a folder in a dataset means. Names are compared word by word, folded.

A name alone decides nothing: `core.ingest.class_layout` looks at the folders beside it and inside it too.
"""

import re
from functools import lru_cache
from typing import Literal

from core.ingest.album_names import is_album_name
from core.portable_names import fold

Split = Literal["train", "test"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SPLIT_WORDS: dict[Split, str] = {
    "train": "train training trainset traindata trn tr trainval learn learning fit "
    "trainieren lernen entrenamiento apprentissage entrainement entraînement treino addestramento "
    "训练 训练集 訓練 学習 обучение тренировка",
    "test": "test testing testset testdata tst val valid validation validate validating valset vld dev devel devset "
    "development eval evaluation evaluate holdout heldout unseen minival probe "
    "validierung prueba pruebas validación validacion teste validação validacao prova "
    "测试 测试集 验证 验证集 検証 テスト 評価 тест валидация проверка",
}
_SPLITS: dict[str, Split] = {word: split for split, words in _SPLIT_WORDS.items() for word in words.split()}
_WEAK_SPLITS = _words("tr trn fit learn learning probe vld tst unseen")
"""Words that name a split only beside clear ones."""
_PAIRS = {("hold", "out"): "holdout", ("held", "out"): "heldout", ("train", "val"): "trainval"}
_NEUTRAL = _words(
    "set sets data dataset datasets split splits subset fold image images img imgs picture pictures photo photos pics "
    "bilder fotos file files folder dir jpg jpeg jpegs png pngs sample samples part raw full clean new final all x "
    "original originals orig cropped crop crops resized aligned small large big mini tiny rgb color colour gray grey "
    "labeled labelled v the of for my"
)
"""Words that change nothing about the split that a name states: training_set, images-train, train2017, x_test."""
_CONTAINERS = _words(
    "images image imgs img jpegimages pngimages jpg jpeg jpegs png pictures pics photos data dataset datasets raw "
    "originals masks mask labels annotations segmentation segmentations segmentationclass segmentationobject "
    "groundtruth gt classes class categories category all"
)
_NUMBERED = _words("class classes category")
"""Words that name a class when a number follows: class_0, category-12."""
_ASIDE = _words(
    "doc docs documentation readme assets asset static figures figure figs fig preview previews demo demos examples "
    "example samples sample screenshots screenshot media misc other others notebooks notebook scripts script src code "
    "paper poster logo logos icons icon website web public resources res results output outputs plots plot "
    "visualization visualizations unlabeled unlabelled unsup"
)
_LEFT_OUT = {
    "thumbnails": _words("thumb thumbs thumbnail thumbnails vignettes miniaturen"),
    "a cache": _words("cache caches cached temp tmp"),
    "deleted files": _words("trash recycled recycle deleted trashed wastebasket"),
}
_COMPANIONS = {
    "thumbnails": _words("index middle ring pinky finger fingers fist palm"),
    "a cache": _words("humidity pressure heap stack register"),
    "deleted files": _words("glass paper plastic metal cardboard organic compost recyclable battery clothes can cans"),
}
"""Classes among which such a name is a class too, as "trash" is in a dataset of waste."""
_GROUP = re.compile(
    r"(cv|fold|split|part|batch|chunk|shard|set|subset|group|volume|vol|disc|disk|run|round|session|dump)"
    r"[-_ .]?(\d+|[a-z])|[kx]?fold[-_ ]?\d+|\d+(st|nd|rd|th)?[-_ ]?(fold|split|part|batch)",
)
_WORD = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@lru_cache(1024)
def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, folded: without digits, punctuation and the change of case in camelCase.

    Args:
        name: The name of one folder, or a value of a label file.
    """
    found = _WORD.findall(fold(_CAMEL.sub(" ", name)))
    for place in range(len(found) - 1):
        joined = _PAIRS.get((found[place], found[place + 1]))
        if joined is not None:
            found[place : place + 2] = [joined, ""]
    return tuple(word for word in found if word)


def split_of(name: str) -> Split | None:
    """The split that a name states and nothing else, such as "training_set" or "val2017"; None if it states none.

    Args:
        name: The name of one folder, or a value of a label file.
    """
    words = words_of(name)
    stated = {_SPLITS[word] for word in words if word in _SPLITS}
    if len(stated) != 1 or any(word not in _SPLITS and word not in _NEUTRAL for word in words):
        return None
    return stated.pop()


def is_weak_split(name: str) -> bool:
    """Whether a name states a split only by a word that people use for other things too, such as "probe"."""
    return all(word not in _SPLITS or word in _WEAK_SPLITS for word in words_of(name))


def is_container(name: str) -> bool:
    """Whether a name says only that images or what belongs to them lies inside, such as "JPEGImages" or "masks".

    Args:
        name: The name of one folder.
    """
    words = words_of(name)
    if not words or not all(word in _CONTAINERS for word in words):
        return fold(name) in _CONTAINERS
    is_numbered_class = _NUMBERED.issuperset(words) and any(character.isdigit() for character in name)
    return not is_numbered_class


def is_aside(name: str) -> bool:
    """Whether a name is that of a folder which lies beside a dataset, such as "docs"."""
    words = words_of(name)
    return bool(words) and all(word in _ASIDE or word in _NEUTRAL for word in words)


def is_group(name: str) -> bool:
    """Whether a name is that of a part of a dataset rather than of a class, such as "fold2", "part_a" or a date."""
    return _GROUP.fullmatch(fold(name)) is not None or is_album_name(name)


def left_out_meaning(name: str, siblings: frozenset[str]) -> str | None:
    """What a folder holds whose images do not belong to the dataset, to follow "looks like"; None for other folders.

    Args:
        name: The name of the folder.
        siblings: The names of the folders beside it.
    """
    words = words_of(name)
    for meaning, names in _LEFT_OUT.items():
        if words and all(word in names or word in _NEUTRAL for word in words) and not names.isdisjoint(words):
            is_class = any(not _COMPANIONS[meaning].isdisjoint(words_of(other)) for other in siblings)
            return None if is_class else meaning
    return None


def split_word(word: str) -> Split | None:
    """The split that one word states clearly, folded; None if it states none.

    Args:
        word: One word in lower case.
    """
    return None if word in _WEAK_SPLITS else _SPLITS.get(word)


def joined_split(name: str) -> tuple[Split, str] | None:
    """The split and the class of a folder that names both, such as "train_cat" or "cat-test"; None for other names.

    Args:
        name: The name of the folder.
    """
    for found in (re.fullmatch(r"([^\W\d_]+)[-_ .](.+)", name), re.fullmatch(r"(.+)[-_ .]([^\W\d_]+)", name)):
        for word, rest in ((1, 2), (2, 1)) if found else ():
            assert found is not None
            split = split_word(fold(found[word]))
            if split is not None and split_of(found[rest]) is None:
                return split, found[rest]
    return None
